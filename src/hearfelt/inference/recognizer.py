"""The recognizer: one model file, from any kind of sound to predictions, timelines and explanations.

Whatever a sound comes as is opened in one place, :func:`hearfelt.audio.reader.open_audio`; the rest is the model's.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, overload

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Sound, open_audio
from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.model import Model
from hearfelt.inference.prediction import OnError, Prediction, Predictions, recognize_all
from hearfelt.inference.reference import Reference, ReferenceBuilder, SoundStatistics
from hearfelt.inference.session import Session
from hearfelt.inference.sound_model import SoundModel
from hearfelt.inference.timeline.recording import Stream, open_recording, segments_of
from hearfelt.inference.timeline.segmenter import Segmenter, WindowClassifier
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.runtime.files import path_given

if TYPE_CHECKING:  # a model on sound needs no feature module
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation

__all__ = ["DEFAULT_MODEL", "Recognizer", "load_model", "model_path", "shipped_models"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[float], None]

DEFAULT_MODEL: Final = "hearfelt"


class Recognizer:
    """Recognizes the emotion in a sound.

    One object may be used from several threads. A prediction depends on the sound alone, and on reference recordings
    where they are given; nothing outside the object is changed, and no network is used. It can be pickled if its model
    is a file: the pickle holds the file's path, or the name of a shipped model, and the file is loaded where it is
    unpickled.

    A sound is a path, the bytes of a file, an open binary file, an :class:`hearfelt.Audio`, or samples of shape
    ``(n,)`` or ``(channels, n)``, int16, int32, float32 or float64, as an array or a tensor of torch; floats are scaled
    to -1 to 1. For samples, and only for them, ``rate_hz`` has to be given. A pair ``(rate_hz, samples)`` or
    ``(samples, rate_hz)``, or the mapping of a Hugging Face data set, brings its rate along.

    In a ``with`` block the model is released at its end; without one it goes when nothing refers to it.

    Args:
        model: the bytes of a model file, as ``hearfelt train`` writes it, or its path.
        name: name of the model in messages; by default its path.
        threads: threads for one prediction; by default ONNX Runtime decides.

    Attributes:
        card: the model card.

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
        called = name or ("model" if isinstance(model, bytes) else str(model))
        self._loaded: Model | None = load_model(model, called, threads)
        self.card = self._loaded.card

    @classmethod
    def load(cls, model: str | Path | None = None, *, threads: int | None = None) -> Recognizer:
        """Load a model that ships with the package, or a file.

        Args:
            model: a name such as ``"classic"``, a path, or nothing for the default.
            threads: threads for one prediction.

        Raises:
            ModelError: if there is no such model, or it is damaged.
        """
        path = model_path(DEFAULT_MODEL if model is None else model)
        return cls(path, name=str(model or DEFAULT_MODEL), threads=threads)

    def close(self) -> None:
        """Release the model; after that every call raises a ModelError. It may be called again."""
        self._loaded = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _model(self) -> Model:
        if self._loaded is None:
            raise ModelError(f"{self.card.name}: this recognizer was closed; load it again")
        return self._loaded

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's emotions, in the order of its outputs."""
        return self.card.labels

    def recognize(self, sound: Sound, rate_hz: int | None = None, *, reference: Reference | None = None) -> Prediction:
        """Recognize the emotion in one sound.

        A model that takes sound uses all of it, however long, and memory does not grow with the length. A sound longer
        than the card's ``window_s`` is divided into equal blocks; their logits are averaged, each weighted by the
        number of its frames of 20 ms within 40 dB of the loudest frame of the whole sound. A block without such a
        frame, a pause, does not count.

        If no speech is found, the warnings contain ``no_speech`` and the prediction is unsure; its numbers stay as they
        are. If the sound is unlike all sound that the model was trained on, they contain ``unfamiliar``, where the file
        measures that.

        Args:
            sound: a path, bytes, an open binary file, or samples.
            rate_hz: sampling rate of samples, in Hz.
            reference: what is usual for this voice or room; see :meth:`reference`.

        Raises:
            AudioError: if the sound cannot be read, is shorter than 0.1 s or silent.
            ModelError: if the reference is for another model, or the model takes none.
        """
        model = self._model.with_reference(reference)
        with open_audio(sound, rate_hz) as reader:
            return model.recognize(reader)

    def reference(self, sounds: Iterable[Sound], *, errors: Literal["raise", "skip"] = "raise") -> Reference:
        """Describe what is usual in recordings of one voice, or of one room and microphone; no labels are needed.

        Given to :meth:`recognize` and the others, it lets the model compare a sound with what is usual there. It counts
        the more, the more recordings there are and the more varied they are; 10 to 30 in different moods are good.

        Args:
            sounds: each as for :meth:`recognize`; taken one at a time.
            errors: for a sound that cannot be read: ``"raise"`` the error, or ``"skip"`` the sound.

        Raises:
            AudioError: with ``errors="raise"`` at the first sound that cannot be read, and if there is none.
            ModelError: if the model takes no reference.

        Example:
            >>> recognizer = Recognizer.load("tiny")
            >>> recognizer.reference(folder.glob("*.wav")).save("me.json")  # doctest: +SKIP
        """
        if errors not in ("raise", "skip"):
            raise ValueError(f"errors={errors!r}; 'raise' or 'skip' is wanted")
        return self.reference_of(self._all_statistics(sounds, is_strict=errors == "raise"))

    def statistics(self, sound: Sound) -> SoundStatistics:
        """Compute what one sound adds to a reference.

        Raises:
            AudioError: as :meth:`recognize`.
            ModelError: if the model takes no reference.
        """
        self._model.require_reference_inputs()
        with open_audio(sound) as reader:
            return self._model.statistics(reader)

    def reference_of(self, statistics: Iterable[SoundStatistics]) -> Reference:
        """Make a reference from the :meth:`statistics` of sounds.

        Raises:
            AudioError: if there are none.
        """
        builder = ReferenceBuilder()
        for one in statistics:
            builder.add(one)
        return builder.reference(self.card.name, self._model.file_hash, self.labels)

    @property
    def takes_reference(self) -> bool:
        """Whether the model takes reference recordings; older and fine-tuned files don't."""
        return self._model.takes_reference

    def fits(self, reference: Reference) -> bool:
        """Whether a reference is for this model file."""
        try:
            self._model.with_reference(reference)
        except ModelError:
            return False
        return True

    @overload
    def recognize_many(
        self,
        sounds: Iterable[Sound],
        *,
        errors: Literal["raise", "skip"] = ...,
        workers: int = ...,
        reference: Reference | None = ...,
    ) -> Predictions[Prediction]: ...
    @overload
    def recognize_many(
        self,
        sounds: Iterable[Sound],
        *,
        errors: Literal["return"],
        workers: int = ...,
        reference: Reference | None = ...,
    ) -> Predictions[Prediction | AudioError]: ...
    def recognize_many(
        self,
        sounds: Iterable[Sound],
        *,
        errors: OnError = "raise",
        workers: int = 1,
        reference: Reference | None = None,
    ) -> Predictions[Prediction] | Predictions[Prediction | AudioError]:
        """Recognize many sounds; each prediction is that of :meth:`recognize`, for any number of workers.

        Args:
            sounds: each as for :meth:`recognize`, samples with their rate; taken a few at a time.
            errors: for a sound that cannot be read: ``"raise"`` the error, ``"skip"`` the sound, or ``"return"`` the
                error in place of the prediction.
            workers: threads that work at once; best with a recognizer loaded with ``threads=1``.
            reference: what is usual for all of these sounds.

        Returns:
            An iterator with a prediction for each sound, in order; its ``to_frame()`` gives a ``pandas.DataFrame``.

        Raises:
            AudioError: with ``errors="raise"``, at the first sound that cannot be read.
            ValueError: if ``errors`` is none of the three, or ``workers`` below 1.

        Example:
            >>> recognizer = Recognizer.load("tiny", threads=1)
            >>> [type(one).__name__ for one in recognizer.recognize_many([b"no sound"], errors="return", workers=2)]
            ['AudioError']
        """
        if errors not in ("raise", "skip", "return"):
            raise ValueError(f"errors={errors!r}; 'raise', 'skip' or 'return' is wanted")
        if workers < 1:
            raise ValueError(f"workers={workers}; 1 or more is wanted")
        model = self._model.with_reference(reference)

        def recognize(sound: Sound) -> Prediction:
            with open_audio(sound) as reader:
                return model.recognize(reader)

        return Predictions(recognize_all(recognize, sounds, workers, errors), self.labels)

    def logits(self, sound: Sound, rate_hz: int | None = None, *, reference: Reference | None = None) -> Floats:
        """Compute the network's raw outputs, before temperature and softmax: ``(classes,)``.

        Raises:
            AudioError: as :meth:`recognize`.
        """
        model = self._model.with_reference(reference)
        with open_audio(sound, rate_hz) as reader:
            return model.logits(reader)

    def embed(
        self, sound: Sound, rate_hz: int | None = None, *, reference: Reference | None = None
    ) -> npt.NDArray[np.float32]:
        """Compute an embedding; similar sounds have embeddings close to each other.

        Args:
            sound: as for :meth:`recognize`; a long one is divided and averaged in the same way.
            rate_hz: sampling rate of samples, in Hz.
            reference: what is usual for this voice or room; see :meth:`reference`.

        Returns:
            ``(d,)`` float32.

        Raises:
            AudioError: as :meth:`recognize`.
            ModelError: if the model takes the 162 features; it has no embedding.
        """
        model = self._model.with_reference(reference)
        with open_audio(sound, rate_hz) as reader:
            return model.embedding(reader)

    def explain(
        self,
        sound: Sound,
        rate_hz: int | None = None,
        *,
        reference: Reference | None = None,
        progress: Progress | None = None,
    ) -> Explanation | Occlusion:
        """Explain what in the sound the prediction depends on, in log-odds of the predicted emotion.

        Args:
            sound: as for :meth:`recognize`.
            rate_hz: sampling rate of samples, in Hz.
            reference: what is usual for this voice or room; see :meth:`reference`.
            progress: is called before each run of the network with the share that is done, 0 to 1; an error that it
                raises ends the explanation.

        Returns:
            For a model on the 162 features an :class:`hearfelt.Explanation`: the exact Shapley value of each of the
            five feature groups, with training clips as the background. For a model that takes sound an
            :class:`hearfelt.Occlusion`: what changes when a stretch of time or a band of frequencies is removed.

        Raises:
            AudioError: as :meth:`recognize`.
            ModelError: if a model on features has no background.
        """
        model = self._model.with_reference(reference)
        with open_audio(sound, rate_hz) as reader:
            return model.explain(reader, progress)

    @overload
    def timeline(
        self,
        sound: Sound,
        rate_hz: int | None = ...,
        *,
        channels: Literal["mix"] = ...,
        progress: Progress | None = ...,
        reference: Reference | None = ...,
    ) -> Timeline: ...
    @overload
    def timeline(
        self,
        sound: Sound,
        rate_hz: int | None = ...,
        *,
        channels: Literal["separate"],
        progress: Progress | None = ...,
        reference: Reference | None = ...,
    ) -> list[Timeline]: ...
    def timeline(
        self,
        sound: Sound,
        rate_hz: int | None = None,
        *,
        channels: Literal["mix", "separate"] = "mix",
        progress: Progress | None = None,
        reference: Reference | None = None,
    ) -> Timeline | list[Timeline]:
        """Find the segments of speech in a recording of any length, and the emotion of each.

        Args:
            sound: as for :meth:`recognize`.
            rate_hz: sampling rate of samples, in Hz.
            channels: ``"mix"`` for one timeline of all channels, ``"separate"`` for one of each.
            progress: is called with the seconds read so far; of separate channels with their mean.
            reference: what is usual for everybody who speaks in it.

        Returns:
            A timeline, empty if nobody speaks; with ``"separate"`` a list of them.

        Raises:
            AudioError: if the sound cannot be read or is shorter than 0.1 s.
        """
        if channels not in ("mix", "separate"):
            raise AudioError(f"channels {channels!r}; 'mix' or 'separate' is wanted")
        is_separate = channels == "separate"
        opened = open_recording(
            sound, self.window_classifier(reference), rate_hz=rate_hz, is_separate=is_separate, progress=progress
        )
        with opened as recording:
            deque(recording, maxlen=0)  # to the end
            timelines = recording.timelines()
        return timelines if is_separate else timelines[0]

    def segments(
        self,
        sound: Sound,
        rate_hz: int | None = None,
        *,
        channel: int | None = None,
        progress: Progress | None = None,
        reference: Reference | None = None,
    ) -> Iterator[Segment]:
        """Give the segments of :meth:`timeline` one after another, in memory that does not grow with the sound.

        Args:
            sound: as for :meth:`recognize`.
            rate_hz: sampling rate of samples, in Hz.
            channel: number of the channel, counted from 0; by default all are mixed.
            progress: is called with the seconds read so far.
            reference: as for :meth:`timeline`.

        Yields:
            Each segment as soon as it is final.

        Raises:
            AudioError: as :meth:`timeline`.
        """
        classifier = self.window_classifier(reference)
        with open_audio(sound, rate_hz, channel=channel) as reader:
            yield from segments_of(reader, Segmenter(classifier), progress)

    def stream(self, rate_hz: int, *, reference: Reference | None = None) -> Stream:
        """Start a live stream; fed with a whole sound it gives the segments of its timeline.

        Args:
            rate_hz: sampling rate of the samples to come, 1,000 to 768,000 Hz.
            reference: as for :meth:`timeline`.

        Raises:
            AudioError: if the rate is outside these limits.
        """
        return Stream(Segmenter(self.window_classifier(reference), with_interim=True), rate_hz)

    def window_classifier(self, reference: Reference | None = None) -> WindowClassifier:
        """Give what a :class:`hearfelt.inference.timeline.segmenter.Segmenter` needs of this model.

        Raises:
            ModelError: if the reference is for another model, or the model takes none.
        """
        return self._model.with_reference(reference).window_classifier()

    def _all_statistics(self, sounds: Iterable[Sound], *, is_strict: bool) -> Iterator[SoundStatistics]:
        self._model.require_reference_inputs()
        for sound in sounds:
            try:
                yield self.statistics(sound)
            except AudioError:
                if is_strict:
                    raise

    def __reduce__(self) -> tuple[partial[Recognizer], tuple[str]]:
        if self._file is None:
            raise ModelError(f"{self.card.name}: made of bytes, so a pickle cannot name its file; load it from a path")
        is_shipped = self._file.stem in shipped_models() and self._file == model_path(self._file.stem)
        model = self._file.stem if is_shipped else str(self._file)  # elsewhere the package may lie in another folder
        return partial(Recognizer.load, threads=self._threads), (model,)

    def __repr__(self) -> str:
        return f"<Recognizer {self.card.name}: {', '.join(self.labels)}>"


