"""What the Model view shows, as HTML: figures on a scale, which emotion is taken for which, how sure and how right.

Every text is escaped here; colours are variables of the page's style sheet, so that everything goes dark with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from hearfelt.emotions import look_of
from hearfelt.inference.prediction import SURE_WORDS
from hearfelt.reports.formatting import bare, interval, percent
from hearfelt.reports.shipped_scores import Measurement

__all__ = ["bullets", "confusion", "facts", "figures", "scale", "small", "sureness"]

_DEEPEST: Final = 0.55  # opacity of the accent in a cell of 100 %: ink stays readable on it, light and dark


def bullets(items: Sequence[str]) -> str:
    """Set a list of sentences."""
    return f'<ul class="hf-list">{"".join(f"<li>{escape(item)}</li>" for item in items)}</ul>'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Set names with what is said of each."""
    each = (f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in rows)
    return f'<dl class="hf-facts">{"".join(each)}</dl>'


def scale(one: Measurement) -> str:
    """Set the headline figure in large type, and below it where it lies between guessing and always right."""
    guess = 1 / len(one.emotions)
    low, high = one.uar_ends or (one.uar, one.uar)
    said = f"{percent(one.uar)} on a scale from 0 to 100 %; guessing gives {percent(guess)}"
    if one.uar_ends:
        said += f"; with other speakers, {bare(low)} to {percent(high)} would be usual"
    places = f"--at:{one.uar:.4f};--low:{low:.4f};--high:{high:.4f};--guess:{guess:.4f}"
    return f"""<div class="hf-score">
<p class="hf-score-figure">{round(100 * one.uar)}<span> of 100</span></p>
<p class="hf-score-words">{_worth(one)}</p>
<div class="hf-scale" role="img" aria-label="{escape(said)}" style="{places}">
<span class="hf-scale-line"></span><span class="hf-scale-span"></span><span class="hf-scale-dot"></span>
<span class="hf-scale-guess"></span><span class="hf-scale-word">guessing</span>
<span class="hf-scale-end">100 %</span>
</div></div>"""


def _worth(one: Measurement) -> str:
    people = f"{one.speakers} people whom it had never heard" if not one.leaky else f"{one.speakers} people"
    between = f" With other people, {interval(one.uar_ends)} % would be usual." if one.uar_ends else ""
    return (
        f"acted emotions are recognized in the voices of {people}, each of the {len(one.emotions)} emotions counting as"
        f" much.{between} Guessing gives {bare(1 / len(one.emotions))} %."
    )


def small(text: str) -> str:
    """Set a quiet sentence below something."""
    return f'<p class="hf-small">{escape(text)}</p>'


def confusion(one: Measurement) -> str:
    """Set what each emotion was taken for: a row for each that was meant, its shares adding up to 100 %."""
    head = "".join(
        f'<th scope="col"><span class="hf-sign" aria-hidden="true">{look_of(name).emoji}</span>'
        f'<span class="hf-name">{escape(name)}</span></th>'
        for name in one.emotions
    )
    rows = []
    for truth, shares in zip(one.emotions, one.shares(), strict=True):
        cells = "".join(
            f'<td style="--share:{_DEEPEST * share**0.75:.3f}" class="{"hf-hit" * (truth == name)}">{_cell(share)}</td>'
            for name, share in zip(one.emotions, shares, strict=True)
        )
        sign = f'<span class="hf-sign" aria-hidden="true">{look_of(truth).emoji}</span>'
        rows.append(f'<tr><th scope="row">{sign} {escape(truth)}</th>{cells}</tr>')
    return (
        '<div class="hf-scroll" tabindex="0" role="region" aria-label="What each emotion was taken for">'
        '<table class="hf-confusion"><caption class="hf-unseen">Rows: what was meant. Columns: what was answered, in %'
        f" of the row.</caption><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(share: float) -> str:
    if share <= 0:
        return '<span class="hf-unseen">0</span>'
    return f"{share * 100:.0f}" if share >= 0.005 else "&lt;1"


def sureness(one: Measurement) -> str:
    """Set, for each word that says how sure an answer is, how often answers called so were right."""
    rows, high = [], 1.0
    for least, word in SURE_WORDS:
        count, share = one.right_between(least, high)
        said = f"{100 * least:.0f}–{100 * high:.0f} %" if least else f"under {100 * high:.0f} %"
        right = f"{share * 100:.0f} %" if count else "–"
        bar = (
            f'<span class="hf-bar" aria-hidden="true" style="--low:{least:.3f};--high:{high:.3f};--at:{share:.4f}">'
            "<span></span><b></b></span>"
        )
        rows.append(
            f'<tr><th scope="row">{escape(word)}<br><small>{said}</small></th><td class="hf-number">{right}</td>'
            f'<td class="hf-wide">{bar if count else ""}</td><td class="hf-number">{count:,}</td></tr>'
        )
        high = least
    return (
        '<div class="hf-scroll" tabindex="0" role="region" aria-label="How sure it says it is, how often it is right">'
        '<table class="hf-table"><thead><tr><th scope="col">it says it is</th>'
        '<th scope="col" class="hf-number">and is right</th><td class="hf-wide"></td>'
        f'<th scope="col" class="hf-number">answers</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def figures(measurements: Sequence[Measurement]) -> str:
    """Set every measurement of a model in a row of its own, and say which of them hold for nobody new.

    Small screens stand a row's cells one below the other, each beside the name of its column. Roles are written out,
    because some browsers take such a table for none.
    """
    names = (
        "right, each emotion counting as much (UAR) %", "right, each clip counting as much (accuracy) %",
        "confidence off by (calibration error) %", "clips", "people",
    )  # fmt: skip
    rows = []
    for one in measurements:
        kind = '<span class="hf-tag hf-leaky">leaky</span>' if one.leaky else '<span class="hf-tag">strangers</span>'
        texts = (
            f"<b>{bare(one.uar)}</b><br><small>{interval(one.uar_ends)}</small>", bare(one.accuracy),
            bare(one.calibration_error), f"{one.clips:,}", str(one.speakers),
        )  # fmt: skip
        cells = "".join(
            f'<td role="cell" class="hf-number"><span class="hf-column" aria-hidden="true">{name}</span>'
            f"<span>{text}</span></td>"
            for name, text in zip(names, texts, strict=True)
        )
        rows.append(
            f'<tr role="row"><th scope="row" role="rowheader">{escape(one.title)}<br>'
            f'<small>{escape(one.protocol)}</small></th><td role="cell">{kind}</td>{cells}</tr>'
        )
    columns = (("measured on", ""), ("voices", ""), *((name, ' class="hf-number"') for name in names))
    head = "".join(f'<th scope="col" role="columnheader"{kind}>{name}</th>' for name, kind in columns)
    return (
        '<div class="hf-scroll" tabindex="0" role="region" aria-label="Every measurement of this model">'
        f'<table role="table" class="hf-table hf-figures"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table></div>'
    )
