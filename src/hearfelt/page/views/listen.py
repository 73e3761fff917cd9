"""The Listen view: inputs, decoding, and the results of one sound or several."""

from __future__ import annotations

import base64
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import streamlit as st

from hearfelt.audio.reader import open_audio
from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.recognizer import DEFAULT_MODEL, shipped_models
from hearfelt.inference.reference import Reference
from hearfelt.page.player import put_sound
from hearfelt.page.preview import PlayableWriter
from hearfelt.page.recognition import pass_over, predict, recognizer_of, work_on
from hearfelt.page.session import LoadedSound, ReceivedFile, Visit, current_visit, example_names, example_sound
from hearfelt.page.settings import PageSettings
from hearfelt.page.style import fragment, read_static
from hearfelt.page.texts import length_text, prediction_text, timeline_text, warnings_text
from hearfelt.page.views.overview import put_table
from hearfelt.page.views.reference import put_forget, put_reference
from hearfelt.page.views.report import report_html
from hearfelt.page.views.result import (
    DETAILS,
    RESULT,
    explanations_asked_for,
    run_again,
    show_details,
    show_results,
)
from hearfelt.page.words import recorder_words
from hearfelt.reports.translation import _, keep_language, marked, sentence

__all__ = ["WANTS_RECORDER", "show"]

WANTS_RECORDER: Final = "hf-wants-recorder"
"""Key of the session: set by another view from which a visitor comes to record."""

_RECORDER: Final = "hf-recorder"
_RECORDED_BYTES_PER_S: Final = 32_000  # 16-bit samples at 16 kHz

_REFERENCE_SUFFIX: Final = ".json"
_REMEMBERED: Final = marked("A voice is remembered: the next sounds are compared with what is usual for it.")
_START_OVER: Final = marked("Removes all sounds of this visit. A voice stays remembered until it is forgotten.")
_SOUND: Final = "sound"  # part of the page that gives the decoded sound to the browser
_NO_OTHER: Final = ""
_STATUS: Final = '<p role="status"></p>'  # stays, because screen readers announce changes in a region they know


def show(settings: PageSettings) -> None:
    """Show the view.

    Args:
        settings: limits on the size and the length of a sound.
    """
    visit = current_visit()
    with st.container(key="hf-status"):
        st.components.v2.component("hearfelt_status", html=_STATUS, isolate_styles=False)(key="status")
    stage = st.container(key="hf-stage")
    with st.container(key="hf-inputs"):
        heading = st.empty()
        _put_inputs(visit, settings)
    if visit.sounds or visit.waiting:
        heading.html(fragment("result", "heading", _("Another sound")))
    with stage:
        arriving = st.container(key="hf-arriving")  # so that what follows keeps its place, and is not drawn again
        with arriving:
            _decode_waiting(visit, settings)
            refused = list(visit.refused)
            _put_notices(refused)  # before they are announced, so that they can be scrolled to
        if visit.sounds:
            _show_sounds(visit, settings)
        else:
            heading.empty()  # what was received could not be read
            _greet(visit)
        with arriving:
            _put_notices(visit.refused[len(refused) :])


def _put_notices(messages: Sequence[str]) -> None:
    for message in messages:
        st.html(fragment("result", "notice", sentence(message), title=_("This file can't be used")))


def _greet(visit: Visit) -> None:
    st.html(fragment("result", "greeting"))
    if visit.remembers_voice:
        st.html(fragment("result", "small_print", _(_REMEMBERED)))
        put_forget(visit)
    happened = _(_REMEMBERED) if visit.remembers_voice else _("All sounds were removed.")
    _announce(visit, [] if visit.refused or not visit.round else [happened])
    recognizer_of(DEFAULT_MODEL)  # so that it is ready for the first sound


def _put_inputs(visit: Visit, settings: PageSettings) -> None:
    """Show the inputs. What is received waits in the visit, and every input starts empty again."""
    voice, files = st.columns(2, gap="large")
    number = visit.round
    with voice:
        _put_recorder(visit, settings)
    files.file_uploader(
        _("Or drop recordings here"),
        accept_multiple_files=True,
        max_upload_size=settings.upload_mb,
        key=f"files-{number}",
        on_change=partial(_receive_files, visit, number),
    )
    receive = partial(_receive_example, visit, number)
    label = _("Or try a synthetic sound")
    st.pills(label, example_names(), key=f"example-{number}", on_change=receive, format_func=_)
    limits = _(
        "Any audio or video file of up to {size} MB and {length}. Sounds are held in memory only, never written to"
        " disk, and removed when you close this page.",
        size=settings.upload_mb,
        length=length_text(settings.longest_s),
    )
    st.html(fragment("result", "small_print", limits))


