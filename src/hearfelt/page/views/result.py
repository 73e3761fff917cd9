"""Results of one sound: predictions, player, downloads and explanations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Final

import streamlit as st

from hearfelt.errors import HearfeltError
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.prediction import NO_SPEECH_WORDS
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.downloads import as_csv, as_json, corrections_csv, picture, segments_csv, segments_json
from hearfelt.page.jobs import Job
from hearfelt.page.player import put_player
from hearfelt.page.recognition import (
    EXPLANATION,
    Pass,
    analysed_part,
    is_explanation_due,
    pass_over,
    recognizer_of,
)
from hearfelt.page.session import ONE_EMOTION_S, Correction, LoadedSound, Result, Visit
from hearfelt.page.style import HAS_PLOTS, fragment, put_drawing
from hearfelt.page.texts import calibration_text, is_most, warnings_text
from hearfelt.reports.formatting import LITTLE, occlusion_sentence, time_words, why_sentence
from hearfelt.reports.shipped_scores import read_scores
from hearfelt.reports.translation import _, grouped, keep_language, marked, sentence

__all__ = [
    "DETAILS",
    "RESULT",
    "explanation_html",
    "explanations_asked_for",
    "result_html",
    "run_again",
    "show_details",
    "show_results",
]

_NO_SEGMENTS: Final = marked(
    "No speech was found, so there are no segments. The prediction is for the sound as a whole."
)
_SHARES: Final = marked(
    "Shares of the time with speech. Each segment of the ribbon has its own prediction and confidence."
)
_ASK: Final = marked("The model runs dozens of times: this takes a while.")
_AGAIN: Final = """\
const timers = new WeakMap(); // this is called whenever the data change, and its cleaning up at the end only
// Right after the request for another view, one for a part of this view would take its place.
let quietUntil_ms = 0;
const beQuiet = () => (quietUntil_ms = performance.now() + 5000);
window.addEventListener("popstate", beQuiet);
window.addEventListener("click", (event) => event.target.closest("a") && beQuiet(), true);

