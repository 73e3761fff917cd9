"""Results of one sound: predictions, player, downloads and explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Final

import numpy as np
import streamlit as st

from hearfelt.audio.warnings import texts_of
from hearfelt.errors import HearfeltError
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.downloads import as_csv, as_json, picture, segments_csv
from hearfelt.page.player import put_player
from hearfelt.page.preview import SHORT_S
from hearfelt.page.recognition import (
    LONGEST_EXPLAINED_S,
    analysed_part,
    explain,
    find_timeline,
    is_quickly_explained,
    is_too_long_to_explain,
    predict,
    recognizer_of,
)
from hearfelt.page.session import LoadedSound, Result
from hearfelt.page.style import fragment, put_drawing
from hearfelt.page.texts import calibration_text
from hearfelt.reports.explanations import LITTLE, occlusion_sentence, why_sentence
from hearfelt.reports.formatting import signed
from hearfelt.reports.shipped_scores import read_scores
from hearfelt.results.clock import time_words

__all__ = ["explanation_html", "explanations_asked_for", "show_results"]

_TOO_LONG: Final = (
    "An explanation runs {model} dozens of times, so sounds of up to {most} are explained. Upload the part of the"
    " recording that you are interested in."
)
_NO_SEGMENTS: Final = "No speech was found, so there are no segments. The prediction is for the sound as a whole."
_SHAPLEY: Final = (
    "Each bar is the exact Shapley value of a group of features. The unit is log-odds: +0.7 doubles the odds of the"
    " predicted emotion."
)
_OCCLUSION: Final = (
    "The model was run again and again, each time without a stretch of time or a frequency band. The unit is log-odds:"
    " +0.7 means that the part doubles the odds of the predicted emotion."
)


def show_results(sound: LoadedSound, models: Sequence[str]) -> None:
    """Show a sound and the results of one model or of two.

    Args:
        sound: the sound.
        models: names of one or two.
    """
    hero = st.container(key="hf-hero" if len(models) == 1 else "hf-hero-of-two")
    downloads = st.container(key="hf-downloads")
    explanations = st.container(key="hf-reasons")
    with hero:
        results = _show_hero(sound, models)
    with downloads:
        _put_downloads(sound, results)
    with explanations:
        _show_explanations(sound, results)


def explanations_asked_for(sound: LoadedSound, models: Sequence[str]) -> dict[str, str]:
    """Return, by model, the explanations that the visitor asked for, in a sentence."""
    asked = {model: sound.results[model].explanation for model in models if not is_quickly_explained(model, sound)}
    return {model: _sentence(one) for model, one in asked.items() if one is not None}


def _sentence(explanation: Explanation | Occlusion | HearfeltError) -> str:
    if isinstance(explanation, Explanation):
        return why_sentence(explanation)
    return occlusion_sentence(explanation) if isinstance(explanation, Occlusion) else f"{explanation}."


def _show_hero(sound: LoadedSound, models: Sequence[str]) -> Mapping[str, Result]:
    if len(models) == 1:
        wide, narrow = st.columns([1.9, 1], gap="large")
        with narrow:
            results = {models[0]: _show_result(sound, models[0])}
    else:
        wide = st.container()
        places = st.columns(len(models), gap="large")
        results = {}
        for model, place in zip(models, places, strict=True):
            with place:
                results[model] = _show_result(sound, model, who=model)
    with wide:
        player, status = st.container(), st.empty()
        is_long = sound.duration_s > SHORT_S
        known = {model: one.timeline for model, one in results.items() if one.timeline is not None}
        if is_long and len(known) < len(models):
            with player:
                put_player(sound, known)
            _find_timelines(sound, models, status)
            st.rerun()
        timelines = _find_timelines(sound, models, status)
        with player:
            put_player(sound, timelines)
        if not any(timeline.segments for timeline in timelines.values()):
            status.caption(_NO_SEGMENTS)
    return results


def _show_result(sound: LoadedSound, model: str, *, who: str = "") -> Result:
    result = predict(model, sound)
    prediction = result.prediction
    warnings = fragment("result", "warnings", texts_of(prediction.other_warnings))
    st.html(fragment("result", "answer", prediction, who=who) + warnings)
    st.html(fragment("result", "bars", prediction))
    part = _part(model, sound)
    uses = f"{model} uses {part} only; the segments cover all of the sound. " if part else ""
    calibration = calibration_text(prediction, read_scores().for_unseen_speakers(model))
    st.html(fragment("result", "small_print", uses + calibration))
    return result


def _part(model: str, sound: LoadedSound) -> str:
    return analysed_part(recognizer_of(model).card, sound.duration_s)


def _find_timelines(
    sound: LoadedSound, models: Sequence[str], status: st.delta_generator.DeltaGenerator
) -> dict[str, Timeline]:
    def progress(seconds: float) -> None:
        if sound.duration_s > SHORT_S:
            words = f"Finding segments: {time_words(seconds)} of {time_words(sound.duration_s)}"
            status.progress(min(1.0, seconds / sound.duration_s), words)

    found = {model: find_timeline(model, sound, progress) for model in models}
    status.empty()
    return found


def _put_downloads(sound: LoadedSound, results: Mapping[str, Result]) -> None:
    stem = PurePath(sound.file.name).stem
    pairs = [(sound, one) for one in results.values()]
    of_each = [
        (one, f" of {model}", f"{stem}-{model}") if len(results) > 1 else (one, "", stem)
        for model, one in results.items()
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html('<p class="hf-downloads-label">Download</p>')
        for one, whose, name in of_each:
            part = _part(one.prediction.model, sound)
            _button(f"Picture{whose}", partial(picture, sound, one, part), f"{name}.png", "image/png")
        _button("JSON", lambda: as_json(pairs), f"{stem}.json", "application/json")
        _button("CSV", lambda: as_csv(pairs), f"{stem}.csv", "text/csv")
        for one, whose, name in of_each:
            make = partial(segments_csv, one)
            _button(f"Segments{whose} as CSV", make, f"{name}-segments.csv", "text/csv")


def _button(label: str, make: object, file_name: str, kind: str) -> None:
    st.download_button(label, make, file_name, kind, on_click="ignore", key=f"download-{label}")  # type: ignore[arg-type]


def _show_explanations(sound: LoadedSound, results: Mapping[str, Result]) -> None:
    st.html("<h2>Explanation</h2>")
    for model, result in results.items():
        if len(results) > 1:
            st.html(f'<h3 class="hf-who">{model}</h3>')
        place = st.empty()
        if result.explanation is None and is_too_long_to_explain(model, sound):
            most = time_words(LONGEST_EXPLAINED_S)
            place.html(fragment("result", "small_print", _TOO_LONG.format(model=model, most=most)))
            continue
        is_asked = result.explanation is None and not is_quickly_explained(model, sound)
        if is_asked and not place.button(
            "Explain", key=f"explain-{model}", help="The model runs dozens of times: this takes a while."
        ):
            continue
        if result.explanation is None:
            with place, st.spinner("Running the model without parts of the sound …"):
                explain(model, sound)
        if is_asked:
            st.rerun()  # so that it is announced, and has the focus that the button lost
        with place:
            if isinstance(result.explanation, Explanation | Occlusion):
                put_drawing(explanation_html(result.explanation), key=f"reasons-{model}")
            else:
                st.html(fragment("result", "notice", str(result.explanation), title="No explanation is possible"))


def explanation_html(explanation: Explanation | Occlusion) -> str:
    """Return an explanation as HTML: a sentence and its charts.

    Args:
        explanation: Shapley values of feature groups, or the effects of occlusion over time and frequency.
    """
    if isinstance(explanation, Explanation):
        shares = sorted(explanation.contributions.items(), key=lambda pair: -abs(pair[1]))
        rows = [(GROUPS_IN_WORDS.get(name, (name, name))[0], share) for name, share in shares]
        charts = fragment("result", "contributions", rows, _largest(rows), "Contribution of each feature group")
        return fragment("result", "explanation", why_sentence(explanation), explanation.emotion, charts, _SHAPLEY)
    bands = [
        (f"{low:,.0f} to {high:,.0f} Hz", effect)
        for (low, high), effect in zip(explanation.bands_hz, explanation.band_effects, strict=True)
    ]
    charts = fragment("result", "occlusion", _curve(explanation), bands, _largest(bands))
    return fragment("result", "explanation", occlusion_sentence(explanation), explanation.emotion, charts, _OCCLUSION)


def _largest(rows: Sequence[tuple[str, float]]) -> float:
    return max([LITTLE, *(abs(value) for _, value in rows)])  # a small effect must not look like a large one


def _curve(occlusion: Occlusion) -> dict[str, object]:
    """Return the paths of what every stretch of time contributes: above the middle for the emotion, below against."""
    width, half, points_each = 1_000, 100, 12
    end_s = occlusion.times_s[-1] + occlusion.window_s / 2
    times_s = np.linspace(occlusion.times_s[0], occlusion.times_s[-1], points_each * len(occlusion.times_s))
    effects = np.interp(times_s, occlusion.times_s, occlusion.time_effects)
    across, up = width * times_s / end_s, half * effects / max(LITTLE, float(np.abs(effects).max()))

    def area(heights: np.ndarray) -> str:
        points = " ".join(f"{x:.1f},{half - y:.1f}" for x, y in zip(across, heights, strict=True))
        return f"M{across[0]:.1f},{half} L{points} L{across[-1]:.1f},{half} Z"

    place = occlusion.strongest_time
    strongest = f"{signed(occlusion.time_effects[place])} around {occlusion.times_s[place]:.1f} s"
    label = f"Contribution over time; the largest is {strongest}"
    return {"label": label, "end_s": end_s, "above": area(np.maximum(up, 0)), "below": area(np.minimum(up, 0))}
