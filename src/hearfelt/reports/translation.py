"""Texts in the reader's language, from the catalogues in ``locale``; the English texts are the keys.

The page says in which language a visitor reads (:func:`in_language`). Everything else is English.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from importlib.resources import files
from typing import Final, ParamSpec, TypeVar

from hearfelt.reports.library_texts import SENTENCES

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "_",
    "grouped",
    "in_language",
    "keep_language",
    "language",
    "marked",
    "ngettext",
    "sentence",
]

ENGLISH: Final = "en"

LANGUAGES: Final = {ENGLISH: "English", "de": "Deutsch", "es": "Español", "fr": "Français"}
"""Code and own name of each language that has a catalogue."""

_GROUPS: Final = "\u202f"  # narrow space between thousands, which every language but English reads alike
_CURRENT: Final = ContextVar("language", default=ENGLISH)

Given = ParamSpec("Given")
Found = TypeVar("Found")


@contextmanager
def in_language(code: str) -> Iterator[None]:
    """Translate into a language, in this thread until the end of the ``with`` block.

    Args:
        code: one of :data:`LANGUAGES`.
    """
    before = _CURRENT.set(code)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def language() -> str:
    """Return the code of the language into which texts are translated."""
    return _CURRENT.get()


def keep_language(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """Make a function that speaks today's language also where it is called later, in whatever thread."""
    code = language()

    @wraps(function)
    def kept(*arguments: Given.args, **named: Given.kwargs) -> Found:
        with in_language(code):
            return function(*arguments, **named)

    return kept


def marked(text: str) -> str:
    """Return a text as it is: it is in the catalogues, and translated where it is shown."""
    return text


def _(text: str, /, **values: object) -> str:
    """Translate a text; without a translation it stays English.

    Args:
        text: English, with ``{name}`` for each value.
        values: what is put in. HTML (``Markup``) stays HTML, and the text around it is escaped.

    Example:
        >>> _("{name} is being read", name="a.wav")
        'a.wav is being read'
    """
    return _filled(_catalogue(language()).gettext(text) if text else "", values)


def ngettext(one: str, several: str, count: int, /, **values: object) -> str:
    """Translate a text that depends on a number.

    Args:
        one: English, for 1.
        several: for every other number.
        count: the number: ``{count}`` in the texts, its thousands in groups.
        values: further ones.

    Example:
        >>> ngettext("{count} clip", "{count} clips", 1440)
        '1,440 clips'
    """
    return _filled(_catalogue(language()).ngettext(one, several, count), {"count": grouped(count), **values})


def grouped(count: float) -> str:
    """Write a whole number with its thousands in groups.

    Example:
        >>> grouped(1440)
        '1,440'
    """
    return f"{count:,.0f}" if language() == ENGLISH else f"{count:,.0f}".replace(",", _GROUPS)


def sentence(text: str) -> str:
    """Translate an error or a warning of the library; where none of its known sentences fits, it stays English.

    Args:
        text: as the library says it, with its values in it.
    """
    if language() == ENGLISH or not text:
        return text
    if (found := _(text)) != text:
        return found
    for template, pattern in _patterns():
        if match := pattern.fullmatch(text):
            return _(template, **{name: sentence(value) for name, value in match.groupdict().items()})
    return text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for template in SENTENCES:
        parts = re.split(r"\{(\w+)\}", template)
        texts = [re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+)" for place, part in enumerate(parts)]
        found.append((template, re.compile("".join(texts))))
    return tuple(found)


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    if code == ENGLISH:
        return gettext.NullTranslations()
    with (files("hearfelt.reports") / "locale" / f"{code}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def _filled(text: str, values: dict[str, object]) -> str:
    if any(hasattr(value, "__html__") for value in values.values()):
        from markupsafe import escape  # there with the extras that make HTML

        return escape(text).format(**values)
    return text.format(**values) if values else text
