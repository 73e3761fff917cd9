"""What can go wrong, as few classes as a caller can tell apart, and what each means at every edge."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Final

__all__ = [
    "EXIT_CODES",
    "AudioError",
    "AudioNotFoundError",
    "CorpusError",
    "DownloadError",
    "ExtraMissingError",
    "HearfeltError",
    "ModelError",
    "RecipeError",
    "exit_code",
    "http_status",
    "require",
]


class HearfeltError(Exception):
    """Anything that hearfelt refuses, with one sentence that says what would be right."""


class AudioError(HearfeltError, ValueError):
    """A sound that cannot be read, or in which nothing can be heard."""


class AudioNotFoundError(AudioError, FileNotFoundError):
    """A sound file that is not there."""


class CorpusError(HearfeltError, ValueError):
    """A corpus, a table of recordings, or a split, from which no honest answer can come."""


class DownloadError(HearfeltError, OSError):
    """A download that did not arrive whole; running it again goes on where it stopped."""


class RecipeError(HearfeltError, ValueError):
    """A recipe with an unknown key or an impossible value."""


class ModelError(HearfeltError, ValueError):
    """A model file that is missing, damaged or not what its card says."""


class ExtraMissingError(HearfeltError, ImportError):
    """An optional package that is not installed; the message names the extra that brings it."""


# The one table that turns errors into a program's exit code, and into the status of a service's answer. 2 is the
# shell's own code for wrong usage.
_MEANINGS: Final[dict[type[HearfeltError], tuple[int, int]]] = {
    AudioNotFoundError: (3, 422),
    AudioError: (3, 422),
    CorpusError: (4, 422),
    RecipeError: (5, 422),
    ModelError: (6, 404),
    ExtraMissingError: (7, 415),
    DownloadError: (8, 503),
    HearfeltError: (1, 422),
}

EXIT_CODES: Final[dict[type[HearfeltError], int]] = {kind: code for kind, (code, _) in _MEANINGS.items()}


def exit_code(error: HearfeltError) -> int:
    """Tell which exit code a command ends with after this error.

    Example:
        >>> exit_code(AudioError("clip.wav: empty"))
        3
    """
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


def http_status(error: HearfeltError) -> int:
    """Tell with which status a service answers after this error.

    Example:
        >>> http_status(AudioError("clip.wav: empty"))
        422
    """
    return next(status for kind, (_, status) in _MEANINGS.items() if isinstance(error, kind))


def require(module: str, extra: str) -> ModuleType:
    """Import an optional package, or say which extra brings it.

    Args:
        module: dotted name, such as ``"sklearn.manifold"``.
        extra: name of the extra in ``pip install "hearfelt[extra]"``.

    Raises:
        ExtraMissingError: if the package is not installed.

    Example:
        >>> require("json", "plots").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ExtraMissingError(
            f"{package} is not installed; this command needs it: pip install 'hearfelt[{extra}]'"
        ) from error
