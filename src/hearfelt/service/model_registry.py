"""The models that a service offers, by the names on their cards."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hearfelt.errors import ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.recognizer import Recognizer, shipped_models

__all__ = ["ModelRegistry"]


class ModelRegistry:
    """Models by name, each loaded when it is first needed and then shared by all threads.

    A model is called by the name on its card, wherever its file lies; no other file is loaded for a client.

    Args:
        models: names of shipped models or paths of files, the default first.

    Attributes:
        files: the name or path that each model is loaded from, by the model's name, in the order given.

    Raises:
        ModelError: if a file cannot be loaded, has no name, or has the name of another.

    Example:
        >>> ModelRegistry(["tiny", "svm"]).files
        {'tiny': 'tiny', 'svm': 'svm'}
    """

    def __init__(self, models: Sequence[str]) -> None:
        self.files: dict[str, str] = {}
        self._recognizers: dict[str, Recognizer] = {}
        self._lock = threading.Lock()
        for model in dict.fromkeys(models):
            name = model
            if model not in shipped_models():
                self._recognizers[model] = Recognizer.load(model, threads=1)
                name = self._recognizers[model].card.name
            if not name.strip():
                raise ModelError(f"{model}: its card has no name, by which a client could ask for it; give it a name")
            if name in self.files:
                raise ModelError(f"{self.files[name]} and {model} are both called {name!r}; offer only one of them")
            self.files[name] = model

    def file(self, name: str | None = None) -> str:
        """Return the name or path that a model is loaded from; by default the first model's.

        Raises:
            ModelError: if the model is not offered.
        """
        if name is None:
            return next(iter(self.files.values()))
        if name not in self.files:
            raise ModelError(f"model {name[:40]!r} is not offered here; offered are {', '.join(self.files)}")
        return self.files[name]

    def card(self, name: str) -> ModelCard:
        """Return a model's card; the model is loaded for it, and kept for streams.

        Raises:
            ModelError: if the model is not offered or cannot be loaded.
        """
        return self.recognizer(name).card

    def recognizer(self, name: str | None = None) -> Recognizer:
        """Return a model, loaded once; one thread computes for one stream, so that streams don't slow each other.

        Raises:
            ModelError: if the model is not offered or cannot be loaded.
        """
        file = self.file(name)
        with self._lock:
            if file not in self._recognizers:
                self._recognizers[file] = Recognizer.load(file, threads=1)
            return self._recognizers[file]
