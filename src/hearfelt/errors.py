"""The errors that hearfelt raises, with their exit codes and HTTP statuses."""

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
    """Base of all errors of hearfelt; the message says what is wrong and how to mend it.

    Example:
        >>> try:
        ...     raise AudioError("clip.wav: the file is empty; a sound file is wanted")
        ... except HearfeltError as error:
        ...     print(error)
        clip.wav: the file is empty; a sound file is wanted
    """


class AudioError(HearfeltError, ValueError):
    """A sound that cannot be read, is too short or silent."""


class AudioNotFoundError(AudioError, FileNotFoundError):
    """A sound file that does not exist."""


class CorpusError(HearfeltError, ValueError):
    """A corpus, a table of recordings or a split that cannot be used."""


class DownloadError(HearfeltError, OSError):
    """A download that is incomplete; running the command again resumes it."""


class RecipeError(HearfeltError, ValueError):
    """A recipe with an unknown key or an impossible value."""


class ModelError(HearfeltError, ValueError):
    """A model file that is missing, damaged or not what its card says."""


class ExtraMissingError(HearfeltError, ImportError):
    """An optional package that is not installed; the message names the extra to install."""


# The exit code of a command and the HTTP status of a response. 2 is the shell's own code for wrong usage.
_CODES: Final[dict[type[HearfeltError], tuple[int, int]]] = {
    AudioNotFoundError: (3, 422),
    AudioError: (3, 422),
    CorpusError: (4, 422),
    RecipeError: (5, 422),
    ModelError: (6, 404),
    ExtraMissingError: (7, 415),
    DownloadError: (8, 503),
    HearfeltError: (1, 422),
}

EXIT_CODES: Final[dict[type[HearfeltError], int]] = {kind: code for kind, (code, _) in _CODES.items()}


def exit_code(error: HearfeltError) -> int:
    """Give the exit code of a command that ends with this error.

    Example:
        >>> exit_code(AudioError("clip.wav: empty"))
        3
    """
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


def http_status(error: HearfeltError) -> int:
    """Give the HTTP status of a response with this error.

    Example:
        >>> http_status(AudioError("clip.wav: empty"))
        422
    """
    return next(status for kind, (_, status) in _CODES.items() if isinstance(error, kind))


def require(module: str, extra: str) -> ModuleType:
    """Import an optional package, or name the extra to install.

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
