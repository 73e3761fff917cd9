"""The Model view: scores, calibration, limits and the card of each shipped model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from hearfelt.corpora.catalog import CORPORA
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import SURE_WORDS, sure_words
from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, model_path, shipped_models
from hearfelt.page.recognition import analysed_part
from hearfelt.page.settings import PageSettings
from hearfelt.page.style import HAS_PLOTS, fragment, put_drawing, read_static
from hearfelt.page.texts import confidence_range
from hearfelt.reports.formatting import bare
from hearfelt.reports.shipped_scores import Ladder, Measurement, ShippedScores, read_scores
from hearfelt.reports.translation import _, marked, ngettext, sentence

__all__ = ["NOT_FOR", "model_facts", "outside_words", "show"]

_FEWEST: Final = 5  # predictions; a point of fewer means nothing
NOT_FOR: Final = (
    marked(
        "It must not be used to judge people: not for hiring, teaching, policing, border control, insurance, medicine"
        " or lie detection. In the European Union, inferring emotions at work and in education is prohibited with few"
        " exceptions (Regulation (EU) 2024/1689, Article 5(1)(f))."
    ),
    marked(
        "It was measured on clean recordings of one person at a time. Noise, rooms, phones and several voices make it"
        " worse."
    ),
    marked("Every clip gets one of its labels, also where none of them fits."),
)


def show(settings: PageSettings) -> None:
    """Show the view.

    Args:
        settings: of the page; this view needs none of them.
    """
    st.html(f"<style>{read_static('model.css')}</style>")
    st.title(_("Model and scores"), anchor=False)
    names = sorted(shipped_models(), key=lambda name: (name != DEFAULT_MODEL, name))
    name = st.segmented_control(_("Model"), names, default=names[0], required=True, key="model-shown") or names[0]
    card, known = _card_of(name), read_scores()
    own = known.of(name)
    st.markdown(f"**{card.name}**: {sentence(card.description)}")
    with st.container(key="hf-model"):
        if own:
            _show_scores(own[0], _is_shipped_file(own), card)
        st.header(_("Limits"), anchor=False)
        st.html(fragment("model", "limits", [*dict.fromkeys([*card.limits, *NOT_FOR])]))
        if len(own) > 1 or known.ladder:
            _show_leaks(own, known)
        _show_card(card, model_path(name).stat().st_size)


@st.cache_resource(show_spinner=False)
def _card_of(name: str) -> ModelCard:
    """Read a shipped model's card; it contains nothing of a visitor."""
    return Recognizer.load(name, threads=1).card


def _is_shipped_file(own: tuple[Measurement, ...]) -> Measurement | None:
    """Find where the shipped file itself was measured without a leak."""
    return next((one for one in own if one.is_shipped_file and not one.leaky), None)


def _show_scores(one: Measurement, is_shipped_file: Measurement | None, card: ModelCard) -> None:
    st.html(fragment("model", "score", one, is_shipped_file))
    st.header(_("Confusion matrix"), anchor=False)
    st.html(fragment("model", "confusion", one))
    st.header(_("Calibration"), anchor=False)
    if card.bands:
        st.html(fragment("model", "calibration_outside", outside_words(card)))
    words = []
    for least, word in SURE_WORDS:
        low, high = confidence_range(least)
        words.append((word, low, high, *one.right_between(low, high)))
    st.html(fragment("model", "calibration", one, is_shipped_file, words, bool(card.bands)))
    if HAS_PLOTS:
        with st.expander(_("Reliability diagram")):
            _put_reliability(one)
            st.html(fragment("model", "diagram_text"))


def outside_words(card: ModelCard) -> list[tuple[str, float, float, int, float]]:
    """List each word with its range of confidence, the number of outside predictions in it, and the share correct."""
    words, high = [], 1.0
    for low, word in sure_words(card.bands):
        bands = [one for one in card.bands if low <= (one.low + one.high) / 2 < high]
        count = sum(one.answers for one in bands)
        words.append((word, low, high, count, sum(one.right for one in bands) / max(count, 1)))
        high = low
    return words


