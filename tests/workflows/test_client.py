import os

import pytest

from workflows.client import connect


def environ(address: str) -> dict[str, str]:
    return {"TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": os.devnull}


@pytest.mark.parametrize(
    "address", ["temporal", "http://temporal:7233", "temporal:y", "temporal:0", ":1", "a b:1", "a:70000"]
)
async def test_an_address_that_no_call_could_use_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="TEMPORAL_ADDRESS"):
        await connect(environ(address))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:7233", "crossfade.a1b2c.tmprl.cloud:7233"])
async def test_an_address_of_nobody_is_called_later(address: str) -> None:
    await connect(environ(address))
