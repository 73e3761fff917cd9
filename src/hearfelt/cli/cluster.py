"""What the commands that train do with ``--ray``: their pieces become tasks of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hearfelt.errors import HearfeltError

if TYPE_CHECKING:
    from hearfelt.training.executor import Spread

__all__ = ["device_with", "meant_everywhere", "spread_over"]


@contextmanager
def spread_over(ray: str | None, at_once: int | None) -> Iterator[Spread | None]:
    """Give what does pieces of work on a cluster; None if nobody asked for one.

    Args:
        ray: what ``--ray`` was given.
        at_once: the most pieces at once; None for as many as the cluster has cores for.
    """
    if ray is None:
        yield None
        return
    from hearfelt.batch.ray_tasks import tasks_on_ray

    with tasks_on_ray(ray, at_once=at_once) as spread:
        yield spread


def device_with(ray: str | None, device: str) -> str:
    """Decide what ``--device`` means: a task of a cluster is given a core, and no graphics card.

    Raises:
        HearfeltError: if both a cluster and a graphics card are asked for.

    Example:
        >>> device_with(None, "auto"), device_with("auto", "auto")
        ('auto', 'cpu')
    """
    if ray is not None and device == "cuda":
        raise HearfeltError("--device cuda: tasks of a Ray cluster work on cores; leave out --ray or --device")
    return "cpu" if ray is not None and device == "auto" else device


def meant_everywhere(paths: Mapping[str, Path]) -> dict[str, Path]:
    """Write paths in full, because other machines don't know the folder that we are in."""
    return {name: path.absolute() for name, path in paths.items()}
