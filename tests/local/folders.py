import tempfile
from pathlib import Path


def short_folder() -> Path:
    """A folder with a path short enough for a socket, which the user that root hands Postgres to can enter."""
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir="/tmp"))
    folder.chmod(0o755)
    return folder
