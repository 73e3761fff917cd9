"""The bundled clips that are shown as examples."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

__all__ = ["example_clips"]

_OF_CARDS: Final = "synthetic-loud-and-pressed.flac"  # for the known answers of cards, so it stays as it is


def example_clips() -> list[Path]:
    """List the clips to try, by name; each is meant to sound like its name.

    Example:
        >>> [clip.stem for clip in example_clips()][:2]
        ['synthetic-angry', 'synthetic-calm']
    """
    folder = Path(str(resources.files("hearfelt.examples")))
    return sorted(clip for clip in folder.glob("*.flac") if clip.name != _OF_CARDS)
