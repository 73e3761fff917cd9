"""Converts samples as people have them, in arrays, tensors and pairs, to float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from hearfelt.errors import AudioError

__all__ = ["MOST_CHANNELS", "Pair", "Samples", "Tensor", "channels_of", "from_array", "with_rate"]

Samples = npt.NDArray[np.float32]

MOST_CHANNELS: Final = 64


class Tensor(Protocol):
    """A tensor of torch; named by what is asked of it, so that torch need not be installed."""

    def detach(self) -> Any:
        """Give the tensor without its gradient."""


Pair = tuple[int, npt.NDArray[np.generic] | Tensor] | tuple[npt.NDArray[np.generic] | Tensor, int] | Mapping[str, Any]
"""Samples with their rate: ``(rate_hz, samples)`` as SciPy and Gradio have it, ``(samples, rate_hz)`` as soundfile and
torchaudio do, or a mapping with ``array`` (or ``raw``) and ``sampling_rate`` as in Hugging Face's data sets."""


def with_rate(sound: object, rate_hz: int | None) -> tuple[Any, int | None]:
    """Take apart samples that come with their rate, and make an array of a tensor; leave everything else alone.

    In a pair, ``(n, channels)`` is transposed to ``(channels, n)``, since it is known that nobody has more channels
    than samples.

    Args:
        sound: of any kind.
        rate_hz: the rate that was given beside it.

    Returns:
        The sound, and its rate.

    Raises:
        AudioError: if two rates were given, or a pair has none.

    Example:
        >>> samples, rate_hz = with_rate((16_000, np.zeros((8_000, 2))), None)
        >>> samples.shape, rate_hz
        ((2, 8000), 16000)
    """
    if isinstance(sound, Mapping):
        samples, found = sound.get("array", sound.get("raw")), sound.get("sampling_rate")
        if samples is None or found is None:
            raise AudioError(
                f"a mapping with {', '.join(map(str, sound)) or 'nothing'}; array and sampling_rate are wanted"
            )
    elif isinstance(sound, tuple):
        rates = [one for one in sound if isinstance(one, int | float | np.integer | np.floating)]
        if len(sound) != 2 or len(rates) != 1:
            raise AudioError(f"a tuple of {len(sound)}; a pair of samples and their rate in Hz is wanted")
        samples, found = next(one for one in sound if one is not rates[0]), cast(int, rates[0])  # checked later
    else:
        return _array_of(sound), rate_hz
    if rate_hz is not None and rate_hz != found:
        raise AudioError(f"a rate of {rate_hz} Hz for samples at {found} Hz; leave the rate out")
    array = np.asarray(_array_of(samples))
    is_transposed = array.ndim == 2 and array.shape[0] > array.shape[1]
    return (array.T if is_transposed else array), found


def _array_of(sound: Any) -> Any:
    """Make an array of a tensor, wherever it is; leave everything else alone."""
    if not (hasattr(sound, "detach") and hasattr(sound, "cpu")):
        return sound
    try:
        return sound.detach().cpu().numpy()
    except TypeError as error:  # a type that numpy lacks, such as bfloat16
        raise AudioError(f"a tensor of type {sound.dtype}; int16, int32, float32 or float64 is wanted") from error


def channels_of(samples: npt.NDArray[np.generic], name: str) -> int:
    """Count the channels of an array, and refuse an ambiguous shape.

    Args:
        samples: ``(n,)`` or ``(channels, n)``.
        name: their name for messages.

    Raises:
        AudioError: if the shape is another one, or nothing is in it.

    Example:
        >>> channels_of(np.zeros((2, 8000)), "call")
        2
    """
    shape: tuple[int, ...] = samples.shape
    if samples.ndim == 1:
        return 1
    if samples.ndim != 2:
        raise AudioError(f"{name}: samples with {samples.ndim} axes; (n,) or (channels, n) is wanted")
    if not samples.size:
        raise AudioError(f"{name}: samples of shape {shape}, with nothing in them; (n,) or (channels, n) is wanted")
    if not shape[0] < shape[1] or shape[0] > MOST_CHANNELS:
        raise AudioError(
            f"{name}: samples of shape {shape}; (n,) or (channels, n) with fewer channels than samples is wanted, so"
            " transpose them if they are (n, channels)"
        )
    return shape[0]


def from_array(samples: npt.NDArray[np.generic], name: str) -> Samples:
    """Scale samples to -1 to 1.

    Args:
        samples: ``(n,)`` or ``(channels, n)``, int16, int32, float32 or float64.
        name: their name for messages.

    Returns:
        ``(n, channels)`` float32.

    Raises:
        AudioError: if they are of another kind.

    Example:
        >>> from_array(np.array([[0, 16384], [0, 0]], np.int16), "call").tolist()
        [[0.0, 0.0], [0.5, 0.0]]
    """
    kind = samples.dtype.newbyteorder("=")
    sides: npt.NDArray[Any] = samples[:, None] if samples.ndim == 1 else samples.T  # (n, channels)
    if kind in (np.int16, np.int32):
        sides = sides / (2.0 ** (8 * kind.itemsize - 1))
    elif kind not in (np.float32, np.float64):
        raise AudioError(f"{name}: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused when it is read
        return np.ascontiguousarray(sides, np.float32)
