"""Where the weights of the two encoders come from.

Both are only needed for training: what the package ships is our own trained network. They come from a file, or from
where they were published; nothing is ever unpickled, and nothing but the published numbers gets in.
"""

from __future__ import annotations

import importlib.util
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from torch import Tensor

from hearfelt.corpora.web import Web
from hearfelt.errors import DownloadError, ExtraMissingError, ModelError, require
from hearfelt.models.encoders.moonshine_file import moonshine_tensors
from hearfelt.models.encoders.ort_file import read_ort
from hearfelt.models.encoders.published import Published, Shapes, checked_weights
from hearfelt.models.encoders.remote_tensors import fetch_tensors
from hearfelt.runtime.cache import default_cache

__all__ = ["MOONSHINE_TINY", "WHISPER_BASE", "moonshine_weights", "whisper_weights"]

PLACE: Final = "HEARFELT_WHISPER"
"""Environment variable: another address of Whisper base's ``model.safetensors``, such as a mirror's."""

MOONSHINE_FILE: Final = "assets/tiny-en/encoder_model.ort"
MOONSHINE_WHEEL: Final = "moonshine-voice==0.0.48"
LARGEST_ORT: Final = 1 << 26  # 64 MiB; the real one has 13 MB

LAYERS: Final = 4  # of 6 in either encoder; the last ones know the words and no longer the voice


def whisper_weights(
    path: Path | None = None,
    *,
    source: Published | None = None,
    web: Web | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Tensor]:
    """Load the first four layers of Whisper base's encoder (OpenAI, MIT licence).

    Args:
        path: a ``.safetensors`` file that holds them, such as ``openai/whisper-base``'s own or an excerpt of it; what
            else is in it is passed over. By default they are fetched once, 57 MB, from where they were published or
            from where the environment variable ``HEARFELT_WHISPER`` says, and kept in the user's cache.
        source: what is expected; Whisper base by default.
        web: how to ask a server.
        progress: called with the number of bytes just fetched.

    Returns:
        Tensors by name, such as ``layers.0.fc1.weight``; float32, rounded to the float16 in which OpenAI published
        them, so that every copy gives the same numbers.

    Raises:
        ModelError: if the file cannot be read, or a tensor is missing, of another shape, not finite or not the
            published one.
        DownloadError: if the download did not arrive, or the cache is off and there is nowhere to keep it.
        ExtraMissingError: if safetensors is not installed.
    """
    source = source or WHISPER_BASE
    if path is not None:
        return checked_weights(source, _read_safetensors(path, source), str(path))
    title = source.name.lower().replace(" ", "-")
    kept = _cache_folder() / "pretrained" / f"{title}-{source.fingerprint[:8]}.safetensors"
    if not kept.is_file():
        url = os.environ.get(PLACE) or source.url
        names = [source.prefix + name for name in source.shapes]
        fetch_tensors(url, names, kept, web=web or Web(place=PLACE), progress=progress)
    try:
        return checked_weights(source, _read_safetensors(kept, source), str(kept))
    except ModelError as error:
        kept.unlink(missing_ok=True)
        raise DownloadError(f"{error}; it was deleted, run this again to start over") from error


def moonshine_weights(path: Path | None = None, *, source: Published | None = None) -> dict[str, Tensor]:
    """Load the first four layers of Moonshine tiny's English encoder (Moonshine AI, MIT licence).

    They were published as 8-bit numbers inside a package, which is not imported.

    Args:
        path: the file ``encoder_model.ort``, or the package's wheel, which holds it; by default it is looked for
            among the installed packages.
        source: what is expected; Moonshine tiny by default.

    Returns:
        float32 tensors by name, such as ``layers.0.q.weight``.

    Raises:
        ModelError: if the file cannot be read, or a tensor is missing, of another shape, not finite or not the
            published one.
        ExtraMissingError: if no path is given and the package is not installed.
    """
    source = source or MOONSHINE_TINY
    path = path or _installed_moonshine()
    model = read_ort(_ort_content(path), name=str(path))
    return checked_weights(source, moonshine_tensors(model, source.shapes), str(path))