def _put_reliability(one: Measurement) -> None:
    from hearfelt.reports.figures.results import reliability_diagram
    from hearfelt.reports.pages import picture

    shown = [bin for bin in one.reliability if bin.count >= _FEWEST]
    shares = [(f"{100 * bin.confidence:.0f}", f"{100 * bin.accuracy:.0f}") for bin in shown]
    points = ", ".join(_("confidence {low} %, {share} % correct", low=low, share=share) for low, share in shares)
    alt = _("Reliability diagram: {points}", points=points)
    put_drawing(picture(reliability_diagram(shown), alt=alt), key="reliability")


def _show_leaks(own: tuple[Measurement, ...], known: ShippedScores) -> None:
    if own:
        has_leaks = any(one.leaky for one in own)
        st.header(_("Leaky scores") if has_leaks else _("All measurements"), anchor=False)
        st.html(fragment("model", "measurements", own))
    if known.ladder:
        _show_ladder(known.ladder)


def _show_ladder(ladder: Ladder) -> None:
    st.header(_("The effect of each leak"), anchor=False)
    if HAS_PLOTS:
        _put_ladder(ladder)
    st.html(fragment("model", "ladder_text", ladder.steps))


def _put_ladder(ladder: Ladder) -> None:
    from hearfelt.reports.figures.ladder import leak_ladder
    from hearfelt.reports.pages import picture

    steps = ["0", *(f"+ {number}" for number in range(1, len(ladder.steps)))]  # as the list below counts them
    ends = {name: [score for score in scores if score is not None] for name, scores in ladder.models.items()}
    words = "; ".join(
        _("{model} from {first} % to {last} %", model=name, first=bare(one[0]), last=bare(one[-1]))
        for name, one in ends.items()
        if one
    )
    figure = leak_ladder(steps, ladder.models, guess=ladder.guess)
    put_drawing(picture(figure, alt=_("Leak ladder: {words}", words=words)), key="ladder")


def _show_card(card: ModelCard, size_bytes: int) -> None:
    st.header(_("Model card"), anchor=False)
    st.html(fragment("model", "facts", model_facts(card, size_bytes)))
    st.download_button(
        _("Download the whole card"),
        json.dumps(json.loads(card.to_json()), indent=1, ensure_ascii=False),
        f"{card.name}-card.json",
        "application/json",
        on_click="ignore",
    )


def model_facts(card: ModelCard, size_bytes: int) -> list[tuple[str, str]]:
    """Return what a card says of its model, as names and texts."""
    part = analysed_part(card)
    kinds = [_("sound") if card.input == "sound" else _("162 features of the sound"), part]
    if card.window_s:
        kinds.append(_("windows of {length} s", length=f"{card.window_s:g}"))
    sizes = [_("{size} MB", size=f"{size_bytes / 1e6:.1f}")]
    if card.parameters:
        sizes.append(ngettext("{count} parameter", "{count} parameters", card.parameters))
    rows = [
        (_("labels"), ", ".join(map(_, card.labels))),
        (_("input"), ", ".join(filter(None, kinds))),
        (_("training speakers"), ngettext("{count} speaker", "{count} speakers", len(card.training_speakers))),
        (_("unsure"), _("below {share} % confidence", share=f"{card.unsure_below * 100:.0f}")),
        (_("size"), ", ".join(sizes)),
        (_("version"), f"hearfelt {card.version}"),
        (_("training corpora"), "\n".join(_corpus(name, one) for name, one in card.corpora.items())),
        (_("licence of the weights"), sentence(card.licence) or _("unknown")),
    ]
    return [(name, text) for name, text in rows if text]


def _corpus(name: str, facts: Mapping[str, Any]) -> str:
    clips = ngettext("{count} clip", "{count} clips", facts.get("clips", 0))
    return f"{_title(name)} ({clips}, {_(str(facts.get('licence')))})"


def _title(corpus: str) -> str:
    return CORPORA[corpus].title if corpus in CORPORA else corpus
