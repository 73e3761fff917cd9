"""Loads the published weights of Whisper's encoder; names, shapes and a hash are checked.

They are needed for training only: what the package ships is our own trained network. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from hearfelt.errors import DownloadError, ModelError, require
from hearfelt.models.encoders.whisper import WhisperEncoder

__all__ = ["WHISPER_BASE", "Published", "fingerprint", "whisper_weights"]


@dataclass(frozen=True)
class Published:
    """Published weights.

    Attributes:
        name: for messages.
        shapes: every tensor that is needed, without the prefix.
        fingerprint: of all these tensors, as :func:`fingerprint` computes it.
        prefix: what stands before the names in the published file.
        repository: on the Hugging Face Hub.
    """

    name: str
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)
    fingerprint: str
    prefix: str = ""
    repository: str = ""

    def checked(self, weights: dict[str, Tensor], where: str) -> dict[str, Tensor]:
        """Give the weights back if they are the published ones.

        Args:
            weights: what was found, without the prefix.
            where: the file, for messages.

        Raises:
            ModelError: if a tensor is missing, of another shape or not finite, or the numbers are others.
        """
        for name, shape in self.shapes.items():
            title = f"{where}: tensor {self.prefix}{name}"
            if name not in weights:
                raise ModelError(f"{title} is missing; {self.name} has it")
            if tuple(weights[name].shape) != shape:
                raise ModelError(f"{title} is {list(weights[name].shape)}; in {self.name} it is {list(shape)}")
            if not bool(weights[name].isfinite().all()):
                raise ModelError(f"{title} holds numbers that are not finite; get it again")
        if (found := fingerprint(weights)) != self.fingerprint:
            raise ModelError(
                f"{where}: the names are {self.name}'s and the numbers are not (fingerprint {found[:12]},"
                f" published {self.fingerprint[:12]})"
            )
        return weights


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Compute a hash of a set of tensors, whatever file they came in.

    Returns:
        SHA-256 over names, shapes and values rounded to float16, in the order of the names; 64 hexadecimal digits.

    Example:
        >>> one = {"a": torch.ones(2), "b": torch.zeros(1)}
        >>> fingerprint(one) == fingerprint({"b": torch.zeros(1), "a": torch.ones(2, dtype=torch.float16)})
        True
        >>> fingerprint(one) == fingerprint({"a": torch.ones(2), "b": torch.full((1,), 0.001)})
        False
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = weights[name].detach().to("cpu", torch.float16).contiguous()
        digest.update(f"{name} {list(values.shape)}\n".encode())
        digest.update(values.numpy().astype("<f2", copy=False).tobytes())
    return digest.hexdigest()


def whisper_weights(path: Path | None = None, *, source: Published | None = None) -> dict[str, Tensor]:
    """Load the first four layers of Whisper base's encoder (OpenAI, MIT licence).

    Args:
        path: a ``.safetensors`` file that holds them, such as ``openai/whisper-base``'s own or an excerpt of it, or a
            folder with one such file; what else is in it is passed over. By default it comes once from the Hugging
            Face Hub, 290 MB, into the Hub's own cache; its environment variables apply, such as ``HF_ENDPOINT`` (a
            mirror), ``HF_HOME`` and ``HF_HUB_OFFLINE``.
        source: what is expected; Whisper base by default.

    Returns:
        Tensors by name, such as ``layers.0.fc1.weight``; float32, rounded to the float16 in which OpenAI published
        them, so that every copy gives the same numbers.

    Raises:
        ModelError: if the file cannot be read, or a tensor is missing, of another shape, not finite or not the
            published one.
        DownloadError: if the download did not arrive.
        ExtraMissingError: if safetensors, or huggingface_hub where it is needed, is not installed.
    """
    source = source or WHISPER_BASE
    path = _from_hub(source) if path is None else _file_in(path, "*.safetensors")
    return source.checked(_read_safetensors(path, source), str(path))


def _from_hub(source: Published) -> Path:
    hub = require("huggingface_hub", "train")
    try:
        return Path(hub.hf_hub_download(source.repository, "model.safetensors"))
    except Exception as error:  # the Hub's, httpx's or requests', by version: they share no class
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DownloadError(
            f"{source.repository}: its weights cannot be fetched ({reason}); give the path of a .safetensors file, or"
            " name a mirror of the Hugging Face Hub by HF_ENDPOINT"
        ) from error


def _file_in(path: Path, pattern: str) -> Path:
    """Take a file as it is; of a folder the only file that fits."""
    if not path.is_dir():
        return path
    found = sorted(path.glob(pattern))
    if len(found) != 1:
        raise ModelError(f"{path}: {len(found)} files {pattern} in this folder; give the path of one file")
    return found[0]


def _read_safetensors(path: Path, source: Published) -> dict[str, Tensor]:
    safetensors: Any = require("safetensors", "train")
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


def _shapes(network: type[nn.Module]) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):  # shapes alone, no memory
        return {name: tuple(tensor.shape) for name, tensor in network().state_dict().items()}


WHISPER_BASE: Final = Published(
    "Whisper base",
    _shapes(WhisperEncoder),
    "c76c8da2b9a702ab916962adb31dc086f6252e5ca6d5d49ac1b5008bfb1da0c5",
    prefix="model.encoder.",
    repository="openai/whisper-base",
)
