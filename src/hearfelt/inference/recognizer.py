"""The recognizer: one model file, from sound to a prediction. Every edge of hearfelt uses this one object."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import AudioReader, Samples, Sound, open_audio, refuse_silence, resample
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.card import BACKGROUND_KEY, CARD_KEY, ModelCard
from hearfelt.inference.model_interface import EMBEDDING, FEATURES, LOGITS, check_features_fit, check_sound_fit
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.session import Session
from hearfelt.inference.shipped import DEFAULT_MODEL, model_path, shipped_models
from hearfelt.inference.speech_check import SpeechCheck
from hearfelt.inference.windowing import LONG_S, RATE_HZ, BlockOutput, blocks_of, centred, frame_powers, pooled
from hearfelt.runtime.files import path_given

if TYPE_CHECKING:
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation
    from hearfelt.inference.timeline.segmenter import Segmenter, WindowClassifier
    from hearfelt.inference.timeline.segments import Segment, Timeline
    from hearfelt.inference.timeline.stream import Stream

__all__ = ["DEFAULT_MODEL", "Recognizer", "model_path", "shipped_models"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[float], None]


class Recognizer:
    """Recognizes the emotion in a sound.

    One object may be used from several threads. A clip's answer depends on that clip alone, nothing outside the object
    is changed, and nothing ever goes to a network. It can be pickled if its model is a file: the pickle holds the
    file's path, or the name of a shipped model, and the file is loaded where it is unpickled.

    Args:
        model: the bytes of a model file, as ``hearfelt train`` writes it, or its path.
        name: what messages call the file; by default its path.
        threads: threads for one answer; by default ONNX Runtime decides.

    Attributes:
        card: what the file says of itself.

    Raises:
        ModelError: if the bytes are no model, or its card is missing or does not fit.

    Example:
        >>> import numpy as np
        >>> recognizer = Recognizer.load()
        >>> voice = np.sin(np.arange(32000) / 20).astype(np.float32)
        >>> set(recognizer.recognize(voice, 16000).probabilities) == set(recognizer.labels)
        True
    """

    def __init__(self, model: bytes | str | Path, *, name: str | None = None, threads: int | None = None) -> None:
        model = model if isinstance(model, bytes) else path_given(model)
        self._file = None if isinstance(model, bytes) else model.absolute()
        self._threads = threads
        name = name or ("model" if isinstance(model, bytes) else str(model))
        self._session = Session(model, name=name, threads=threads)
        metadata = self._session.metadata
        if CARD_KEY not in metadata:
            raise ModelError(f"{name}: there is no card inside; only files that hearfelt wrote say what they answer")
        card = ModelCard.from_json(metadata[CARD_KEY])
        self.card = replace(card, parameters=card.parameters or self._session.numbers)  # a card may leave the counting
        if self.card.input == "sound":
            check_sound_fit(self._session, self.card, name)
        else:
            self._background = _background(metadata.get(BACKGROUND_KEY, ""), name)
            self._features_output = check_features_fit(self._session, self.card, name)

    @classmethod
    def load(cls, model: str | Path | None = None, *, threads: int | None = None) -> Recognizer:
        """Load a model that comes with the package, or a file.

        Args:
            model: a name such as ``"classic"``, a path, or nothing for the default.
            threads: threads for one answer.

        Raises:
            ModelError: if there is no such model, or it is damaged.
        """
        path = model_path(DEFAULT_MODEL if model is None else model)
        return cls(path, name=str(model or DEFAULT_MODEL), threads=threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions it tells apart, in the order of its outputs."""
        return self.card.labels

    def recognize(self, sound: Sound, rate_hz: int | None = None) -> Prediction:
        """Recognize the emotion in one sound.

        A model that takes sound answers for the whole of it, however long, and memory does not grow with the length.
        What is longer than the card's ``window_s`` is divided into equal blocks; their logits are averaged, each
        weighing as many seconds as it has frames of 20 ms within 40 dB of the loudest frame of the whole sound. A block
        without such a frame, a pause, is not counted.

        Where nobody speaks, the warnings say ``no_speech`` and the answer is unsure; its numbers stay as they are.

        Args:
            sound: a path, bytes of a file, an open binary file, or samples: ``(n,)`` or ``(channels, n)``.
            rate_hz: the samples' rate; for samples only.

        Raises:
            AudioError: if the sound cannot be read, is shorter than 0.1 s or silent.
        """
        check = SpeechCheck()
        logits, facts = self._output(LOGITS, sound, rate_hz, check)
        return self._prediction(logits, facts, check)

    def recognize_many(self, sounds: Iterable[Sound]) -> Iterator[Prediction]:
        """Recognize one sound after another; the answers are those of :meth:`recognize`.

        Yields:
            A prediction for each, in order.

        Raises:
            AudioError: at the first sound that cannot be answered.
        """
        return (self.recognize(sound) for sound in sounds)

    def logits(self, sound: Sound, rate_hz: int | None = None) -> Floats:
        """Give the network's raw outputs, before temperature and softmax: ``(classes,)``."""
        return self._output(LOGITS, sound, rate_hz)[0]

    def embed(self, sound: Sound, rate_hz: int | None = None) -> npt.NDArray[np.float32]:
        """Describe a sound by numbers in which sounds that the network takes for alike are near each other.

        Args:
            sound: as for :meth:`recognize`; a long one is divided and averaged in the same way.
            rate_hz: the samples' rate; for samples only.

        Returns:
            ``(d,)`` float32.

        Raises:
            AudioError: as :meth:`recognize`.
            ModelError: if the model takes the 162 features; such a model describes nothing.
        """
        if self.card.input != "sound":
            raise ModelError(f"{self.card.name}: it gives no embedding; a model that takes sound is wanted for this")
        return self._output(EMBEDDING, sound, rate_hz)[0].astype(np.float32)

    def explain(self, sound: Sound, rate_hz: int | None = None) -> Explanation | Occlusion:
        """Tell what in the sound the answer depends on.

        Returns:
            For a model on the 162 features an ``Explanation``: the exact Shapley value of each of the five feature
            groups, against training clips as background. For a model that takes sound an ``Occlusion``: what changes
            when a stretch of time or a band of frequencies is taken away. Both in log-odds of the answer's emotion.

        Raises:
            AudioError: as :meth:`recognize`.
            ModelError: if a model on features carries no background.
        """
        return self._occlusion(sound, rate_hz) if self.card.input == "sound" else self._shapley(sound, rate_hz)

    @overload
    def timeline(
        self,
        sound: Sound,
        rate_hz: int | None = ...,
        *,
        channels: Literal["mix"] = ...,
        progress: Progress | None = ...,
    ) -> Timeline: ...
    @overload
    def timeline(
        self, sound: Sound, rate_hz: int | None = ..., *, channels: Literal["separate"], progress: Progress | None = ...
    ) -> list[Timeline]: ...
    def timeline(
        self,
        sound: Sound,
        rate_hz: int | None = None,
        *,
        channels: Literal["mix", "separate"] = "mix",
        progress: Progress | None = None,
    ) -> Timeline | list[Timeline]:
        """Tell when which emotion is heard in a recording, however long.

        Args:
            sound: as for :meth:`recognize`.
            rate_hz: the samples' rate; for samples only.
            channels: ``"mix"`` for one timeline of all channels, ``"separate"`` for one of each.
            progress: is called with the seconds that were heard so far; with ``"separate"`` anew for each channel.

        Returns:
            A timeline, empty where nobody speaks; with ``"separate"`` a list of them.

        Raises:
            AudioError: if the sound cannot be read or is shorter than 0.1 s.
        """
        from hearfelt.inference.timeline.recordings import timelines_of

        if channels not in ("mix", "separate"):
            raise AudioError(f"channels {channels!r}; 'mix' or 'separate' is wanted")
        one_by_one = timelines_of(self, sound, rate_hz, is_separate=channels == "separate", progress=progress)
        return one_by_one if channels == "separate" else one_by_one[0]

    def segments(
        self,
        sound: Sound,
        rate_hz: int | None = None,
        *,
        channel: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Segment]:
        """Give the segments of :meth:`timeline` one after another, in memory that does not grow with the sound.

        Args:
            sound: as for :meth:`recognize`.
            rate_hz: the samples' rate; for samples only.
            channel: the one that is heard, counted from 0; by default all are mixed.
            progress: is called with the seconds that were heard so far.

        Yields:
            Each segment as soon as it is final.

        Raises:
            AudioError: as :meth:`timeline`.
        """
        from hearfelt.inference.timeline.recordings import segments_of

        with open_audio(sound, rate_hz, channel=channel) as reader:
            yield from segments_of(reader, self.segmenter(), progress)

    def stream(self, rate_hz: int) -> Stream:
        """Begin to hear a sound that is still going on; fed with a whole sound it gives the segments of the timeline.

        Args:
            rate_hz: rate of the samples that will come.

        Raises:
            AudioError: if there is no such rate.
        """
        from hearfelt.inference.timeline.stream import Stream

        return Stream(self.segmenter(with_interim=True), rate_hz)

    def segmenter(self, *, with_interim: bool = False) -> Segmenter:
        """Give a fresh machine that follows one sound at 16 kHz with this model; what timelines and streams are."""
        from hearfelt.inference.timeline.segmenter import Segmenter

        return Segmenter(self.window_classifier(), with_interim=with_interim)

    def window_classifier(self) -> WindowClassifier:
        """Give what a segmenter needs of this model."""
        from hearfelt.inference.timeline.segmenter import WindowClassifier

        return WindowClassifier(len(self.labels), self._log_probabilities, self._predicted)

    def __reduce__(self) -> tuple[partial[Recognizer], tuple[str]]:
        if self._file is None:
            raise ModelError(f"{self.card.name}: made of bytes, so a pickle cannot name its file; load it from a path")
        is_shipped = self._file.stem in shipped_models() and self._file == model_path(self._file.stem)
        model = self._file.stem if is_shipped else str(self._file)  # elsewhere the package may lie in another folder
        return partial(Recognizer.load, threads=self._threads), (model,)

    def __repr__(self) -> str:
        return f"<Recognizer {self.card.name}: {', '.join(self.labels)}>"

    def _output(
        self, output: str, sound: Sound, rate_hz: int | None, check: SpeechCheck | None = None
    ) -> tuple[Floats, _SoundFacts]:
        """Give one output for a whole sound, and what is known of the sound; a check hears what the network hears."""
        if self.card.input != "sound":
            features, facts = self._features(sound, rate_hz, check)
            return self._session.run(self._features_output, features[None])[0], facts
        with open_audio(sound, rate_hz) as reader:
            blocks = blocks_of(reader, self.card.window_s)
            answers = [
                BlockOutput(self._session.run(output, block[None])[0], frame_powers(block))  # (n,) -> (1, n)
                for block in (blocks if check is None else check.through(blocks))
            ]
            return pooled(answers), _SoundFacts.of(reader)

    def _features(
        self, sound: Sound, rate_hz: int | None, check: SpeechCheck | None
    ) -> tuple[npt.NDArray[np.float32], _SoundFacts]:
        from hearfelt.features.classic import SEED_WINDOW, classic_features

        with open_audio(sound, rate_hz) as reader:
            head = SEED_WINDOW.head(reader.parts(), reader.rate_hz)
            refuse_silence(reader)
            if check is not None:
                check.add(resample(centred(head), reader.rate_hz, RATE_HZ))
            return classic_features(head, reader.rate_hz), _SoundFacts.of(reader)

    def _shapley(self, sound: Sound, rate_hz: int | None) -> Explanation:
        from hearfelt.inference.explain.shapley import Explanation, shapley_values

        if self._background is None:
            raise ModelError(f"{self.card.name}: it carries no background of training clips to explain against")
        check = SpeechCheck()
        features, facts = self._features(sound, rate_hz, check)
        prediction = self._prediction(self._session.run(self._features_output, features[None])[0], facts, check)

        def value(batch: npt.NDArray[np.float32]) -> Floats:
            return self._log_odds(self._session.run(self._features_output, batch), prediction.emotion)

        shares, whole, base = shapley_values(value, features, self._background)
        return Explanation(prediction, whole, base, shares)

    def _occlusion(self, sound: Sound, rate_hz: int | None) -> Occlusion:
        from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion, occluded, windows

        def run(block: npt.NDArray[np.float32]) -> Floats:
            logits: Floats = self._session.run(LOGITS, block[None])[0]  # (n,) -> (1, n)
            return logits

        check = SpeechCheck()
        with open_audio(sound, rate_hz) as reader:
            blocks: Iterable[Samples] = check.through(blocks_of(reader, self.card.window_s))
            if reader.lasts_longer_than(LONG_S) and not reader.frames:  # nobody knows how long it is before its end
                blocks = list(blocks)
            length_s = reader.duration_s
            runs = occluded(blocks, run, length_s)
            facts = _SoundFacts.of(reader)
        prediction = self._prediction(runs.whole, facts, check)
        whole = float(self._log_odds(runs.whole[None], prediction.emotion)[0])
        without_time = self._log_odds(runs.without_time, prediction.emotion)
        without_band = self._log_odds(runs.without_band, prediction.emotion)
        times_s, window_s = windows(length_s)
        return Occlusion(
            prediction,
            whole,
            window_s,
            times_s,
            tuple((whole - without_time).tolist()),
            BANDS_HZ,
            tuple((whole - without_band).tolist()),
        )

    def _log_odds(self, logits: Floats, emotion: str) -> Floats:
        """Give ``log(p / (1 - p))`` of one emotion for each row of ``(rows, classes)`` logits."""
        scaled = logits / self.card.temperature
        place = self.labels.index(emotion)
        others = np.delete(scaled, place, axis=1)
        highest = others.max(axis=1)
        rest = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
        return np.asarray(scaled[:, place] - rest, np.float64)

    def _log_probabilities(self, window: Samples) -> Floats:
        """Give the logarithms of one window's probabilities, ``(n,)`` at 16 kHz to ``(classes,)``."""
        window = centred(window)
        if self.card.input == "sound":
            logits = self._session.run(LOGITS, window[None])[0]  # (n,) -> (1, n)
        else:
            from hearfelt.features.classic import classic_features

            logits = self._session.run(self._features_output, classic_features(window, RATE_HZ)[None])[0]
        scaled = logits / self.card.temperature
        scaled -= scaled.max()
        return np.asarray(scaled - np.log(np.exp(scaled).sum()), np.float64)

    def _prediction(self, logits: Floats, facts: _SoundFacts, check: SpeechCheck) -> Prediction:
        scaled = logits / self.card.temperature
        weights = np.exp(scaled - scaled.max())
        prediction = self._predicted(weights / weights.sum(), facts.duration_s)
        warnings = (*facts.warnings, *check.warnings())
        no_speech = any(warning.code == "no_speech" for warning in warnings)
        return replace(prediction, warnings=warnings, unsure=prediction.unsure or no_speech)

    def _predicted(self, shares: Floats, duration_s: float) -> Prediction:
        probabilities = dict(zip(self.labels, shares.tolist(), strict=True))
        emotion = max(probabilities, key=lambda label: probabilities[label])
        confidence = probabilities[emotion]
        unsure = confidence < self.card.unsure_below
        return Prediction(emotion, confidence, probabilities, unsure, duration_s, self.card.name)


@dataclass(frozen=True)
class _SoundFacts:
    """What a prediction says of the sound itself."""

    duration_s: float
    warnings: tuple[SoundWarning, ...]

    @classmethod
    def of(cls, reader: AudioReader) -> _SoundFacts:
        """Take them from a reader that has given its last part."""
        return cls(reader.samples_read / reader.rate_hz, reader.warnings)


def _background(text: str, name: str) -> npt.NDArray[np.float32] | None:
    if not text:
        return None
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<f4").reshape(-1, FEATURES)
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"{name}: its background for explanations is damaged; load an undamaged copy") from error