def _receive(visit: Visit, *files: ReceivedFile) -> None:
    visit.receive(*files)
    if files:
        st.rerun()  # all of the page: Streamlit may have called this for a part of it that is shown again and again


def _receive_files(visit: Visit, number: int) -> None:
    if number == visit.round:  # Streamlit may call this again for an input that was replaced
        _receive(
            visit, *(ReceivedFile(file.name, file.getvalue()) for file in st.session_state[f"files-{number}"] or ())
        )


def _put_recorder(visit: Visit, settings: PageSettings) -> None:
    longest_s = min(settings.longest_s, settings.upload_mb * 2**20 / _RECORDED_BYTES_PER_S)
    recorder = st.components.v2.component(
        "hearfelt_recorder", html=fragment("recorder", "button"), js=read_static("recorder.js"), isolate_styles=False
    )
    recorder(
        key=_RECORDER,
        data={"longest_s": longest_s, "focus": st.session_state.pop(WANTS_RECORDER, 0), "words": recorder_words()},
        on_recording_change=partial(_receive_recording, visit, _("recording")),
    )


def _receive_recording(visit: Visit, name: str) -> None:
    if sent := st.session_state[_RECORDER].recording:
        recordings = sum(sound.file.name.startswith(name) for sound in visit.sounds.values())
        name += f" {recordings + 1}" if recordings else ""
        _receive(visit, ReceivedFile(name, base64.b64decode(sent)))


def _receive_example(visit: Visit, number: int) -> None:
    if number == visit.round and (name := st.session_state[f"example-{number}"]):
        _receive(visit, example_sound(name))


def _decode_waiting(visit: Visit, settings: PageSettings) -> None:
    """Decode received files; errors are shown, and the other files go on."""
    known = len(visit.sounds)
    while visit.waiting:
        file = visit.waiting[0]
        with st.spinner(_("Reading {name} …", name=file.name)):
            try:
                if file.name.casefold().endswith(_REFERENCE_SUFFIX):
                    visit.saved = _read_reference(file)
                else:
                    _check_size(file, settings)
                    visit.keep(_decode(LoadedSound(file), settings))
            except (AudioError, ModelError) as error:
                visit.refused.append(str(error))
        del visit.waiting[0]
    while visit.stretches:
        stretch = visit.stretches.pop(0)
        try:
            visit.keep(_decode(stretch, settings))
        except AudioError as error:
            visit.refused.append(str(error))
    if len(visit.sounds) > known:
        visit.chosen = list(visit.sounds)[known]


def _read_reference(file: ReceivedFile) -> Reference:
    """Read a reference that was saved before."""
    try:
        return Reference.from_json(file.data.decode("utf-8", "replace"))
    except ModelError as error:
        raise ModelError(f"{file.name}: {error}") from error


def _check_size(file: ReceivedFile, settings: PageSettings) -> None:
    size = math.ceil(10 * len(file.data) / 2**20) / 10  # in MB as Streamlit counts them, rounded up
    if size > settings.upload_mb:
        raise AudioError(f"{file.name}: {size:.1f} MB; this page accepts files of up to {settings.upload_mb} MB")


def _decode(sound: LoadedSound, settings: PageSettings) -> LoadedSound:
    """Decode a sound for its player, unless it is long: a job does that while it finds the segments."""
    with open_audio(sound.opened(), name=sound.file.name) as reader:
        writer = PlayableWriter(reader, longest_s=settings.longest_s)
        if not writer.is_long:
            deque(writer.parts(), maxlen=0)
            sound.playable = writer.finish()
    return sound


def _announce(visit: Visit, results: Sequence[str], explained: Mapping[str, str] | None = None) -> None:
    """Announce errors, results and explanations to screen readers.

    When the results are about another sound, or an explanation was asked for, it is scrolled into view, and gets the
    focus if nothing else has it.

    Args:
        visit: with the errors.
        results: sentences.
        explained: explanations that were asked for, by model.
    """
    found = explained or {}
    sentences = [*(f"{sentence(message)}." for message in visit.refused), *results, *found.values()]
    data = {"sentences": sentences, "about": f"{visit.round} {visit.chosen}", "explained": " ".join(found)}
    component = st.components.v2.component(
        "hearfelt_announcements", html="<span></span>", js=read_static("announcements.js")
    )
    with st.container(key="hf-hidden-announcements"):
        component(key="announcements", data=data)


