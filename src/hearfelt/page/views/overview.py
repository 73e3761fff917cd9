"""The table of all sounds of a visit, which fills while they are processed, and their downloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

import streamlit as st

from hearfelt.emotions import look_of
from hearfelt.inference.prediction import NO_SPEECH_WORDS, UNSURE_WORD
from hearfelt.page.downloads import as_csv, as_json_lines, segments_csv
from hearfelt.page.session import LoadedSound, Result, Visit
from hearfelt.page.style import fragment, read_static
from hearfelt.page.texts import length_text
from hearfelt.page.views.pair import put_pair
from hearfelt.page.views.result import run_again
from hearfelt.page.words import table_words
from hearfelt.reports.formatting import share_words
from hearfelt.reports.translation import _, keep_language, language

__all__ = ["put_table", "table_rows"]

_TABLE: Final = "hf-table"


def put_table(visit: Visit, model: str, work: Callable[[], None]) -> None:
    """Show the table, and what can be downloaded of it.

    Args:
        visit: with two sounds or more.
        model: name of the one whose results are shown.
        work: begins what is missing, and refuses sounds that could not be read.
    """
    st.fragment(keep_language(_show_table), key="table")(visit, model, (visit.chosen, len(visit.refused)), work)


def _show_table(visit: Visit, model: str, before: tuple[str, int], work: Callable[[], None]) -> None:
    work()
    table = st.components.v2.component(
        f"hearfelt_sounds_{language()}",
        html=fragment("result", "sounds"),
        js=read_static("sounds.js"),
        isolate_styles=False,
    )
    rows = table_rows(visit, model)
    table(
        key=_TABLE,
        data={"rows": rows, "chosen": visit.chosen, "words": table_words()},
        on_chosen_change=partial(_change, visit, "chosen"),
        on_played_change=partial(_change, visit, "played"),
        on_removed_change=partial(_change, visit, "removed"),
    )
    if (visit.chosen, len(visit.refused)) != before or len(visit.sounds) == 1:
        st.rerun()  # something else is to be shown
    _put_downloads(visit, model)
    put_pair(visit, model, {str(row["key"]): str(row["name"]) for row in rows})
    if not all(sound.is_answered(model) for sound in visit.sounds.values()):
        run_again("table")


def _change(visit: Visit, what: str) -> None:
    key = str(st.session_state[_TABLE][what] or "")
    if key not in visit.sounds:
        return
    if what == "removed":
        visit.remove(key)
        return
    visit.chosen = key
    visit.plays += what == "played"


def _put_downloads(visit: Visit, model: str) -> None:
    """Show the downloads of all sounds."""
    pairs = [(sound, sound.results[model]) for sound in visit.sounds.values() if sound.is_answered(model)]
    download = partial(st.download_button, on_click="ignore")
    with st.container(horizontal=True):
        if any(not sound.is_long for sound, _ in pairs):
            download(_("All as CSV"), lambda: as_csv(pairs), "predictions.csv", "text/csv")
            download(_("All as JSON lines"), lambda: as_json_lines(pairs), "predictions.jsonl", "application/jsonl")
        if any(sound.is_long for sound, _ in pairs):
            segments = partial(segments_csv, *(one for _, one in pairs))
            download(_("All segments as CSV"), segments, "segments.csv", "text/csv")


def table_rows(visit: Visit, model: str) -> list[dict[str, object]]:
    """Return a row for each sound, ready for JSON; the same name again gets a number.

    Args:
        visit: with the sounds.
        model: name of the one whose results are shown.
    """
    counts: Counter[str] = Counter()
    rows = []
    for sound in visit.sounds.values():
        counts[sound.name] += 1
        number = f" ({counts[sound.name]})" if counts[sound.name] > 1 else ""
        result = sound.results[model] if sound.is_answered(model) else None
        label, shown, words, confidence = _found(sound, result)
        rows.append(
            {
                "key": sound.key,
                "name": sound.name + number,
                "emotion": shown,
                "emoji": look_of(label).emoji if confidence else "",
                "words": words,
                "confidence": confidence,
                "length": length_text(sound.duration_s) if sound.duration_s else "",
                "duration_s": sound.duration_s,
            }
        )
    return rows


def _found(sound: LoadedSound, result: Result | None) -> tuple[str, str, str, float]:
    """Return the label of a sound, how it is shown, its confidence or share in words, and as a number; 0 for none."""
    nothing = ("", _(NO_SPEECH_WORDS), "", 0.0)
    if result is None:
        return "", _("waiting …"), "", 0.0
    if sound.is_long and result.timeline is not None:
        for name, seconds in result.timeline.durations().items():
            share = seconds / result.timeline.speech_s
            words = _("{share} % of the speech", share=f"{100 * share:.0f}")
            return name, _(name), words, 0.0 if name == UNSURE_WORD else share
        return nothing
    if result.prediction is None or result.prediction.has_no_speech:
        return nothing
    prediction = result.prediction
    words = f"{_(prediction.in_words)}, {share_words(prediction.confidence)}"
    emotion = _(prediction.emotion)
    shown = _("perhaps {emotion}", emotion=emotion) if prediction.unsure else emotion
    return prediction.emotion, shown, words, prediction.confidence
