"""Models whose input is sound at 16 kHz; the whole front end is in the network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import AudioReader, Samples
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion, occluded, windows
from hearfelt.inference.model import LOGITS, STATISTICS, Floats, Model, Progress
from hearfelt.inference.reference import SoundStatistics
from hearfelt.inference.session import Session
from hearfelt.inference.voice_activity import SpeechCheck, speech_warnings
from hearfelt.inference.windowing import (
    LONG_S,
    RATE_HZ,
    BlockOutput,
    block_weights,
    blocks_of,
    centred,
    frame_powers,
    pooled,
)

__all__ = ["DISTANCE", "EMBEDDING", "SOUND_INPUT", "SPEECH", "SoundModel"]

SOUND_INPUT, EMBEDDING = "samples", "embedding"
SPEECH, DISTANCE = "speech", "distance"
"""Optional outputs, ``(1, 1)``: the logit that somebody speaks, and how far the sound is from all training sound."""

_PROBE: Final = RATE_HZ // 10  # samples, 0.1 s: the shortest sound that is recognized


class SoundModel(Model):
    """A model that takes sound; explanations are by occlusion."""

    def __init__(self, session: Session, card: ModelCard, name: str) -> None:
        super().__init__(session, card, name)
        inputs, outputs = session.inputs, session.outputs
        if list(inputs) != [SOUND_INPUT]:
            raise ModelError(f"{name}: inputs {list(inputs)}; a model that takes sound has one, {SOUND_INPUT!r}")
        kind, *shape = inputs[SOUND_INPUT]
        fixed = [length for length in shape if isinstance(length, int)]  # the others vary
        if kind != "tensor(float)" or len(shape) != 2 or fixed not in ([], [1]) or shape[1] == 1:
            raise ModelError(f"{name}: an input of {kind} {shape}; float samples of shape (1, n), n free, are wanted")
        if missing := [output for output in (LOGITS, EMBEDDING) if output not in outputs]:
            raise ModelError(f"{name}: outputs {list(outputs)}; {missing[0]!r} is missing")
        probe = np.sin(np.arange(_PROBE) / 9).astype(np.float32)[None]  # a tone of 283 Hz
        checks = _SoundCheck(card, outputs).outputs
        values = self.probed([LOGITS, EMBEDDING, *checks], probe)
        if values[EMBEDDING].ndim != 2 or len(values[EMBEDDING]) != 1:
            raise ModelError(f"{name}: an embedding of shape {values[EMBEDDING].shape}; (1, d) is wanted")
        for output in checks:
            if values[output].shape != (1, 1):
                raise ModelError(f"{name}: {output!r} of shape {values[output].shape}; (1, 1) is wanted")

    def logits(self, reader: AudioReader) -> Floats:
        """Compute the mean logits of the sound's blocks, weighted by how much sound is in each."""
        return self._pooled(LOGITS, reader)

    def checked_logits(self, reader: AudioReader) -> tuple[Floats, tuple[SoundWarning, ...]]:
        """Compute the mean logits, and check each block as the file allows."""
        check = _SoundCheck(self.card, self.session.outputs)
        logits = self._pooled(LOGITS, reader, check)
        return logits, check.warnings()

    def embedding(self, reader: AudioReader) -> npt.NDArray[np.float32]:
        """Compute the mean embedding of the sound's blocks, weighted in the same way."""
        return self._pooled(EMBEDDING, reader).astype(np.float32)

    def statistics(self, reader: AudioReader) -> SoundStatistics:
        """Compute statistics and probabilities of each block that is no pause."""
        outputs, powers = [], []
        for block in blocks_of(reader, self.card.window_s):
            outputs.append(self.run([STATISTICS, LOGITS], block[None]))
            powers.append(frame_powers(block))
        rows = np.flatnonzero(block_weights(powers))
        return SoundStatistics(
            np.concatenate([outputs[row][0] for row in rows]),
            np.stack([self.probabilities(outputs[row][1][0]) for row in rows]),
        )

    def window_logits(self, window: Samples) -> Floats:
        """Compute the logits of one window."""
        return self._run(LOGITS, centred(window))

    def explain(self, reader: AudioReader, progress: Progress | None = None) -> Occlusion:
        """Measure what the prediction depends on, by removing parts of the sound."""
        check = _SoundCheck(self.card, self.session.outputs)
        blocks: Iterable[Samples] = self._checked(blocks_of(reader, self.card.window_s), check)
        if reader.lasts_longer_than(LONG_S) and not reader.frames:  # the length is unknown before the end
            blocks = list(blocks)
        length_s = reader.duration_s
        expected = len(windows(length_s)[0]) + len(BANDS_HZ) + 1  # of one block; each further one adds a little
        done = 0

        def run(block: Samples) -> Floats:
            nonlocal done
            if progress is not None:
                progress(min(1.0, done / expected))
            done += 1
            return self._run(LOGITS, block)

        runs = occluded(blocks, run, length_s)
        prediction = self.prediction(runs.whole, check.warnings(), reader)
        whole = float(self.log_odds(runs.whole[None], prediction.emotion)[0])
        times_s, window_s = windows(length_s)
        return Occlusion(
            prediction,
            whole,
            window_s,
            times_s,
            tuple((whole - self.log_odds(runs.without_time, prediction.emotion)).tolist()),
            BANDS_HZ,
            tuple((whole - self.log_odds(runs.without_band, prediction.emotion)).tolist()),
        )

    def _checked(self, blocks: Iterable[Samples], check: _SoundCheck) -> Iterator[Samples]:
        for block in blocks:
            check.add(block, self.run(check.outputs, block[None]) if check.outputs else [], frame_powers(block))
            yield block

    def _pooled(self, output: str, reader: AudioReader, check: _SoundCheck | None = None) -> Floats:
        outputs = []
        for block in blocks_of(reader, self.card.window_s):
            values, *more = self.run([output, *(check.outputs if check else ())], block[None])  # (n,) -> (1, n)
            outputs.append(BlockOutput(np.asarray(values[0]), frame_powers(block)))
            if check:
                check.add(block, more, outputs[-1].powers)
        return pooled(outputs)

    def _run(self, output: str, block: Samples) -> Floats:
        (values,) = self.run([output], block[None])  # (n,) -> (1, n)
        return np.asarray(values[0])