def shipped_models() -> tuple[str, ...]:
    """List the models that ship with the package, sorted by name."""
    weights = resources.files("hearfelt.weights")
    return tuple(sorted(item.name[:-5] for item in weights.iterdir() if item.name.endswith(".onnx")))


def model_path(model: str | Path) -> Path:
    """Find the file of a model, given the name of a shipped one or a path.

    Raises:
        ModelError: if there is neither.
    """
    if isinstance(model, str) and model in shipped_models():
        return Path(str(resources.files("hearfelt.weights") / f"{model}.onnx"))
    path = path_given(model)
    if path.is_file():
        return path
    names = ", ".join(shipped_models())
    looks_like_path = isinstance(model, Path) or os.sep in model or model.endswith(".onnx")
    what = "there is no such model file" if looks_like_path else "there is no model of this name"
    raise ModelError(f"{model}: {what}; the shipped models are {names}; the path of an .onnx file works too")


def load_model(file: bytes | Path, name: str, threads: int | None) -> Model:
    """Load a model file, as the kind of model that its card names."""
    session = Session(file, name=name, threads=threads)
    if CARD_KEY not in session.metadata:
        raise ModelError(f"{name}: there is no card inside; only files that hearfelt wrote have one")
    card = ModelCard.from_json(session.metadata[CARD_KEY])
    card = replace(card, parameters=card.parameters or session.numbers)
    if card.input == "sound":
        return SoundModel(session, card, name)
    from hearfelt.inference.feature_model import FeatureModel  # a model on sound needs no feature module

    return FeatureModel(session, card, name)
