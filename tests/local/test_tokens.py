import re
import stat
from pathlib import Path

from local import tokens


def test_tokens_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    first = tokens.ensure(tmp_path)
    assert tokens.ensure(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600


def test_a_token_says_its_type_and_holds_256_bits(tmp_path: Path) -> None:
    made = tokens.ensure(tmp_path)
    assert re.fullmatch(r"cf_admin_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", made.admin)
    assert re.fullmatch(r"cf_sdk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", made.sdk)