class _SoundCheck:
    """Checks a sound block by block: does somebody speak, and is it familiar?

    Where the file has the outputs for it, they answer that; where it does not detect speech, the voice-activity network
    does.

    Args:
        card: of the model; its limits.
        outputs: of the network.

    Attributes:
        outputs: the outputs of the network that are wanted for each block.
    """

    def __init__(self, card: ModelCard, outputs: Collection[str]) -> None:
        self.outputs = tuple(output for output in (SPEECH, DISTANCE) if output in outputs)
        self._card = card
        self._detector = None if SPEECH in self.outputs else SpeechCheck()
        self._values: list[list[float]] = []
        self._powers: list[Floats] = []

    def add(self, block: Samples, values: Sequence[Floats], powers: Floats) -> None:
        """Add a block ``(n,)`` at 16 kHz, the network's :attr:`outputs` for it, and the powers of its frames."""
        if self._detector is not None:
            self._detector.add(block)
        self._values.append([float(one[0, 0]) for one in values])
        self._powers.append(powers)

    def warnings(self) -> tuple[SoundWarning, ...]:
        """Give the warnings: of no speech or little, or that the sound is unfamiliar, or none.

        A block that is a pause does not count.
        """
        weights = block_weights(self._powers)
        values = dict(zip(self.outputs, np.array(self._values).T, strict=True))
        if self._detector is not None:
            found = self._detector.warnings()
        else:
            speaks = values[SPEECH] >= self._card.no_speech_below
            found = speech_warnings(float(weights[speaks].sum()), float(weights.sum()))
        above = self._card.unfamiliar_above
        if any(one.code == "no_speech" for one in found) or DISTANCE not in values or not above:
            return found
        distance = float(np.average(values[DISTANCE], weights=weights))
        return (*found, _unfamiliar(distance, above)) if distance > above else found


def _unfamiliar(distance: float, above: float) -> SoundWarning:
    text = "the sound is unlike all sounds that the model was trained on, so the prediction may well be wrong"
    return SoundWarning("unfamiliar", text, {"distance": round(distance, 3), "usual_below": round(above, 3)})
