"""A prediction: the emotion, its probability and warnings; and predictions for many sounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from itertools import islice
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar, cast

from hearfelt.audio.inputs import name_of
from hearfelt.audio.notebook import svg
from hearfelt.audio.reader import Audio, Sound
from hearfelt.audio.warnings import SoundWarning, texts_of
from hearfelt.emotions import look_of
from hearfelt.errors import AudioError, ModelError, require
from hearfelt.frozen import FrozenDict
from hearfelt.rows import columns, table_row

__all__ = [
    "NO_SPEECH_WORDS",
    "SURE_WORDS",
    "UNSURE_WORD",
    "Band",
    "OnError",
    "Prediction",
    "Predictions",
    "label_html",
    "percent_cell",
    "percent_words",
    "recognize_all",
    "sure_words",
]

SURE_WORDS: Final = ((0.9, "very sure"), (0.7, "fairly sure"), (0.5, "not very sure"), (0.0, "a guess"))
"""Confidence in words: the least probability for each, highest first. Calibration aims at "fairly sure" being right in
7 to 9 of 10 cases; how often it is was measured for each model. Below 0.5 the other emotions together are more
probable. Where it was measured on corpora that were left out of training, :func:`sure_words` asks for more."""

UNSURE_WORD: Final = "unsure"
"""Used instead where the confidence is below the threshold of the model's card."""

NO_SPEECH_WORDS: Final = "no speech found"
"""Shown before the emotion where there is no speech."""

_UNFAMILIAR_WORDS: Final = SURE_WORDS[2:]  # how often predictions for unfamiliar sound are correct is not known


class Band(NamedTuple):
    """How many predictions with a confidence from ``low`` to below ``high`` (at 1: with it) were correct."""

    low: float
    high: float
    answers: int
    right: int

    @property
    def accuracy(self) -> float:
        """Share of correct predictions, 0 to 1."""
        return self.right / self.answers if self.answers else 0.0


def sure_words(outside: Sequence[Band] = ()) -> tuple[tuple[float, str], ...]:
    """Give the least confidence for each word, highest first: :data:`SURE_WORDS`, as far as they held outside.

    A word is said where predictions for corpora that were left out of training were correct as often as the word's
    probability says, in every band of confidence from there on. A word for which that is nowhere so is left out.

    Args:
        outside: bands of confidence, ascending, as measured on such corpora; none if that was not measured.

    Example:
        >>> sure_words([Band(0.0, 0.8, 100, 60), Band(0.8, 1.0, 50, 43)])
        ((0.8, 'fairly sure'), (0.5, 'not very sure'), (0.0, 'a guess'))
    """
    words = []
    for least, word in SURE_WORDS:
        start = max([least, *(band.high for band in outside if band.high > least and band.accuracy < least)])
        if start < 1:
            words.append((start, word))
    return tuple(words)


def percent_words(share: float) -> str:
    """Format a probability in whole per cent, never as 0 or 100.

    Example:
        >>> percent_words(0.784), percent_words(0.004), percent_words(0.999)
        ('78%', 'under 1%', 'over 99%')
    """
    if share < 0.01:
        return "under 1%"
    return "over 99%" if share > 0.995 else f"{share:.0%}"


def percent_cell(share: float) -> str:
    """Format it for a column of a terminal's table, four characters wide.

    Example:
        >>> percent_cell(0.784), percent_cell(0.004), percent_cell(0.999)
        (' 78%', ' <1%', '>99%')
    """
    return f"{percent_words(share).replace('under ', '<').replace('over ', '>'):>4}"


