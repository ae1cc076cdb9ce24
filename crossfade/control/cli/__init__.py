"""The command line `crossfade`; its packages come with the extra `cli`."""

import sys

USAGE = 2


def main() -> int:
    """Carry out what the command line says; the exit code."""
    try:
        from crossfade.control.cli.running import run  # noqa: PLC0415 - the client alone is installed without click
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in {"click", "rich"}:
            raise
        print("crossfade: the command line needs click and rich: pip install 'crossfade[cli]'", file=sys.stderr)  # noqa: T201 - a command prints
        return USAGE
    return run(sys.argv[1:])