export default function ({ data, parentElement, setTriggerValue }) {
  clearInterval(timers.get(parentElement));
  const own = 0.85 + 0.3 * Math.random(); // so that two don't come at once
  const look = () => performance.now() > quietUntil_ms && setTriggerValue("again", true);
  timers.set(parentElement, setInterval(look, 1000 * own * data.after_s));
  return () => clearInterval(timers.get(parentElement));
}
"""
RESULT: Final = "result"
"""Name of the part of the page that shows a sound and its results."""
DETAILS: Final = "details"
"""Name of the part below: corrections, downloads and explanations."""

_SHAPLEY: Final = marked(
    "Each bar is the exact Shapley value of a group of features. The unit is log-odds: +0.7 doubles the odds of the"
    " predicted emotion."
)
_OCCLUSION: Final = marked(
    "The model was run many times, each time with one stretch of time (the curve under the waveform; click it to play"
    " that part) or one frequency band removed. The unit is log-odds: +0.7 means that the part doubles the odds of the"
    " predicted emotion."
)


def show_results(visit: Visit, sound: LoadedSound, models: Sequence[str]) -> None:
    """Show a sound and the results of one model or of two, as far as they are known.

    Args:
        visit: with the jobs that are running.
        sound: the sound.
        models: names of one or two.
    """
    with st.container(key="hf-hero" if len(models) == 1 else "hf-hero-of-two"):
        _show_hero(visit, sound, models)


def show_details(
    visit: Visit,
    sound: LoadedSound,
    models: Sequence[str],
    report: Callable[[LoadedSound, Sequence[str], Sequence[Correction]], str],
) -> None:
    """Show what there is below the results of a sound, when they are complete.

    Args:
        visit: with corrections and the jobs that are running.
        sound: the sound.
        models: names of one or two.
        report: makes a page of all that was found.
    """
    if all(sound.is_answered(model) for model in models):
        if visit.corrections:
            with st.container(key="hf-corrections"):
                _put_corrections(visit)
        with st.container(key="hf-downloads"):
            make = partial(report, sound, models, visit.corrections)
            _put_downloads(sound, {model: sound.results[model] for model in models}, make)
        with st.container(key="hf-reasons"):
            _show_explanations(visit, sound, models)


def run_again(key: str, before: Callable[[], None] = lambda: None, *, after_s: float = 0.7) -> None:
    """Run the fragment around this again soon; unlike with `run_every`, that ends when this is not called any more.

    Args:
        key: tells it from others.
        before: called first.
        after_s: when, in seconds.
    """
    clock = st.components.v2.component("hearfelt_again", html="<span></span>", js=_AGAIN)
    with st.container(key=f"hf-hidden-again-{key}"):
        clock(key=f"again-{key}", data={"after_s": after_s}, on_again_change=before)


def explanations_asked_for(sound: LoadedSound, models: Sequence[str]) -> dict[str, str]:
    """Return, by model, the explanations that the visitor asked for, in a sentence."""
    results = {model: sound.results[model] for model in models if model in sound.results}
    asked = {model: one.explanation for model, one in results.items() if one.is_explanation_wanted}
    return {model: _sentence(one) for model, one in asked.items() if one is not None}


def _sentence(explanation: Explanation | Occlusion | HearfeltError) -> str:
    if isinstance(explanation, Explanation):
        return why_sentence(explanation)
    return occlusion_sentence(explanation) if isinstance(explanation, Occlusion) else f"{sentence(str(explanation))}."


def _show_hero(visit: Visit, sound: LoadedSound, models: Sequence[str]) -> None:
    running = pass_over(visit, sound)
    timelines = {model: one for model in models if (one := _timeline(sound, model, running)) is not None}
    if len(models) == 1:
        wide, narrow = st.columns([1.9, 1], gap="large")
        places = [narrow]
    else:
        wide = st.container()
        places = list(st.columns(len(models), gap="large"))
    for model, place in zip(models, places, strict=True):
        with place:
            st.html(result_html(sound, model, timelines.get(model), who=model if len(models) > 1 else ""))
    with wide:
        put_player(visit, sound, timelines, on_correction=_show_again)
        if running is not None:
            _show_progress(sound, running)
        elif not sound.is_long and not any(timeline.segments for timeline in timelines.values()) and _has_speech(sound):
            st.html(fragment("result", "small_print", _(_NO_SEGMENTS)))


def _has_speech(sound: LoadedSound) -> bool:
    """Return whether a prediction names an emotion."""
    predictions = [one.prediction for one in sound.results.values()]
    return any(one is not None and not one.has_no_speech for one in predictions)


def _timeline(sound: LoadedSound, model: str, running: Pass | None) -> Timeline | None:
    known = sound.results[model].timeline if model in sound.results else None
    return running.timeline if known is None and running is not None and running.model == model else known


def _show_progress(sound: LoadedSound, running: Pass) -> None:
    done, whole = time_words(running.share * sound.duration_s), time_words(sound.duration_s)
    st.progress(running.share, _("{model}: {done} of {whole}", model=running.model, done=done, whole=whole))


def result_html(sound: LoadedSound, model: str, timeline: Timeline | None, *, who: str = "") -> str:
    """Return what a model found in a sound as HTML: the emotion, all of them ranked, and how far to trust that.

    Args:
        sound: the sound.
        model: name of the model.
        timeline: what there is of it, of a long sound.
        who: the model's name, if it is to be shown.
    """
    prediction = sound.results[model].prediction if model in sound.results else None
    if sound.is_long:
        return _durations_html(timeline, is_done=sound.is_answered(model), who=who)
    if prediction is None:
        return ""
    shown = fragment("result", "answer", prediction, who=who)
    shown += fragment("result", "warnings", warnings_text(prediction.other_warnings))
    if not prediction.has_no_speech:
        shown += fragment("result", "bars", prediction)
    part = analysed_part(recognizer_of(model).card, sound.duration_s)
    said = [calibration_text(prediction, read_scores().for_unseen_speakers(model))]
    if part:
        said.insert(0, _("{model} uses {part} only; the segments cover all of the sound.", model=model, part=part))
    return shown + fragment("result", "small_print", " ".join(said))


def _durations_html(timeline: Timeline | None, *, is_done: bool, who: str) -> str:
    durations = timeline.durations() if timeline is not None else {}
    if timeline is None or not durations:
        return fragment("result", "durations", [], _(NO_SPEECH_WORDS) if is_done else _("Listening …"), "", who=who)
    rows = [(name, one_s / timeline.speech_s, time_words(one_s)) for name, one_s in durations.items()]
    name, share, _time = rows[0]
    values = {"emotion": _(name), "share": f"{100 * share:.0f}", "time": time_words(timeline.speech_s)}
    if is_most(timeline):
        heading, words = _("mostly {emotion}", emotion=_(name)), _("{share} % of {time} of speech", **values)
    else:
        heading, words = _("mixed"), _("most of all {emotion}, {share} % of {time} of speech", **values)
    shown = fragment("result", "durations", rows, heading, words, who=who)
    shown += fragment("result", "warnings", warnings_text(timeline.warnings))
    return shown + fragment("result", "small_print", _(_SHARES))


def _put_corrections(visit: Visit) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(fragment("result", "corrections", visit.corrections))
        _button(
            "corrections",
            _("Corrections as CSV"),
            lambda: corrections_csv(visit.corrections),
            "corrections.csv",
            "text/csv",
        )
        st.button(_("Undo the corrections"), on_click=visit.corrections.clear, type="tertiary")


def _put_downloads(sound: LoadedSound, results: Mapping[str, Result], report: Callable[[], str]) -> None:
    stem = PurePath(sound.file.name).stem
    several = len(results) > 1
    of_each = [(model, one, f"{stem}-{model}" if several else stem) for model, one in results.items()]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(fragment("result", "downloads_label"))
        _button("report", _("Report"), report, f"{stem}.html", "text/html")
        for model, one, name in of_each:
            part = "" if sound.is_long else analysed_part(recognizer_of(model).card, sound.duration_s)
            if HAS_PLOTS:
                label = _("Picture of {model}", model=model) if several else _("Picture")
                draw = keep_language(partial(picture, sound, one, part))
                _button(f"picture-{model}", label, draw, f"{name}.png", "image/png")
        if not sound.is_long:
            pairs = [(sound, one) for one in results.values()]
            _button("json", "JSON", lambda: as_json(pairs), f"{stem}.json", "application/json")
            _button("csv", "CSV", lambda: as_csv(pairs), f"{stem}.csv", "text/csv")
        for model, one, name in of_each:
            label = _("Segments of {model} as CSV", model=model) if several else _("Segments as CSV")
            make = partial(segments_csv, one)
            _button(f"segments-csv-{model}", label, make, f"{name}-segments.csv", "text/csv")
            if sound.is_long:
                label = _("Segments of {model} as JSON", model=model) if several else _("Segments as JSON")
                make = partial(segments_json, one)
                _button(f"segments-json-{model}", label, make, f"{name}-segments.json", "application/json")


def _button(key: str, label: str, make: object, file_name: str, kind: str) -> None:
    st.download_button(label, make, file_name, kind, on_click="ignore", key=f"download-{key}")  # type: ignore[arg-type]


def _show_explanations(visit: Visit, sound: LoadedSound, models: Sequence[str]) -> None:
    results = {model: sound.results[model] for model in models}
    if all(one.prediction is not None and one.prediction.has_no_speech for one in results.values()):
        return  # there is nothing to explain
    st.html(fragment("result", "heading", _("Explanation")))
    if sound.is_long:
        too_long = _(
            "Sounds of up to {longest} s can be explained: select a stretch of the waveform and recognize it alone.",
            longest=f"{ONE_EMOTION_S:g}",
        )
        st.html(fragment("result", "small_print", too_long))
        return
    for model in models:
        if len(models) > 1:
            st.html(fragment("result", "who", model))
        _show_explanation(visit, sound, model)


def _show_explanation(visit: Visit, sound: LoadedSound, model: str) -> None:
    result = sound.results[model]
    if is_explanation_due(model, sound):
        st.fragment(keep_language(_show_work))(model, visit.jobs.get((EXPLANATION, sound.key, model)))
    elif result.explanation is None and result.prediction is not None and not result.prediction.has_no_speech:
        st.button(_("Explain"), key=f"explain-{model}", help=_(_ASK), on_click=partial(_ask, result))
    elif isinstance(result.explanation, Explanation | Occlusion):
        put_drawing(explanation_html(result.explanation), key=f"reasons-{model}")
    elif result.explanation is not None:
        st.html(fragment("result", "notice", sentence(str(result.explanation)), title=_("No explanation is possible")))


def _show_work(model: str, job: Job | None) -> None:
    """Show how far an explanation is; when it is there, all of the result is shown again."""
    st.progress(job.share if job else 0.0, _("Computing the explanation ({model})", model=model))
    run_again(f"explained-{model}", lambda: None if job is not None and job.is_running else _show_again())


def _show_again() -> None:
    st.rerun([RESULT, DETAILS])


def _ask(result: Result) -> None:
    result.is_explanation_wanted = True
    _show_again()  # the player keeps room for it


def explanation_html(explanation: Explanation | Occlusion) -> str:
    """Return an explanation as HTML: a sentence and its charts.

    Args:
        explanation: Shapley values of feature groups, or the effects of occlusion over time and frequency.
    """
    if isinstance(explanation, Explanation):
        shares = sorted(explanation.contributions.items(), key=lambda pair: -abs(pair[1]))
        rows = [(_(GROUPS_IN_WORDS.get(name, (name, name))[0]), share) for name, share in shares]
        charts = fragment("result", "contributions", rows, _largest(rows), _("Contribution of each feature group"))
        return fragment("result", "explanation", why_sentence(explanation), explanation.emotion, charts, _(_SHAPLEY))
    bands = [
        (_("{low} to {high} Hz", low=grouped(low), high=grouped(high)), effect)
        for (low, high), effect in zip(explanation.bands_hz, explanation.band_effects, strict=True)
    ]
    charts = fragment("result", "contributions", bands, _largest(bands), _("Contribution of each frequency band"))
    return fragment(
        "result", "explanation", occlusion_sentence(explanation), explanation.emotion, charts, _(_OCCLUSION)
    )


def _largest(rows: Sequence[tuple[str, float]]) -> float:
    return max([LITTLE, *(abs(value) for _, value in rows)])  # a small effect must not look like a large one
