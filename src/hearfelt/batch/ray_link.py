"""Connection to a Ray cluster, and its errors as sentences."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from hearfelt.errors import HearfeltError, require

__all__ = ["connected", "ray_errors"]

_LOCAL: Final = "local"  # a cluster of this machine alone, for trying it
_LISTENS_S: Final = 20.0
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}


@contextmanager
def connected(address: str, workers: int | None) -> Iterator[Any]:
    """Connect to a Ray cluster; disconnect when the block ends.

    Args:
        address: ``"auto"`` for the cluster that this machine belongs to, ``host:port`` or ``ray://host:port`` for
            another, ``"local"`` for one of this machine alone.
        workers: how many cores a cluster of this machine alone has; None for all.

    Yields:
        The package ``ray``.

    Raises:
        ExtraMissingError: if Ray is not installed.
        HearfeltError: if the cluster cannot be reached.
    """
    os.environ.update(_QUIET)  # Ray would send usage statistics
    ray = require("ray", "ray")
    was_there = ray.is_initialized()
    _check_reachable(address)
    try:
        if not was_there:
            own = {"num_cpus": workers, "include_dashboard": False} if address == _LOCAL else {}
            with ray_errors(ray, address):
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
        yield ray
    finally:
        if not was_there:
            ray.shutdown()


@contextmanager
def ray_errors(ray: Any, address: str) -> Iterator[None]:
    """Raise whatever a cluster fails with as one HearfeltError."""
    try:
        yield
    except HearfeltError:
        raise
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        reason = " ".join(str(error).split())[-300:]
        raise HearfeltError(f"the Ray cluster at {address} failed ({reason}); the same command goes on") from error


def _check_reachable(address: str) -> None:
    """Raise at once if nothing listens at an address; Ray itself would try for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto" and "local"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_LISTENS_S).close()
    except (OSError, OverflowError) as error:
        raise HearfeltError(f"no Ray cluster answers at {address} ({error}); check the address") from error
