"""Which models a service offers, and by which name each is asked for: the one on its card, wherever its file lies."""

from __future__ import annotations

from collections.abc import Sequence

from hearfelt.errors import ModelError
from hearfelt.inference.recognizer import Recognizer, shipped_models

__all__ = ["offered_models"]


def offered_models(models: Sequence[str]) -> dict[str, str]:
    """Find the names that clients use.

    Args:
        models: names or files, the default first.

    Returns:
        For each name what is to be loaded, in the same order.

    Raises:
        ModelError: if a file cannot be loaded, has no name, or has the name of another.

    Example:
        >>> offered_models(["tiny", "svm"])
        {'tiny': 'tiny', 'svm': 'svm'}
    """
    offered: dict[str, str] = {}
    for model in dict.fromkeys(models):
        name = model if model in shipped_models() else Recognizer.load(model, threads=1).card.name
        if not name.strip():
            raise ModelError(f"{model}: its card has no name, by which a client could ask for it; teach it with one")
        if name in offered:
            raise ModelError(f"{offered[name]} and {model} are both called {name!r}; offer one of them only")
        offered[name] = model
    return offered
