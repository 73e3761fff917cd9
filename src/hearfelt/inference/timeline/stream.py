"""A stream: sound as it comes, in blocks of any size, at any rate; what is heard comes out while it goes on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from hearfelt.audio.channels import LOUDEST
from hearfelt.audio.reader import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, Samples
from hearfelt.errors import AudioError
from hearfelt.inference.timeline.segmenter import Segmenter
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.inference.windowing import RATE_HZ

__all__ = ["Stream"]


class Stream:
    """One live sound; :meth:`hearfelt.inference.recognizer.Recognizer.stream` makes it.

    Args:
        segmenter: the machine that hears.
        rate_hz: samples in a second.

    Attributes:
        heard_s: seconds that have been fed.
    """

    def __init__(self, segmenter: Segmenter, rate_hz: int) -> None:
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise AudioError(f"a stream of {rate_hz} Hz; {LOWEST_RATE_HZ:,} to {HIGHEST_RATE_HZ:,} Hz is wanted")
        self.rate_hz = rate_hz
        self._segmenter = segmenter
        self._fed = 0
        self._is_over = False
        self._resampler = (
            soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ") if rate_hz != RATE_HZ else None
        )

    @property
    def heard_s(self) -> float:
        """Seconds of sound that have been fed."""
        return self._fed / self.rate_hz

    def feed(self, samples: npt.NDArray[np.generic]) -> list[Segment | InterimResult]:
        """Take the next block.

        Args:
            samples: ``(n,)`` int16, int32, float32 or float64, one channel; n may be anything, also 0.

        Returns:
            What has become known with it, in order.

        Raises:
            AudioError: if the stream is over, or these are no samples; then nothing of the block was taken.
        """
        if self._is_over:
            raise AudioError("stream: it was finished; begin a new one for what comes now")
        block = _checked(samples, self._fed)
        self._fed += len(block)
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        return self._segmenter.feed(block)

    def finish(self) -> list[Segment | InterimResult]:
        """Say that the sound has ended.

        Returns:
            What was still open; nothing if it was finished before.
        """
        if self._is_over:
            return []
        self._is_over = True
        told: list[Segment | InterimResult] = []
        if self._resampler is not None:
            told += self._segmenter.feed(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        return told + self._segmenter.finish()


def _checked(samples: npt.NDArray[np.generic], before: int) -> Samples:
    if not isinstance(samples, np.ndarray) or samples.ndim != 1:
        shape = samples.shape if isinstance(samples, np.ndarray) else type(samples).__name__
        raise AudioError(f"stream: a block of {shape}; an array of shape (n,) is wanted, one channel")
    if samples.dtype in (np.int16, np.int32):
        return (samples.astype(np.float64) / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype(np.float32)
    if samples.dtype not in (np.float32, np.float64):
        raise AudioError(f"stream: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
        block = np.ascontiguousarray(samples, np.float32)
    peak = float(np.abs(block).max(initial=0))
    if not np.isfinite(peak):
        first = int(np.argmin(np.isfinite(block)))
        raise AudioError(f"stream: sample {before + first} is {block[first]}; every sample has to be a finite number")
    if peak > LOUDEST:
        raise AudioError(f"stream: samples reach {peak:.0f}; floats have to be scaled to -1 to 1")
    return block