def _show_sounds(visit: Visit, settings: PageSettings) -> None:
    others, place = st.container(key="hf-others"), st.container()
    choices = st.container(key="hf-choices")  # above what comes later, which would move an open list
    sound = visit.sounds[visit.chosen]
    with choices:
        models = _chosen_models(visit)
        put_reference(visit, sound, models)
    work = partial(work_on, visit, models, longest_s=settings.longest_s)
    with place:
        with st.container(key="hf-hidden-sound"):
            st.fragment(keep_language(put_sound), key=_SOUND)(sound)
        st.fragment(keep_language(_follow_sound), key=RESULT)(visit, sound, models, work)
    st.fragment(keep_language(show_details), key=DETAILS)(visit, sound, models, keep_language(report_html))
    if len(visit.sounds) > 1:
        with others:
            title = _("All sounds") if len(models) == 1 else _("All sounds, with {model}", model=models[0])
            st.html(fragment("result", "no_heading", title))  # that of the page comes later
            put_table(visit, models[0], work)


def _follow_sound(visit: Visit, sound: LoadedSound, models: Sequence[str], work: Callable[[], None]) -> None:
    """Show one sound, and show it again while it is read; the rest of the page is left alone."""
    _show_sound(visit, sound, models, work)
    was_decoded = sound.playable is not None

    def show_all() -> None:
        if sound.playable is not None and not was_decoded:
            st.rerun([_SOUND, RESULT, DETAILS])
        if all(sound.is_answered(model) for model in models):
            st.rerun([RESULT, DETAILS])

    if not all(sound.is_answered(model) for model in models):
        running = pass_over(visit, sound)
        run_again(RESULT, show_all, after_s=running.look_again_after_s if running is not None else 1.0)


def _show_sound(visit: Visit, sound: LoadedSound, models: Sequence[str], work: Callable[[], None]) -> None:
    """Show one sound, with what is known about it by now."""
    _put_title(visit, sound)
    if not sound.is_long:
        with st.spinner(_("Processing {length} s of sound …", length=f"{sound.duration_s:.1f}")):
            for model in models:
                predict(model, sound)
    work()
    if visit.chosen != sound.key or visit.stretches:
        st.rerun()  # something else is to be shown, or it could not be read
    _announce(visit, _sentences(sound, models), explained=explanations_asked_for(sound, models))
    show_results(visit, sound, models)


def _sentences(sound: LoadedSound, models: Sequence[str]) -> list[str]:
    """Say what each model found, and what is odd about the sound."""
    results = [sound.results[model] for model in models if sound.is_answered(model)]
    sentences, warnings = [], []
    for model, one in zip(models, results, strict=False):
        if sound.is_long and one.timeline is not None:
            sentences.append(f"{sound.name}, {model}: {timeline_text(one.timeline)}.")
            warnings.append(warnings_text(one.timeline.warnings))
        elif one.prediction is not None:
            sentences.append(f"{sound.name}, {model}: {prediction_text(one.prediction)}.")
            warnings.append(warnings_text(one.prediction.other_warnings))
    return sentences + [f"{warning}." for warning in dict.fromkeys(warnings) if warning]


def _put_title(visit: Visit, sound: LoadedSound) -> None:
    """Show the name of the sound, and the way back from a stretch to its whole."""
    length = length_text(sound.duration_s) if sound.duration_s else ""
    st.html(fragment("result", "title", sound.name, length, _(sound.file.note)))
    whole = next((one for one in visit.sounds.values() if one.file is sound.file and one.stretch is None), None)
    if sound.stretch and whole is not None:
        st.button(_("Back to the whole recording"), on_click=partial(_choose, visit, whole.key), type="tertiary")


def _choose(visit: Visit, key: str) -> None:
    visit.chosen = key


def _chosen_models(visit: Visit) -> list[str]:
    names = sorted(shipped_models(), key=lambda name: (name != DEFAULT_MODEL, name))
    first, second, last = st.columns([1, 1, 1], gap="large", vertical_alignment="bottom")
    model = first.selectbox(_("Model"), names, key="hf-model")
    others = [_NO_OTHER, *(name for name in names if name != model)]
    other = second.selectbox(
        _("Compare with"), others, key=f"hf-other-{model}", format_func=lambda name: name or _("no other")
    )
    last.button(_("Start over"), on_click=visit.clear, type="tertiary", help=_(_START_OVER))
    return [model, other] if other else [model]
