"""The Model view: what a model was measured to be worth, where it errs, and what it cannot do."""

from __future__ import annotations

import json
from typing import Final

import streamlit as st

from hearfelt.corpora.catalog import CORPORA
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import SURE_WORDS
from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, model_path, shipped_models
from hearfelt.page import model_drawing, model_markup
from hearfelt.page.calibration_text import sure_span
from hearfelt.page.drawing import put_drawing
from hearfelt.page.recognition import heard_part
from hearfelt.page.settings import PageSettings
from hearfelt.page.style import read_asset
from hearfelt.reports.formatting import interval, many, percent
from hearfelt.reports.shipped_scores import Ladder, Measured, Measurement, read_measured

__all__ = ["show"]

_CONFUSIONS: Final = 3  # told in words

_TERMS: Final = (
    "UAR is the share of right answers, taken for each emotion by itself and then averaged, so that a rare emotion"
    " counts as much as a common one. The calibration error is how far, on average, the confidence was from the share"
    " that was right: 0 would be perfect."
)
_LEAKS: Final = (
    "A voice is easier to know again than an emotion. Where the same speakers are learned from and tested, scores rise,"
    " and say nothing about a new voice. Such figures are common, so ours are here as well, marked <em>leaky</em>, to"
    " be compared with those and not to be believed."
)
_NOT_FOR: Final = (
    "It judges nobody: it is not for hiring, teaching, policing, border control, insurance, medicine or lie detection."
    " In the European Union, inferring emotions at work and in education is prohibited with few exceptions"
    " (Regulation (EU) 2024/1689, Article 5(1)(f)).",
    "It was measured on clean recordings of one person at a time. Noise, rooms, phones, several voices make it worse.",
    "Every clip gets one of its labels, and a wrong one where none of them fits.",
)


def show(settings: PageSettings) -> None:
    """Show the view.

    Args:
        settings: of the page; this view needs none of them.
    """
    st.html(f"<style>{read_asset('model.css')}</style>")
    st.title("How well it hears", anchor=False)
    names = sorted(shipped_models(), key=lambda name: (name != DEFAULT_MODEL, name))
    name = st.segmented_control("Model", names, default=names[0], required=True, key="model-shown") or names[0]
    card, known = _card_of(name), read_measured()
    own = known.of(name)
    st.markdown(f"**{card.name}**: {card.description}")
    with st.container(key="hf-model"):
        if own:
            _show_worth(own[0], _very_file(own))
        _show_limits(card)
        if len(own) > 1 or known.ladder:
            _show_leaks(own, known)
        _show_card(card, model_path(name).stat().st_size)


@st.cache_resource(show_spinner=False)
def _card_of(name: str) -> ModelCard:
    """Read a shipped model's card; nothing of a visitor is in it."""
    return Recognizer.load(name, threads=1).card


def _very_file(own: tuple[Measurement, ...]) -> Measurement | None:
    """Find where the shipped file itself was measured without a leak."""
    return next((one for one in own if one.very_file and not one.leaky), None)


def _show_worth(one: Measurement, very_file: Measurement | None) -> None:
    st.html(model_markup.scale(one) + model_markup.small(_how(one, very_file)))
    st.header("What it takes for what", anchor=False)
    st.html(
        f'<div class="hf-beside">{model_markup.confusion(one)}<div class="hf-prose"><p>{_confused(one)}</p>'
        "<p>Each row is an emotion that was meant, with all that was answered for it, in per cent. On the diagonal,"
        " it was right.</p></div></div>"
    )
    st.header("Whether its confidence can be believed", anchor=False)
    st.html(f'<p class="hf-prose">{_believed(one, very_file)}</p>{model_markup.sureness(one)}')
    with st.expander("The same as a diagram"):
        put_drawing(model_drawing.reliability(one), key="reliability")
        st.html(
            "<p class='hf-prose'>On the dashed line it is exactly as sure as it is right; above it, it is too modest,"
            " below it too sure. A larger point stands for more answers.</p>"
        )


