"""The one way to Temporal, shared by the API, the worker, the replayer and the tests."""

import re
from collections.abc import Mapping

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime

HIGHEST_PORT = 65535


async def connect(
    environ: Mapping[str, str] | None = None,
    *,
    lazy: bool = True,
    runtime: Runtime | None = None,
    identity: str | None = None,
) -> Client:
    """Give a client; a lazy one connects at its first call, so that the API starts while Temporal is down.

    A worker needs one that is connected: RuntimeError when Temporal does not answer. `identity` is what Temporal's
    page calls this process.

    The address, namespace, TLS and API key come from Temporal's own profile file and `TEMPORAL_*` variables
    (`temporalio.envconfig`), so that a cluster or Temporal Cloud needs no code. Raises ValueError for an address
    that is not host:port, which a lazy client would say at each call only.
    """
    config = ClientConfig.load_client_connect_config(override_env_vars=dict(environ) if environ is not None else None)
    require_address(config.setdefault("target_host", "127.0.0.1:7233"))
    return await Client.connect(
        **config, data_converter=pydantic_data_converter, lazy=lazy, runtime=runtime, identity=identity
    )


def require_address(address: str) -> None:
    """Raises ValueError unless this is host:port, as `127.0.0.1:7233` or `[::1]:7233`."""
    host, _, port = address.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and 0 < int(port) <= HIGHEST_PORT
    if not is_port or not re.fullmatch(r"[^\s/@]+", host):
        raise ValueError("Temporal's address is not host:port: see TEMPORAL_ADDRESS, or the address of the profile")
