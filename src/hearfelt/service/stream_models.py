"""The models that live streams are heard with, each loaded once and shared by all streams."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hearfelt.errors import ModelError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.model_registry import offered_models

__all__ = ["StreamModels"]


class StreamModels:
    """Loads a model when it is asked for first.

    Args:
        offered: names of shipped models or paths, the default first; no others are loaded for a client.
    """

    def __init__(self, offered: Sequence[str]) -> None:
        self._offered = offered_models(offered)
        self._loaded: dict[str, Recognizer] = {}
        self._lock = threading.Lock()

    def load(self, name: str | None = None) -> Recognizer:
        """Give a model; one thread computes for one stream, so that streams don't disturb each other.

        Raises:
            ModelError: if it is not offered.
        """
        chosen = next(iter(self._offered)) if name is None else name
        if chosen not in self._offered:
            raise ModelError(f"model {chosen[:40]!r} is not offered here; there is {', '.join(self._offered)}")
        with self._lock:
            if chosen not in self._loaded:
                self._loaded[chosen] = Recognizer.load(self._offered[chosen], threads=1)
            return self._loaded[chosen]
