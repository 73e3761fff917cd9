"""What the commands that train do with ``--ray``: their pieces become tasks of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hearfelt.runtime.executor import Executor

__all__ = ["executor_on", "meant_everywhere"]


@contextmanager
def executor_on(ray: str | None, at_once: int | None) -> Iterator[Executor | None]:
    """Connect to a Ray cluster and yield its executor; None without ``--ray``.

    Args:
        ray: what ``--ray`` was given.
        at_once: the most pieces at once; None for as many as the cluster has cores for.
    """
    if ray is None:
        yield None
        return
    from hearfelt.batch.ray_cluster import executor_on_ray

    with executor_on_ray(ray, at_once=at_once) as executor:
        yield executor


def meant_everywhere(paths: Mapping[str, Path]) -> dict[str, Path]:
    """Write paths in full, because other machines don't know the folder that we are in."""
    return {name: path.absolute() for name, path in paths.items()}
