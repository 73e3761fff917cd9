"""Predictions for many sounds, one after another or as a table."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Generic, Literal, TypeVar, cast

from hearfelt.audio.inputs import name_of
from hearfelt.audio.reader import Audio, Sound
from hearfelt.errors import AudioError, require
from hearfelt.inference.prediction import Prediction
from hearfelt.rows import columns, table_row

__all__ = ["OnError", "Predictions", "recognize_all"]

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
