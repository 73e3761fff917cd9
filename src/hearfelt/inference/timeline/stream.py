"""A live stream: feed blocks of any size at any rate, and get segments and interim results."""

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
        segmenter: divides the sound into segments.
        rate_hz: samples in a second.

    Attributes:
        rate_hz: samples in a second.
        duration_s: seconds of sound fed so far.

    Example:
        >>> from hearfelt import Recognizer
        >>> stream = Recognizer.load("tiny").stream(16_000)
        >>> for _ in range(10):
        ...     results = stream.feed(np.zeros(1_600, np.float32))  # 0.1 s
        >>> stream, stream.finish()
        (<Stream at 16000 Hz, 1.00 s>, [])
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
    def duration_s(self) -> float:
        """Seconds of sound fed so far."""
        return self._fed / self.rate_hz

    def feed(self, samples: npt.NDArray[np.generic]) -> list[Segment | InterimResult]:
        """Add the next block of sound.

        Args:
            samples: ``(n,)`` int16, int32, float32 or float64, one channel; any n, also 0.

        Returns:
            Segments that are now final, and interim results, in order.

        Raises:
            AudioError: if the stream was finished, or these are no samples; then nothing of the block was used.
        """
        if self._is_over:
            raise AudioError("stream: it was finished; begin a new one")
        block = _checked(samples, self._fed)
        self._fed += len(block)
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        return self._segmenter.feed(block)

    def finish(self) -> list[Segment | InterimResult]:
        """End the stream.

        Returns:
            The segments that were still open; nothing if it was finished before.
        """
        if self._is_over:
            return []
        self._is_over = True
        results: list[Segment | InterimResult] = []
        if self._resampler is not None:
            results += self._segmenter.feed(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        return results + self._segmenter.finish()

    def __repr__(self) -> str:
        return f"<Stream at {self.rate_hz} Hz, {self.duration_s:.2f} s>"


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
