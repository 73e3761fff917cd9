"""Models whose input is sound at 16 kHz; the whole front end is in the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import AudioReader, Samples
from hearfelt.errors import ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion, occluded, windows
from hearfelt.inference.model import LOGITS, STATISTICS, Floats, Model
from hearfelt.inference.reference import SoundStatistics
from hearfelt.inference.session import Session
from hearfelt.inference.speech_check import SpeechCheck
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

__all__ = ["EMBEDDING", "SOUND_INPUT", "SoundModel"]

SOUND_INPUT, EMBEDDING = "samples", "embedding"

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
        self.check_outputs(LOGITS, probe)
        (embedding,) = self.run([EMBEDDING], probe)
        if embedding.ndim != 2 or len(embedding) != 1:
            raise ModelError(f"{name}: an embedding of shape {embedding.shape}; (1, d) is wanted")

    def logits(self, reader: AudioReader, check: SpeechCheck | None = None) -> Floats:
        """Compute the mean logits of the sound's blocks, weighted by how much sound is in each."""
        return self._pooled(LOGITS, reader, check)

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

    def explain(self, reader: AudioReader) -> Occlusion:
        """Measure what the prediction depends on, by removing parts of the sound."""
        check = SpeechCheck()
        blocks: Iterable[Samples] = check.through(blocks_of(reader, self.card.window_s))
        if reader.lasts_longer_than(LONG_S) and not reader.frames:  # the length is unknown before the end
            blocks = list(blocks)
        length_s = reader.duration_s
        runs = occluded(blocks, lambda block: self._run(LOGITS, block), length_s)
        prediction = self.prediction(runs.whole, reader, check)
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

    def _pooled(self, output: str, reader: AudioReader, check: SpeechCheck | None = None) -> Floats:
        blocks = blocks_of(reader, self.card.window_s)
        return pooled(
            [
                BlockOutput(self._run(output, block), frame_powers(block))
                for block in (blocks if check is None else check.through(blocks))
            ]
        )

    def _run(self, output: str, block: Samples) -> Floats:
        (values,) = self.run([output], block[None])  # (n,) -> (1, n)
        return np.asarray(values[0])