@dataclass(frozen=True, repr=False)
class Prediction:
    """The result for one sound; it cannot be changed and can be hashed.

    Attributes:
        emotion: the most probable label, also if the prediction is unsure.
        confidence: its probability, 0 to 1, calibrated.
        probabilities: for each of the model's labels, in its order; they add up to 1.
        unsure: whether the confidence is below the card's threshold, or no speech was found.
        duration_s: length of the sound, in seconds.
        model: name of the model.
        warnings: problems found in the sound; empty for a clean recording of speech.
        quantiles: of split-conformal prediction, by coverage, for :meth:`plausible`; from the model's card.
        outside: how often predictions for corpora that were left out of training were correct, by confidence,
            ascending; from the card, empty with a reference.

    Example:
        >>> prediction = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic")
        >>> prediction, prediction.in_words, prediction.ranked()
        (<Prediction sad 70%>, 'fairly sure', [('sad', 0.7), ('calm', 0.3)])
        >>> prediction.to_dict()["probabilities"]
        {'calm': 0.3, 'sad': 0.7}
    """

    emotion: str
    confidence: float
    probabilities: Mapping[str, float]
    unsure: bool
    duration_s: float
    model: str
    warnings: tuple[SoundWarning, ...] = ()
    quantiles: Mapping[str, float] = field(default_factory=dict)
    outside: tuple[Band, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", FrozenDict(self.probabilities))
        object.__setattr__(self, "quantiles", FrozenDict(self.quantiles))

    @property
    def in_words(self) -> str:
        """The confidence in words, as :func:`sure_words` has them, or ``"unsure"``.

        For an unfamiliar sound it is never more than "not very sure".
        """
        if self.unsure:
            return UNSURE_WORD
        words = _UNFAMILIAR_WORDS if self.is_unfamiliar else sure_words(self.outside)
        return next((word for least, word in words if self.confidence >= least), SURE_WORDS[-1][1])

    @property
    def is_unfamiliar(self) -> bool:
        """Whether the sound is unlike all sound that the model was trained on."""
        return any(warning.code == "unfamiliar" for warning in self.warnings)

    @property
    def has_no_speech(self) -> bool:
        """Whether no speech was found in the sound; the emotion then means nothing."""
        return any(warning.code == "no_speech" for warning in self.warnings)

    @property
    def other_warnings(self) -> tuple[SoundWarning, ...]:
        """The warnings apart from :attr:`has_no_speech`, which is shown first."""
        return tuple(warning for warning in self.warnings if warning.code != "no_speech")

    def ranked(self) -> list[tuple[str, float]]:
        """List labels and probabilities, the most probable first."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])

    def plausible(self, coverage: float = 0.9) -> tuple[str, ...]:
        """Give the labels one of which is the correct one in this share of cases: a split-conformal set.

        How often that holds was measured on clips of one emotion, inside and outside the training corpora. Where there
        is no speech the set means as little as the emotion.

        Args:
            coverage: share of the sets that contain the correct label; one for which the model has a quantile.

        Returns:
            At least one label, the most probable first.

        Raises:
            ModelError: if the model has no quantile for this coverage.

        Example:
            >>> shares = {"calm": 0.3, "sad": 0.6, "angry": 0.1}
            >>> Prediction("sad", 0.6, shares, False, 2.0, "mine", quantiles={"0.9": 0.75}).plausible()
            ('sad', 'calm')
        """
        quantile = next((one for key, one in self.quantiles.items() if float(key) == coverage), None)
        if quantile is None:
            known = ", ".join(self.quantiles) or "none"
            raise ModelError(f"{self.model}: it has no quantile for a coverage of {coverage:g}; it has {known}")
        return tuple(label for label, share in self.ranked() if 1 - share <= quantile) or (self.emotion,)

    def plausible_sets(self) -> dict[str, tuple[str, ...]]:
        """Give the sets of :meth:`plausible` for every coverage for which the model has a quantile."""
        return {key: self.plausible(float(key)) for key in self.quantiles}

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON, named and ordered as :data:`hearfelt.rows.PREDICTION`."""
        return {
            "emotion": self.emotion,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "unsure": self.unsure,
            "warnings": [warning.to_dict() for warning in self.warnings],
            "model": self.model,
            "duration_s": self.duration_s,
        }

    def _repr_html_(self) -> str:
        return _html(self)

    def __repr__(self) -> str:
        return f"<Prediction {self.emotion} {percent_words(self.confidence)}{', unsure' if self.unsure else ''}>"


def label_html(label: str) -> str:
    """Write a label with its emoji, for notebooks."""
    return f"{look_of(label).emoji} {escape(label)}"


_ROW: Final = 22  # height of a row in a notebook
_NAME: Final = 110  # width left of the bars


def _html(prediction: Prediction) -> str:
    """Draw a bar for each emotion, the most probable first, with the warnings below.

    Example:
        >>> _html(Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic")).count("<rect")
        2
    """
    ranked = prediction.ranked()
    rows = [
        f'<text x="0" y="{place * _ROW + 15}">{label_html(label)}</text>'
        f'<rect x="{_NAME}" y="{place * _ROW + 4}" height="13" width="{max(1, 400 * share):.0f}"'
        f' fill="{look_of(label).colour}"/>'
        f'<text x="{_NAME + 6 + 400 * share:.0f}" y="{place * _ROW + 15}">{percent_words(share)}</text>'
        for place, (label, share) in enumerate(ranked)
    ]
    drawn = svg(
        "".join(rows), len(rows) * _ROW, ", ".join(f"{label} {percent_words(share)}" for label, share in ranked)
    )
    text = texts_of(prediction.other_warnings)
    return f"<div>{_headline(prediction)}{drawn}{f'<div>{escape(text)}</div>' if text else ''}</div>"


def _headline(prediction: Prediction) -> str:
    if prediction.has_no_speech:
        return f"<div><b>{NO_SPEECH_WORDS}</b></div>"
    words = f"{percent_words(prediction.confidence)}, {prediction.in_words}"
    return f"<div><b>{label_html(prediction.emotion)}</b> {words}</div>"


OnError = Literal["raise", "skip", "return"]
Result = TypeVar("Result", bound=Prediction | AudioError, covariant=True)
_Named = tuple[str, Prediction | AudioError]


class Predictions(Generic[Result]):
    """The predictions of :meth:`hearfelt.Recognizer.recognize_many`, an iterator: each is made when it is asked for.

    Example:
        >>> from hearfelt import Recognizer
        >>> many = Recognizer.load("tiny").recognize_many([b"no sound"], errors="return")
        >>> many.to_frame().index.tolist()
        ['sound']
    """

    def __init__(self, results: Iterator[_Named], labels: Sequence[str]) -> None:
        self._results, self._labels = results, labels

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        return cast(Result, next(self._results)[1])

    def close(self) -> None:
        """Stop: sounds that are not begun are left alone."""
        if hasattr(self._results, "close"):
            self._results.close()

    def to_frame(self) -> Any:
        """Recognize the rest, and give it as a ``pandas.DataFrame`` with a row for each sound.

        The index is ``file``, as in audformat's tables: the path, or a name for sounds that have none. The columns are
        ``emotion``, ``confidence``, a probability for each label (named as :func:`hearfelt.rows.label_columns` does),
        ``unsure``, ``warnings`` (codes joined with ``;``), ``model``, ``duration_s`` and ``error``.

        Raises:
            ExtraMissingError: if pandas is not installed.
            AudioError: with ``errors="raise"``, at the first sound that cannot be read.
        """
        pandas = require("pandas", "pandas")
        rows = [
            {"source": name, "error": str(one)} if isinstance(one, AudioError) else {"source": name, **one.to_dict()}
            for name, one in self._results
        ]
        names = columns(self._labels)
        table = pandas.DataFrame([table_row(row, self._labels) for row in rows], columns=names)
        texts = ("source", "emotion", "warnings", "model", "error")
        types = {name: "string" if name in texts else "boolean" if name == "unsure" else "float64" for name in names}
        return table.astype(types).set_index("source").rename_axis("file")


def recognize_all(
    recognize: Callable[[Sound], Prediction], sounds: Iterable[Sound], workers: int, errors: OnError
) -> Iterator[_Named]:
    """Recognize sounds, each with its name.

    Args:
        recognize: makes a prediction.
        sounds: taken a few at a time.
        workers: threads that work at once.
        errors: for a sound that cannot be read: ``"raise"`` the error, ``"skip"`` the sound, or ``"return"`` the error.

    Yields:
        Name and result, in order.

    Raises:
        AudioError: with ``errors="raise"``.
    """

    def attempted(sound: Sound) -> _Named:
        try:
            return _name_of(sound), recognize(sound)
        except AudioError as error:
            return _name_of(sound), error

    for name, result in map(attempted, sounds) if workers == 1 else _in_threads(attempted, sounds, workers):
        if errors == "return" or isinstance(result, Prediction):
            yield name, result
        elif errors == "raise":
            raise result


def _name_of(sound: Sound) -> str:
    return sound.name if isinstance(sound, Audio) else name_of(sound)


def _in_threads(work: Callable[[Sound], _Named], sounds: Iterable[Sound], workers: int) -> Iterator[_Named]:
    """Work on sounds in threads, at most twice as many at a time; the results come in order."""
    remaining = iter(sounds)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[_Named]] = deque()
        try:
            while True:
                waiting += [pool.submit(work, sound) for sound in islice(remaining, 2 * workers - len(waiting))]
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