def _read_safetensors(path: Path, source: Published) -> dict[str, Tensor]:
    safetensors = require("safetensors", "train")
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            there = {name.removeprefix(source.prefix): name for name in file.keys()}  # noqa: SIM118 - it is no dict
            chosen = {name: file.get_tensor(there[name]) for name in source.shapes if name in there}
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise ModelError(f"{path}: {reason}; a .safetensors file is wanted") from error
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path}: this is no .safetensors file ({error})") from error
    return {name: tensor.half().float() for name, tensor in chosen.items()}


def _cache_folder() -> Path:
    cache = default_cache().path
    if cache is None:
        raise DownloadError(
            "HEARFELT_CACHE is off, so there is nowhere to keep an encoder's weights; give the path of a file instead"
        )
    return cache.parent


def _installed_moonshine() -> Path:
    # Finding a package is not importing it: nothing of it runs.
    found = importlib.util.find_spec("moonshine_voice")
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / MOONSHINE_FILE
        if path.is_file():
            return path
    raise ExtraMissingError(
        f"moonshine-voice is not installed, whose files hold the encoder's weights: pip install {MOONSHINE_WHEEL},"
        " or give the path of its wheel"
    )


def _ort_content(path: Path) -> bytes:
    try:
        if path.suffix != ".whl":
            if path.stat().st_size > LARGEST_ORT:
                raise ModelError(
                    f"{path}: {path.stat().st_size >> 20} MiB; the encoder has at most {LARGEST_ORT >> 20}"
                )
            return path.read_bytes()
        with zipfile.ZipFile(path) as wheel:
            member = wheel.getinfo(f"moonshine_voice/{MOONSHINE_FILE}")
            if member.file_size > LARGEST_ORT:
                raise ModelError(f"{path}: {member.file_size >> 20} MiB; the encoder has at most {LARGEST_ORT >> 20}")
            return wheel.read(member)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file; the wheel of {MOONSHINE_WHEEL} is wanted") from error
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{path}: the encoder cannot be read out of it ({error}); get it again") from error


def _whisper_shapes() -> Shapes:
    width, bands, positions = 512, 80, 1_500
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (width, bands, 3),
        "conv1.bias": (width,),
        "conv2.weight": (width, width, 3),
        "conv2.bias": (width,),
        "embed_positions.weight": (positions, width),
    }
    for layer in (f"layers.{place}" for place in range(LAYERS)):
        for part in ("q", "k", "v", "out"):
            shapes[f"{layer}.self_attn.{part}_proj.weight"] = (width, width)
            if part != "k":
                shapes[f"{layer}.self_attn.{part}_proj.bias"] = (width,)
        for norm in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"{layer}.{norm}.weight": (width,), f"{layer}.{norm}.bias": (width,)}
        shapes |= {f"{layer}.fc1.weight": (4 * width, width), f"{layer}.fc1.bias": (4 * width,)}
        shapes |= {f"{layer}.fc2.weight": (width, 4 * width), f"{layer}.fc2.bias": (width,)}
    return shapes


def _moonshine_shapes(layers: int = LAYERS) -> Shapes:
    width = 288
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (width, 1, 127),
        "groupnorm.weight": (width,),
        "groupnorm.bias": (width,),
        "conv2.weight": (2 * width, width, 7),
        "conv2.bias": (2 * width,),
        "conv3.weight": (width, 2 * width, 3),
        "conv3.bias": (width,),
    }
    for layer in (f"layers.{place}" for place in range(layers)):
        shapes |= {f"{layer}.{part}.weight": (width, width) for part in ("q", "k", "v", "o")}
        shapes |= {f"{layer}.attention_norm.weight": (width,), f"{layer}.norm.weight": (width,)}
        shapes |= {f"{layer}.fc1.weight": (4 * width, width), f"{layer}.fc1.bias": (4 * width,)}
        shapes |= {f"{layer}.fc2.weight": (width, 4 * width), f"{layer}.fc2.bias": (width,)}
    return shapes


WHISPER_BASE: Final = Published(
    "Whisper base",
    _whisper_shapes(),
    "c76c8da2b9a702ab916962adb31dc086f6252e5ca6d5d49ac1b5008bfb1da0c5",
    prefix="model.encoder.",
    url="https://huggingface.co/openai/whisper-base/resolve/main/model.safetensors",
)
MOONSHINE_TINY: Final = Published(
    "Moonshine tiny", _moonshine_shapes(), "555fe4b30f6ea7d6687df3a28a23f5199387da42c827729192f853be856c6cfa"
)
