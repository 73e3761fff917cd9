"""HTML from Jinja2 templates, with every text escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hearfelt.emotions import look_of
from hearfelt.inference.prediction import NO_SPEECH_WORDS, UNSURE_WORD
from hearfelt.reports import formatting
from hearfelt.reports.theme import mark_of
from hearfelt.reports.translation import _, grouped, language, ngettext, sentence

__all__ = ["render", "render_macro"]


def render(package: str, template: str, **values: object) -> str:
    """Render a template.

    Every value is escaped, unless it is ``markupsafe.Markup``.

    Args:
        package: whose folder ``templates`` has the template, such as ``"hearfelt.reports"``. A template may include
            those of ``hearfelt.reports``, too.
        template: name of the file.
        values: what the template shows.

    Returns:
        HTML.
    """
    return _environment(package).get_template(template).render(values)


def render_macro(package: str, template: str, macro: str, /, *arguments: object, **named: object) -> Markup:
    """Render one macro of a template, as :func:`render` does a whole one.

    Example:
        >>> render_macro("hearfelt.reports", "blocks.html", "bullets", ["a < b"]).strip()
        Markup('<ul><li>a &lt; b</li></ul>')
    """
    markup: Markup = getattr(_environment(package).get_template(template).module, macro)(*arguments, **named)
    return markup


@cache
def _environment(package: str) -> Environment:
    loaders = [PackageLoader(one) for one in dict.fromkeys((package, "hearfelt.reports"))]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "percent": formatting.percent,
        "bare": formatting.bare,
        "interval": formatting.interval,
        "many": formatting.many,
        "share_words": formatting.share_words,
        "signed": formatting.signed,
        "mark": mark_of,
        "emoji": lambda emotion: look_of(emotion).emoji,
        "grouped": grouped,
        "sentence": sentence,
    }
    environment.globals |= {
        "_": _,
        "language": language,
        "ngettext": ngettext,
        "no_speech_words": NO_SPEECH_WORDS,
        "unsure_word": UNSURE_WORD,
    }
    return environment
