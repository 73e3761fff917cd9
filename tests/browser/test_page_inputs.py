"""What goes into the page in a real browser: files of every format, broken ones beside them, and a recording."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect
from tests.browser.listen_view import CLIPS, PATIENCE_MS

from hearfelt.audio.reader import read_audio, resample
from hearfelt.inference.recognizer import Recognizer

CLIP = CLIPS[0]


@pytest.fixture(scope="module")
def browser(start_browser: Any, microphone: Any, spoken: Path) -> Iterator[Browser]:
    with start_browser(*microphone(spoken)) as browser:
        yield browser


def by_pyav(container: str, codec: str) -> bytes:
    """The clip as FFmpeg's libraries write it."""
    av = pytest.importorskip("av", reason="m4a and webm are made with PyAV")
    audio, file = read_audio(CLIP), io.BytesIO()
    samples = resample(audio.samples, audio.rate_hz, 48_000)
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(stream.format.name, "mono", 48_000, stream.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode())
    return file.getvalue()


def written(suffix: str) -> bytes:
    audio, file = read_audio(CLIP), io.BytesIO()
    subtype = "OPUS" if suffix == "opus" else None
    soundfile.write(file, audio.samples, audio.rate_hz, format="ogg" if suffix == "opus" else suffix, subtype=subtype)
    return file.getvalue()


def upload(page: Page, files: dict[str, bytes]) -> None:
    sent = [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files.items()]
    page.locator("input[type=file]").first.set_input_files(sent)  # type: ignore[arg-type]


def test_files_of_every_format_are_answered(page: Page) -> None:
    files = {f"{kind}.{kind}": written(kind) for kind in ("wav", "opus", "mp3")}
    files |= {"phone.m4a": by_pyav("mp4", "aac"), "browser.webm": by_pyav("webm", "libopus")}
    upload(page, files)
    recognizer = Recognizer.load()
    for name, data in files.items():
        row = page.locator(".hf-overview tbody tr").filter(has_text=name)
        expect(row).to_contain_text(recognizer.recognize(data).emotion, timeout=PATIENCE_MS)


def test_files_that_come_one_after_another_arrive_once_each(page: Page) -> None:
    for number in range(4):
        upload(page, {f"{number}.wav": written("wav")})
        expect(page.locator(".hf-title h1")).to_have_text(f"{number}.wav", timeout=PATIENCE_MS)
        page.wait_for_timeout(1_000)  # the explanation is on its way, and shows itself again and again
    names = page.locator(".hf-overview tbody th")
    expect(names).to_have_text([f"{number}.wav" for number in range(4)])


def test_a_broken_a_silent_and_a_short_file_are_each_a_sentence_and_the_others_go_on(page: Page) -> None:
    silent, short = io.BytesIO(), io.BytesIO()
    soundfile.write(silent, np.zeros(16_000, np.float32), 16_000, format="wav")
    soundfile.write(short, np.full(100, 0.1, np.float32), 16_000, format="wav")
    said = {"broken.wav": b"no sound", "silent.wav": silent.getvalue(), "short.wav": short.getvalue()}
    upload(page, {**said, "fine.flac": CLIP.read_bytes()})
    expect(page.locator(".hf-answer").first).to_be_visible()
    for name in said:
        expect(page.locator(".hf-notice").filter(has_text=f"{name}: ")).to_have_count(1)
    expect(page.locator(".hf-notice").filter(has_text="fine.flac")).to_have_count(0)


def test_a_recording_of_the_microphone_is_answered(page: Page, spoken: Path) -> None:
    labels = Recognizer.load().card.labels  # which emotion it is depends on where in the loop of voices it begins
    page.get_by_role("button", name=re.compile("^Record")).first.click()
    page.wait_for_timeout(3_500)
    page.get_by_role("button", name=re.compile("Stop", re.IGNORECASE)).first.click()
    expect(page.locator(".hf-title h1")).to_contain_text("recording")
    answer = page.locator(".hf-answer").first
    expect(answer).to_contain_text(re.compile("|".join(labels)))
    expect(answer).not_to_contain_text(re.compile("no speech", re.IGNORECASE))


def test_a_file_over_the_limit_is_refused_in_words_and_never_answered(
    browser: Browser, page_for_small_files: str
) -> None:
    with browser.new_context(viewport={"width": 1_280, "height": 1_000}, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(page_for_small_files)
        large = {"name": "large.wav", "mimeType": "audio/wav", "buffer": CLIP.read_bytes() + bytes(1_500_000)}
        page.locator("input[type=file]").first.set_input_files(large)  # type: ignore[arg-type]
        why = page.get_by_text(re.compile("1(.0)? ?MB or smaller"))
        expect(why).to_be_visible(timeout=PATIENCE_MS)
        assert why.evaluate("it => it.getBoundingClientRect().width") > 100  # for eyes as well
        assert page.locator(".hf-emotion").count() == 0


def test_a_microphone_that_is_refused_for_a_recording_is_said_and_nothing_of_it_is_cut_off(
    browser: Browser, page_address: str
) -> None:
    with browser.new_context(viewport={"width": 360, "height": 1_000}, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
        )
        page.goto(page_address)
        record = page.get_by_role("button", name="Record your voice")
        assert record.evaluate("it => it.getBoundingClientRect().height") >= 44
        record.click()
        words = page.locator(".hf-record-words")
        expect(words).to_contain_text("The microphone was refused.", timeout=PATIENCE_MS)
        left, right = words.evaluate("it => [it.getBoundingClientRect().left, it.getBoundingClientRect().right]")
        assert 0 <= left < right <= 360
        expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_a_recording_of_silence_is_not_sent_and_says_what_may_help(
    start_browser: Any, microphone: Any, tmp_path: Path, page_address: str
) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(48_000, np.float32), 48_000, subtype="PCM_16")
    with start_browser(*microphone(silence)) as browser, browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(page_address)
        page.get_by_role("button", name="Record your voice").click()
        page.wait_for_timeout(1_500)
        page.get_by_role("button", name=re.compile("^Stop")).click()
        expect(page.locator(".hf-record-words")).to_contain_text("Nothing was heard.", timeout=PATIENCE_MS)
        expect(page.locator(".hf-answer")).to_have_count(0)
