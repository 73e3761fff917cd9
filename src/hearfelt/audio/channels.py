"""Channels and levels: mixes to one channel without cancelling the voice, and warns of clipped or very quiet sound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr

from hearfelt.audio.inputs import Samples
from hearfelt.audio.warnings import SoundWarning, format_changes

__all__ = ["LOUDEST", "LevelMeter", "converted", "decibels", "mix_to_mono", "rescale_floats"]

Block = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

LOUDEST: Final = 100.0  # 40 dB above full scale; beyond it integers were stored as floats without scaling
STEP_16_BIT: Final = np.float32(1 / 32_768)

# Power of the mix against what channels that have nothing in common would give. Channels with the same voice are above
# 1, a voice in one channel alone or independent channels are at 1; a voice that cancels falls towards 0.
_CANCELS_BELOW: Final = 0.25  # -6 dB
_LOOK_AT_S: Final = 10.0  # of the beginning are held before the first decision; later blocks can only change it once
_LOOK_AT_BYTES: Final = 1 << 25  # 32 MiB at most are held for it
_SILENCE: Final = 1e-8  # power, -80 dB of full scale: less is silence


def mix_to_mono(
    blocks: Iterable[Block], channel: int | None, rate_hz: int, warnings: list[SoundWarning]
) -> Iterator[Samples]:
    """Mix blocks to one channel, scaled to -1 to 1.

    Channels are mixed to their mean, unless that would cancel most of the sound, as it does where one of two is
    inverted (a miswired cable, some phones). Then the loudest channel is taken instead, and said in the warnings.

    Args:
        blocks: ``(n, channels)`` int16 or float32.
        channel: the one that is taken; None mixes all.
        rate_hz: samples in a second.
        warnings: where ``channels_cancel`` is added.

    Yields:
        ``(n,)`` float32.

    Example:
        >>> [part.tolist() for part in mix_to_mono([np.array([[16384, 0]], np.int16)], None, 8000, [])]
        [[0.25]]
    """
    if channel is not None:
        for block in blocks:
            yield _scaled(block[:, min(channel, block.shape[1] - 1)])
        return
    held: list[Block] = []
    powers, chosen = _Powers(), None
    for block in blocks:
        if block.shape[1] > 1 and chosen is None:
            powers.add(block)
        elif not held:
            yield _mixed(block, chosen)
            continue
        held.append(block)
        if powers.frames >= _LOOK_AT_S * rate_hz or sum(each.nbytes for each in held) >= _LOOK_AT_BYTES:
            chosen = _loudest_channel(powers, warnings)
            yield from (_mixed(each, chosen) for each in held)
            held = []
    if held:
        chosen = _loudest_channel(powers, warnings)
        yield from (_mixed(each, chosen) for each in held)


def converted(
    blocks: Iterable[Block],
    now: tuple[int, int],
    form: tuple[int, int],
    warnings: list[SoundWarning],
    *,
    after_s: float,
) -> Iterator[Block]:
    """Convert blocks to the rate and channels that a stream began with, and warn of ``format_changes``.

    Args:
        blocks: ``(n, channels)`` int16 or float32.
        now: their rate in Hz and number of channels.
        form: the rate in Hz and the number of channels that are wanted.
        warnings: where the change is said, once.
        after_s: when it happens.

    Yields:
        ``(n, channels)``; other channels than wanted become their mean in each.
    """
    if now == form:
        yield from blocks
        return
    if all(warning.code != "format_changes" for warning in warnings):
        warnings.append(format_changes(after_s, form, now))
    stream = None if now[0] == form[0] else soxr.ResampleStream(now[0], form[0], now[1], dtype="float32", quality="HQ")
    for block in blocks:
        yield _with_channels(_scaled(block) if stream is None else _fed(stream, _scaled(block)), form[1])
    if stream is not None:
        yield _with_channels(_fed(stream, np.zeros((0, now[1]), np.float32), last=True), form[1])


def _fed(stream: soxr.ResampleStream, block: Samples, *, last: bool = False) -> Samples:
    given = block if block.shape[1] > 1 else block[:, 0]
    changed: Samples = stream.resample_chunk(np.ascontiguousarray(given), last=last)
    return changed if changed.ndim == 2 else changed[:, None]


def _with_channels(block: Samples, channels: int) -> Samples:
    if block.shape[1] == channels:
        return block
    return np.repeat(_mean(block)[:, None], channels, axis=1)


def rescale_floats(blocks: Iterable[Block], warnings: list[SoundWarning]) -> Iterator[Block]:
    """Scale floating-point samples that were stored in the range of 16, 24 or 32-bit integers.

    Args:
        blocks: ``(n, channels)`` int16 or float32; the first one decides.
        warnings: where ``not_scaled`` is added.

    Yields:
        ``(n, channels)``, as they came or divided.
    """
    divisor: np.float32 | None = None
    for block in blocks:
        if divisor is None:
            peak = float(np.abs(block).max(initial=0)) if block.dtype != np.int16 else 0.0
            bits = next((bits for bits in (16, 24, 32) if LOUDEST < peak <= 2.0 ** (bits - 1)), 1)
            divisor = np.float32(2.0 ** (bits - 1))
            if bits > 1:
                text = f"samples reach {peak:,.0f} where 1 is full scale; they were divided by 2^{bits - 1}"
                warnings.append(SoundWarning("not_scaled", text, {"peak": peak}))
        yield block if divisor == 1 else block / divisor


class _Powers:
    """Running variance of each channel and of their mix; an offset does not count."""

    def __init__(self) -> None:
        self.frames = 0
        self._sums: Floats = np.zeros(0)
        self._squares: Floats = np.zeros(0)

    def add(self, block: Block) -> None:
        scaled = _scaled(block)
        if len(self._sums) != block.shape[1] + 1:
            self.frames, self._sums, self._squares = 0, np.zeros(block.shape[1] + 1), np.zeros(block.shape[1] + 1)
        self.frames += len(scaled)
        for place, values in enumerate([*scaled.T, _mean(scaled)]):
            self._sums[place] += values.sum(dtype=np.float64)
            self._squares[place] += np.square(values).sum(dtype=np.float64)

    @property
    def variances(self) -> Floats:
        """Variances of each channel, and last of the mix."""
        frames = max(1, self.frames)
        return np.maximum(self._squares / frames - np.square(self._sums / frames), 0.0)


def _loudest_channel(powers: _Powers, warnings: list[SoundWarning]) -> int | None:
    """Choose a channel if the mix would lose most of the sound; None for the mix."""
    *channels, mix = powers.variances.tolist()
    if max(channels) <= _SILENCE:
        return None
    share = mix * len(channels) ** 2 / sum(channels)
    if share >= _CANCELS_BELOW:
        return None
    chosen = int(np.argmax(channels))
    if all(warning.code != "channels_cancel" for warning in warnings):
        text = f"mixed, the channels would cancel each other; channel {chosen} is used, the loudest"
        warnings.append(SoundWarning("channels_cancel", text, {"channel": chosen}))
    return chosen


def _mixed(block: Block, chosen: int | None) -> Samples:
    if block.shape[1] == 1:
        return _scaled(block[:, 0])
    if chosen is not None and chosen < block.shape[1]:
        return _scaled(block[:, chosen])
    return _mean(_scaled(block))


def _mean(block: Samples) -> Samples:
    """Average the channels; numpy's own mean over a short last axis takes 20 times as long."""
    total = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    total /= np.float32(block.shape[1])
    return total


