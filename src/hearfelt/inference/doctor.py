"""Check an installation: versions, extras, and whether each model file gives the known answer of its card."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Final

from hearfelt.errors import HearfeltError, ModelError
from hearfelt.inference.recognizer import Recognizer, model_path

__all__ = ["NO_KNOWN_ANSWER", "TOLERANCE", "Health", "Installation", "check_model", "installation"]

TOLERANCE: Final = 0.02  # of a probability; processors that compute in 8 bits differ by less
NO_KNOWN_ANSWER: Final = "loads; no known answer in its card"
_NOT_AN_EXTRA: Final = "test"  # all the others together, and what the tests need


@dataclass(frozen=True)
class Health:
    """The result of checking one model.

    Attributes:
        model: its name or path.
        ok: whether it loads and gives the known answer.
        message: the result in words.
        file_bytes: size of the file; None if there is none.
        difference: largest difference of a probability from the known answer; None if there is no such answer.
    """

    model: str
    ok: bool
    message: str
    file_bytes: int | None = None
    difference: float | None = None


@dataclass(frozen=True)
class Installation:
    """Versions, system and extras of this installation.

    Attributes:
        versions: of hearfelt, Python, and the packages and libraries that recognizing needs.
        system: operating system and processor.
        providers: execution providers of ONNX Runtime; hearfelt uses the CPU.
        cores: number that this process may use.
        extras: for each extra its packages and their versions; None where one is not installed.
    """

    versions: Mapping[str, str]
    system: str
    providers: tuple[str, ...]
    cores: int
    extras: Mapping[str, Mapping[str, str | None]]


def installation() -> Installation:
    """Look up versions, providers and cores; optional packages are not imported for it.

    Example:
        >>> installation().cores >= 1
        True
    """
    import soundfile
    import soxr

    from hearfelt.inference.onnx_runtime import onnxruntime

    versions = {
        "hearfelt": metadata.version("hearfelt"),
        "Python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "onnxruntime": onnxruntime.__version__,
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
        "soxr": soxr.__version__,
        "libsoxr": soxr.__libsoxr_version__,
    }
    system = f"{platform.system()} {platform.machine()}".strip()
    return Installation(versions, system, tuple(onnxruntime.get_available_providers()), _cores(), _extras())


def check_model(model: str | Path) -> Health:
    """Load a model and compare its prediction for the clip that its card names with the known answer there.

    Args:
        model: name of a shipped model, or a path.

    Example:
        >>> check_model("no-such-model").ok
        False
    """
    name, size = str(model), None
    try:
        size = model_path(model).stat().st_size
        recognizer = Recognizer.load(model, threads=1)
        known = recognizer.card.known_answer
        if not known:
            return Health(name, True, NO_KNOWN_ANSWER, size)
        clip = resources.files("hearfelt.examples") / known["example"]
        if not clip.is_file():
            raise ModelError(f"its card names the clip {known['example']}, which does not come with this hearfelt")
        answer = recognizer.recognize(clip.read_bytes()).probabilities
    except (HearfeltError, OSError) as error:
        return Health(name, False, str(error), size)
    apart = {label: abs(answer[label] - share) for label, share in known["probabilities"].items()}
    worst = max(apart, key=lambda label: apart[label])
    if apart[worst] > TOLERANCE:
        message = (
            f"answers {known['example']} otherwise than its card says: {worst} {answer[worst]:.2f} instead of"
            f" {known['probabilities'][worst]:.2f}; load an undamaged copy"
        )
        return Health(name, False, message, size, apart[worst])
    return Health(name, True, f"answers {known['example']} as its card says", size, apart[worst])


def _cores() -> int:
    # A container or taskset may allow fewer than there are.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _extras() -> dict[str, dict[str, str | None]]:
    extras: dict[str, dict[str, str | None]] = {}
    for line in metadata.requires("hearfelt") or []:
        found = re.match(r"([\w.-]+)[^;]*;.*extra == ['\"]([\w-]+)['\"]", line)
        if found and found[2] != _NOT_AN_EXTRA:
            extras.setdefault(found[2], {})[found[1]] = _version(found[1])
    return extras


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
