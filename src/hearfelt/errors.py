"""The errors that hearfelt raises, with their exit codes and HTTP statuses."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "AudioError",
    "AudioNotFoundError",
    "CorpusError",
    "DownloadError",
    "ExtraMissingError",
    "HearfeltError",
    "ModelError",
    "RecipeError",
    "require",
]


class HearfeltError(Exception):
    """Base of all errors of hearfelt; the message says what is wrong and how to mend it.

    Attributes:
        exit_code: of a command that ends with this error; 2 is the shell's own code for wrong usage.
        http_status: of a response with this error.

    Example:
        >>> try:
        ...     raise AudioError("clip.wav: the file is empty; a sound file is wanted")
        ... except HearfeltError as error:
        ...     print(error)
        clip.wav: the file is empty; a sound file is wanted
    """

    exit_code: int = 1
    http_status: int = 422


class AudioError(HearfeltError, ValueError):
    """A sound that cannot be read, is too short or silent."""

    exit_code = 3


class AudioNotFoundError(AudioError, FileNotFoundError):
    """A sound file that does not exist."""


class CorpusError(HearfeltError, ValueError):
    """A corpus, a table of recordings or a split that cannot be used."""

    exit_code = 4


class DownloadError(HearfeltError, OSError):
    """A download that is incomplete; running the command again resumes it."""

    exit_code = 8
    http_status = 503


class RecipeError(HearfeltError, ValueError):
    """A recipe with an unknown key or an impossible value."""

    exit_code = 5


class ModelError(HearfeltError, ValueError):
    """A model file that is missing, damaged or not what its card says."""

    exit_code = 6
    http_status = 404


class ExtraMissingError(HearfeltError, ImportError):
    """An optional package that is not installed; the message names the extra to install."""

    exit_code = 7
    http_status = 415


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