def _scaled(block: Block) -> Samples:
    scaled = block * STEP_16_BIT if block.dtype == np.int16 else block
    return np.ascontiguousarray(scaled, np.float32)


# On RAVDESS, CREMA-D, TESS, EMO-DB, nEMO and LibriSpeech, 0 to 0.5 % of the clips are above one of the two shares, as
# are all clips of EMO-DB made 12 dB louder than their format allows.
_TOP: Final = 0.98  # of the highest swing
_FLAT_SHARE: Final = 4e-4  # of all samples: third equal samples in a row at the top, as stored without loss
_FULL_SHARE: Final = 4e-3  # of all samples: those at full scale or above, as decoders with loss give them
_ROW: Final = 1024  # samples
_SMALLEST: Final = 0.05  # of full scale; steps of few bits are flat by themselves
_VERY_QUIET_DB: Final = -50.0  # RAVDESS, the quietest of the corpora, has peaks from -47 dB


class LevelMeter:
    """Running peak level and clipping count.

    Attributes:
        samples: how many have gone by.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._sum, self._lowest, self._highest = 0.0, math.inf, -math.inf
        self._top, self._flat, self._full = 0.0, 0, 0

    def add(self, part: Samples, limits: tuple[float, float]) -> None:
        """Add the next samples, ``(n,)`` float32, of which the lowest and the highest are known."""
        if not len(part):
            return
        lowest, highest = limits
        self._lowest, self._highest = min(self._lowest, lowest), max(self._highest, highest)
        # In double precision only from row to row: that is three times as fast, and the mean of a row is exact enough.
        rows = len(part) - len(part) % _ROW
        self._sum += float(part[:rows].reshape(-1, _ROW).sum(axis=1).sum(dtype=np.float64) + part[rows:].sum())
        self.samples += len(part)
        top = max(-lowest, highest)
        if top * _TOP > self._top:
            self._flat = 0
        self._top = max(self._top, top)
        if top >= _TOP:
            self._full += _count_beyond(part, _TOP)
        if top >= _TOP * self._top:
            # at one side at least; the other is looked at only if it gets as far
            limit = _TOP * self._top
            at_top = np.zeros(0, np.intp)
            if highest >= limit:
                at_top = np.flatnonzero(part >= limit)
            if -lowest >= limit:
                at_top = np.concatenate([at_top, np.flatnonzero(part <= -limit)])
            third = at_top[at_top >= 2]
            self._flat += int(np.count_nonzero((part[third] == part[third - 1]) & (part[third] == part[third - 2])))

    @property
    def peak_db(self) -> float:
        """Largest deviation from the mean so far, in dB of full scale; -200 for digital silence."""
        mean = self._sum / max(1, self.samples)
        return decibels(max(self._highest - mean, mean - self._lowest))

    def warnings(self) -> list[SoundWarning]:
        """Return ``clipped`` or ``very_quiet`` for the samples so far, where that is so."""
        flat, full = (count / max(1, self.samples) for count in (self._flat, self._full))
        if self._top >= _SMALLEST and (flat > _FLAT_SHARE or full > _FULL_SHARE):
            share = max(flat, full)
            text = f"recorded too loud: {share:.1%} of the samples are cut off at the top, so the voice is distorted"
            return [SoundWarning("clipped", text, {"share": round(share, 5)})]
        if self.peak_db < _VERY_QUIET_DB:
            is_silent = self.peak_db <= decibels(0)
            text = "digital silence" if is_silent else f"very quiet: its loudest peak is at {self.peak_db:.0f} dB"
            return [SoundWarning("very_quiet", text, {"peak_db": round(self.peak_db, 1)})]
        return []


def _count_beyond(part: Samples, size: float) -> int:
    return int(np.count_nonzero(part >= size)) + int(np.count_nonzero(part <= -size))


def decibels(swing: float) -> float:
    """Convert an amplitude to dB of full scale; -200 for zero.

    Example:
        >>> decibels(0.1)
        -20.0
    """
    return 20 * math.log10(max(swing, 1e-10))
