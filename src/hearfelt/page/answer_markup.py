"""An answer as HTML: its badge, how sure it is in words, and all emotions ranked. Every text is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hearfelt.audio.warnings import texts_of
from hearfelt.emotions import look_of
from hearfelt.inference.prediction import NO_SPEECH_WORDS, UNSURE_WORD, Prediction
from hearfelt.page.style import mark_of
from hearfelt.reports.formatting import share_words

__all__ = ["answer", "bars", "notice", "oddities", "overview", "said_of"]


def said_of(prediction: Prediction) -> str:
    """Say an answer in a few words.

    Example:
        >>> said_of(Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic"))
        'sad, fairly sure, 70 %'
        >>> said_of(Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "classic"))
        'unsure, perhaps sad, 30 %'
    """
    share = share_words(prediction.confidence)
    if prediction.has_no_speech:
        return f"{NO_SPEECH_WORDS}, {prediction.emotion}? {share}"
    if prediction.unsure:
        return f"{UNSURE_WORD}, perhaps {prediction.emotion}, {share}"
    return f"{prediction.emotion}, {prediction.in_words}, {share}"


def answer(prediction: Prediction, *, who: str = "", is_small: bool = False) -> str:
    """Set an answer in large type, with a badge whose ring is closed as far as it is sure.

    Args:
        prediction: the answer.
        who: what stands above it, such as the model's name.
        is_small: whether it shares its place with another.
    """
    look = look_of(prediction.emotion)
    state = " hf-unsure" if prediction.unsure else ""
    size = " hf-small" if is_small else ""
    share = share_words(prediction.confidence)
    how = f"{UNSURE_WORD}, {share}" if prediction.unsure else f"{prediction.in_words}, {share}"
    perhaps = "perhaps " if prediction.unsure else ""
    above = f'<p class="hf-who">{escape(who)}</p>' if who else ""
    if prediction.has_no_speech:
        return (
            f'<section class="hf-answer hf-unsure hf-no-speech{size}" aria-label="Answer">{above}'
            f'<div class="hf-words"><p class="hf-emotion">{NO_SPEECH_WORDS}</p>'
            f'<p class="hf-sure">{escape(prediction.emotion)}? {share}</p></div></section>'
        )
    return (
        f'<section class="hf-answer{state}{size}" aria-label="Answer" style="--mark:{mark_of(prediction.emotion)};'
        f'--sure:{prediction.confidence:.3f}">{above}'
        f'<div class="hf-badge" aria-hidden="true"><span>{look.emoji}</span></div>'
        f'<div class="hf-words"><p class="hf-emotion">{perhaps}{escape(prediction.emotion)}</p>'
        f'<p class="hf-sure">{escape(how)}</p></div></section>'
    )


def oddities(prediction: Prediction) -> str:
    """Set on one quiet line what is odd about the sound; nothing for a clean one."""
    said = texts_of(prediction.other_warnings)
    return f'<p class="hf-small-print hf-oddities">{escape(said[0].upper() + said[1:])}.</p>' if said else ""


def bars(prediction: Prediction) -> str:
    """Set all emotions ranked, each with a bar as long as it is probable."""
    rows = "".join(
        f'<li style="--mark:{mark_of(name)};--share:{share:.4f}"><span class="hf-sign" aria-hidden="true">'
        f'{look_of(name).emoji}</span><span class="hf-label">{escape(name)}</span>'
        '<span class="hf-track" aria-hidden="true"><b></b></span>'
        f'<span class="hf-share">{share_words(share)}</span></li>'
        for name, share in prediction.ranked()
    )
    return f'<ol class="hf-bars" aria-label="All emotions, the most probable first">{rows}</ol>'


def notice(text: str, *, title: str) -> str:
    """Set something calm that a reader should know: why a sound has no answer."""
    return f'<div class="hf-notice"><p class="hf-notice-title">{escape(title)}</p><p>{escape(text)}</p></div>'


def overview(rows: Sequence[tuple[str, Prediction | None]]) -> str:
    """Set a table of several sounds with their answers; None for one that is not heard yet."""
    lines = []
    for name, prediction in rows:
        if prediction is None:
            lines.append(f'<tr><th scope="row">{escape(name)}</th><td colspan="2">listening …</td></tr>')
            continue
        perhaps = "perhaps " if prediction.unsure else ""
        how = UNSURE_WORD if prediction.unsure else prediction.in_words
        if prediction.has_no_speech:
            lines.append(
                f'<tr><th scope="row">{escape(name)}</th><td>{NO_SPEECH_WORDS}</td>'
                f'<td class="hf-aside">{escape(prediction.emotion)}? {share_words(prediction.confidence)}</td></tr>'
            )
            continue
        lines.append(
            f'<tr style="--mark:{mark_of(prediction.emotion)}"><th scope="row">{escape(name)}</th>'
            f'<td><span class="hf-sign" aria-hidden="true">{look_of(prediction.emotion).emoji}</span> '
            f"{perhaps}{escape(prediction.emotion)}</td>"
            f"<td>{escape(how)}, {share_words(prediction.confidence)}</td></tr>"
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("sound", "heard", "how sure"))
    return (
        '<div class="hf-scroll" tabindex="0" role="region" aria-label="All sounds"><table class="hf-overview">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
