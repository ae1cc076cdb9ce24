"""Who asks: a user id becomes the context that flags are evaluated with."""

from collections.abc import Mapping

_BETA_TESTERS_EVERY = 20


def context(user: str) -> Mapping[str, object]:
    """The evaluation context of a user; every twentieth is a beta tester."""
    digits = "".join(character for character in user if character.isdecimal())
    is_beta = bool(digits) and int(digits[-6:]) % _BETA_TESTERS_EVERY == 0
    return {"targetingKey": user, "userId": user, "userGroups": ["beta-testers"] if is_beta else []}