def _believed(one: Measurement, very_file: Measurement | None) -> str:
    """Say what the table of words shows, whose answers these were, and how far off confidence was."""
    counted = [(word, *one.right_between(*sure_span(least))) for least, word in SURE_WORDS]
    word, count, share = max(counted, key=lambda each: each[1])
    said = (
        "It says how sure it is, and that was compared with how often it was right: ideally the two are the same. Of"
        f" the {many(count, 'answer')} called {word}, {percent(share)} were right; on average, confidence was off by"
        f" {percent(one.calibration_error)}, which is called the calibration error."
    )
    if not one.very_file:
        said += " These are answers of the models that were trained for the parts of this test."
        if very_file:
            said += (
                f" The very file that answers here was off by {percent(very_file.calibration_error)}, on the"
                f" {very_file.speakers} people that it has not heard."
            )
    return said + " On sounds unlike these, such as other languages or noisy rooms, it may be far too sure."


def _how(one: Measurement, very_file: Measurement | None) -> str:
    said = f"{many(one.clips, 'clip')} of RAVDESS." if "ravdess" in one.protocol else f"{many(one.clips, 'clip')}."
    if one.very_file:
        return said
    said += " The people were divided; for each part of them, the same recipe was trained on the others."
    if one.seeds > 1:
        said += f" All of that was done {one.seeds} times, so each clip has {one.seeds} answers."
    if very_file:
        said += (
            f" The very file that answers here was trained on more people; on the {very_file.speakers} it has not"
            f" heard, it reaches {percent(very_file.uar)} ({interval(very_file.uar_ends)}), and its confidence is off"
            f" by {percent(very_file.calibration_error)} on average."
        )
    return said


def _confused(one: Measurement) -> str:
    said = [f"{truth} for {answer} ({100 * share:.0f} %)" for truth, answer, share in one.most_confused(_CONFUSIONS)]
    return f"Its commonest mistakes: it takes {', '.join(said[:-1])} and {said[-1]}."


def _show_limits(card: ModelCard) -> None:
    st.header("What it cannot do", anchor=False)
    st.html(model_markup.bullets([*dict.fromkeys([*card.limits, *_NOT_FOR])]))


def _show_leaks(own: tuple[Measurement, ...], known: Measured) -> None:
    if own:
        has_leaks = any(one.leaky for one in own)
        st.header("Why other figures are higher" if has_leaks else "Every measurement", anchor=False)
        words = f"{_LEAKS} {_TERMS}" if has_leaks else _TERMS
        st.html(f'<p class="hf-prose">{words}</p>{model_markup.figures(own)}')
    if known.ladder:
        _show_ladder(known.ladder)


def _show_ladder(steps: Ladder) -> None:
    st.header("What each leak is worth", anchor=False)
    words = "".join(f"<li>{step}</li>" for step in steps.steps)
    put_drawing(model_drawing.ladder(steps), key="ladder")
    st.html(f"<ol class='hf-list'>{words}</ol>")


def _show_card(card: ModelCard, size: int) -> None:
    st.header("The model's own card", anchor=False)
    st.html(model_markup.facts(_facts(card, size)))
    st.download_button(
        "Download the whole card",
        json.dumps(json.loads(card.to_json()), indent=1, ensure_ascii=False),
        f"{card.name}-card.json",
        "application/json",
        on_click="ignore",
    )


def _facts(card: ModelCard, size: int) -> list[tuple[str, str]]:
    heard = (
        f"{_title(name)} ({one.get('clips', 0):,} clips, {one.get('licence')})" for name, one in card.corpora.items()
    )
    part = heard_part(card)
    takes = "the sound itself" if card.input == "sound" else "162 numbers taken from the sound"
    takes += f", from {part}" if part else ""
    rows = [
        ("answers", ", ".join(card.labels)),
        ("listens to", takes + (f", {card.window_s:g} s at once" if card.window_s else "")),
        ("has heard", many(len(card.training_speakers), "speaker")),
        ("calls itself unsure", f"below {card.unsure_below * 100:.0f} % confidence"),
        ("size", f"{size / 1e6:.1f} MB" + (f", {card.parameters:,} parameters" if card.parameters else "")),
        ("written by", f"hearfelt {card.version}"),
        ("learned from", "\n".join(heard)),
        ("licence of the weights", card.licence or "unknown"),
    ]
    return [(name, text) for name, text in rows if text]


def _title(corpus: str) -> str:
    return CORPORA[corpus].title if corpus in CORPORA else corpus
