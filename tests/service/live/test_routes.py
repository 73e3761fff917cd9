from __future__ import annotations

import itertools
import json
import logging
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.service.http_server import serving
from tests.service.live_server import live_settings, running, until
from websockets import exceptions
from websockets.sync import client

from hearfelt.audio.reader import audio_files, read_audio, resample
from hearfelt.inference.prediction import SURE_WORDS
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segments import Segment
from hearfelt.service.auth import Access
from hearfelt.service.live.protocol import event_text
from hearfelt.service.logs import LOG, JsonLines
from hearfelt.service.settings import StreamSettings

RATE = 48_000
EXAMPLES = Path(__file__).parents[3] / "src" / "hearfelt" / "examples"


@pytest.fixture(scope="module")
def talk() -> np.ndarray:
    """Two bundled voices with a pause between them, float32 at 48 kHz."""
    pause = np.zeros(RATE, np.float32)
    voices = [read_audio(path) for path in audio_files(EXAMPLES)[:2]]
    parts = [part for one in voices for part in (resample(one.samples, one.rate_hz, RATE), pause)]
    return np.clip(np.concatenate(parts), -1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def here() -> Iterator[Any]:
    with running() as service:
        yield service


def opening(encoding: str = "pcm16", rate_hz: object = RATE, **more: object) -> str:
    return json.dumps({"rate_hz": rate_hz, "encoding": encoding, **more})


def pcm16(sound: np.ndarray) -> bytes:
    return np.round(sound * 32_767).astype("<i2").tobytes()


def rest_of(socket: Any) -> tuple[list[dict[str, Any]], int]:
    """Read what comes until the socket closes, and its code."""
    events = []
    while True:
        try:
            events.append(json.loads(socket.recv(timeout=30)))
        except exceptions.ConnectionClosed as closed:
            return events, closed.rcvd.code if closed.rcvd else 1006


def told(address: str, messages: list[str | bytes], **options: Any) -> tuple[list[dict[str, Any]], int]:
    with client.connect(address, **options) as socket:
        with suppress(exceptions.ConnectionClosed):  # the server had enough before everything was sent
            for message in messages:
                socket.send(message)
        return rest_of(socket)


@pytest.mark.parametrize(("encoding", "size"), [("pcm16", 9_600), ("float32", 19_200), ("pcm16", 777)])
def test_a_socket_says_what_a_stream_says(here: Any, talk: np.ndarray, encoding: str, size: int) -> None:
    data = pcm16(talk) if encoding == "pcm16" else talk.astype("<f4").tobytes()
    samples = np.frombuffer(data, "<i2" if encoding == "pcm16" else "<f4")
    stream = Recognizer.load("tiny", threads=1).stream(RATE)
    expected = [json.loads(event_text(event)) for event in stream.feed(samples) + stream.finish()]
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    events, code = told(here.stream, [opening(encoding), *blocks, '{"type": "end"}'])
    assert code == 1000
    assert [(one["type"], one["start_s"], one["end_s"], one["emotion"], one["unsure"]) for one in events] == [
        (one["type"], one["start_s"], one["end_s"], one["emotion"], one["unsure"]) for one in expected
    ]
    for event, other in zip(events, expected, strict=True):
        assert list(event["probabilities"]) == list(other["probabilities"])
        np.testing.assert_allclose(
            list(event["probabilities"].values()), list(other["probabilities"].values()), atol=1e-5
        )
    assert {one["type"] for one in events} == {"segment", "now"}


def test_a_reference_in_the_first_message_counts_for_this_stream_alone(talk: np.ndarray, reference_model: Path) -> None:
    recognizer = Recognizer.load(reference_model, threads=1)
    reference = recognizer.reference(audio_files(EXAMPLES)[:3])
    found = {}
    with running(live_settings(models=(str(reference_model),))) as service:
        for given in (reference, None):
            first = opening() if given is None else opening(reference=json.loads(given.to_json()))
            events, code = told(service.stream, [first, pcm16(talk), '{"type": "end"}'])
            assert code == 1000
            found[given is not None] = [one["probabilities"] for one in events if one["type"] == "segment"]
    for with_it, given in ((True, reference), (False, None)):
        stream = recognizer.stream(RATE, reference=given)
        events = stream.feed(np.frombuffer(pcm16(talk), "<i2")) + stream.finish()
        segments = [event.probabilities for event in events if isinstance(event, Segment)]
        assert len(segments) == len(found[with_it]) > 0
        for one, other in zip(segments, found[with_it], strict=True):
            assert dict(one) == pytest.approx(other, abs=1e-5)
    assert found[True] != found[False]


def test_a_socket_elsewhere_is_refused_with_a_problem_document(here: Any) -> None:
    with pytest.raises(exceptions.InvalidStatus) as refused:
        client.connect(here.stream.replace("stream", "streams"))
    answer = refused.value.response
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert "/v1/stream" in json.loads(answer.body)["detail"]


def test_events_come_while_the_sound_goes_on(here: Any, talk: np.ndarray) -> None:
    with client.connect(here.stream) as socket:
        socket.send(opening())
        socket.send(pcm16(talk[: 2 * RATE]))
        first = json.loads(socket.recv(timeout=30))
        assert first["type"] == "now"
        assert first["end_s"] <= 1.5
        socket.send('{"type": "end"}')
        assert rest_of(socket)[1] == 1000


def test_messages_of_one_byte_are_a_sound_too(here: Any, talk: np.ndarray) -> None:
    sound = resample(talk[: RATE + RATE // 2], RATE, 8_000)
    data = pcm16(sound)
    whole = told(here.stream, [opening(rate_hz=8_000), data, '{"type": "end"}'])
    single = told(
        here.stream, [opening(rate_hz=8_000), *(data[i : i + 1] for i in range(len(data))), '{"type": "end"}']
    )
    assert single == whole
    assert len(whole[0]) > 1


def test_a_sound_that_ends_within_a_sample_is_heard_and_complained_about(here: Any, talk: np.ndarray) -> None:
    events, code = told(here.stream, [opening(), pcm16(talk[: 2 * RATE]) + b"\1", '{"type": "end"}'])
    assert code == 1007
    assert events[-1]["detail"] == "the sound ended within a sample, 1 bytes into it; a sample has 2"
    assert "segment" in [one["type"] for one in events]


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("hello", 'the first message is not JSON; it looks like {"rate_hz": 48000, "encoding": "pcm16"}'),
        ("[" * 100_000, "the first message is not JSON"),
        ("[1]", "the first message is [1]; it looks like"),
        (opening(rate_hz="48000"), 'rate_hz is "48000"; use a whole number such as 48000'),
        (opening(rate_hz=None), "rate_hz is missing"),
        (opening(rate_hz=True), "rate_hz is true"),
        (opening(rate_hz=44_100.5), "rate_hz is 44100.5"),
        ('{"rate_hz": Infinity, "encoding": "pcm16"}', "rate_hz is Infinity"),
        (opening(rate_hz=0), "a stream of 0 Hz; 1,000 to 768,000 Hz is wanted"),
        (opening(rate_hz=10**12), "a stream of 1000000000000 Hz"),
        (opening("mp3"), 'encoding is "mp3"; use "pcm16" or "float32"'),
        (opening(model="nobody"), "model 'nobody' is not offered here; offered are tiny"),
        (opening(model="/etc/passwd"), "model '/etc/passwd' is not offered here"),
        (opening(model=3), "model is 3; use a text"),
        (opening(channels=2), 'the first message has "channels", which is unknown here'),
        (b"\0\0", "sound came first; the first message is a text with rate_hz and encoding"),
    ],
)
def test_a_first_message_that_is_none_gets_a_sentence(here: Any, message: str | bytes, detail: str) -> None:
    events, code = told(here.stream, [message])
    assert [one["type"] for one in events] == ["error"]
    assert events[0]["detail"].startswith(detail)
    assert code == 1007


def test_a_text_in_the_middle_of_the_sound_gets_a_sentence(here: Any, talk: np.ndarray) -> None:
    events, code = told(here.stream, [opening(), pcm16(talk[: 2 * RATE]), "sound"])
    assert events[-1]["detail"] == 'a text came in the middle; after the first only {"type": "end"} is valid'
    assert events[-2]["type"] == "segment"  # what was heard until then is not lost
    assert code == 1007


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_floats_that_are_no_sound_get_a_sentence(here: Any, talk: np.ndarray, value: float) -> None:
    broken = talk[:RATE].copy()
    broken[RATE // 2 + 5] = value
    events, code = told(here.stream, [opening("float32"), broken.astype("<f4").tobytes()])
    assert code == 1007
    assert ("sample 24005 is" in events[-1]["detail"]) or ("samples reach" in events[-1]["detail"])


def test_a_wrong_rate_is_believed_and_does_no_harm(here: Any, talk: np.ndarray) -> None:
    _, code = told(here.stream, [opening(rate_hz=8_000), pcm16(talk[: 2 * RATE]), '{"type": "end"}'])
    assert code == 1000


def test_a_stream_without_sound_says_nothing(here: Any) -> None:
    assert told(here.stream, [opening(), b"", '{"type": "end"}']) == ([], 1000)


def test_what_vanishes_leaves_nothing_behind(here: Any, talk: np.ndarray) -> None:
    for _ in range(20):
        with client.connect(here.stream, close_timeout=0) as socket:
            socket.send(opening())
            socket.send(pcm16(talk[: RATE // 4]))
            socket.socket.shutdown(2)  # no goodbye
    until(lambda: not here.server.server_state.tasks and not here.server.server_state.connections)
    assert told(here.stream, [opening(), '{"type": "end"}']) == ([], 1000)  # and there is room for others


@pytest.mark.parametrize("begun", [True, False])
def test_a_client_that_says_nothing_is_let_go(begun: bool) -> None:
    streams = StreamSettings(idle_s=0.3, opening_s=0.3)
    with running(live_settings(streams=streams)) as service:
        events, code = told(service.stream, [opening()] if begun else [])
        assert events == [{"type": "error", "detail": "nothing came for 0.3 s; start a new stream"}]
        assert code == 3008


def test_one_stream_too_many_is_told_so_and_may_come_back(talk: np.ndarray) -> None:
    with running(live_settings(streams=StreamSettings(most=1))) as service:
        with client.connect(service.stream) as first:
            first.send(opening())
            first.send(pcm16(talk[: 2 * RATE]))
            assert first.recv(timeout=30)  # it is heard, and so has its place
            events, code = told(service.stream, [opening()])
            assert events[0]["detail"] == "1 streams are open, the most at once; try again in a moment"
            assert code == 1013
        until(lambda: not service.server.server_state.tasks)
        assert told(service.stream, [opening(), '{"type": "end"}']) == ([], 1000)


def test_a_stream_has_an_end_in_sound_and_in_time(talk: np.ndarray) -> None:
    with running(live_settings(streams=StreamSettings(longest_s=1.5))) as service:
        events, code = told(service.stream, [opening(), pcm16(talk)])
        assert events[-1] == {"type": "error", "detail": "a stream may last 1.5 s; start a new one"}
        assert events[-2]["type"] == "segment"
        assert code == 1008
        events, code = told(service.stream, [opening()])  # and then nothing for a while
        assert (events[-1]["detail"], code) == ("a stream may last 1.5 s; start a new one", 1008)


def test_a_message_that_is_too_large_ends_the_stream(talk: np.ndarray) -> None:
    with running(live_settings(streams=StreamSettings(message_bytes=1_000))) as service:
        assert told(service.stream, [opening(), bytes(1_002)])[1] == 1009


def test_a_page_from_elsewhere_may_not_listen(here: Any) -> None:
    for origin in ("https://example.org", "http://127.0.0.1:1", "null"):
        with pytest.raises(exceptions.InvalidStatus) as refused:
            client.connect(here.stream, origin=origin)
        assert refused.value.response.status_code == 403
        assert "may not open streams here" in json.loads(refused.value.response.body)["detail"]


def test_a_page_of_its_own_and_one_that_is_allowed_may_listen() -> None:
    with running(live_settings(cors_origins=("https://example.org",))) as service:
        for origin in (service.page[:-1], "https://example.org"):
            assert told(service.stream, [opening(), '{"type": "end"}'], origin=origin) == ([], 1000)


def test_a_key_is_asked_for_and_taken_from_header_or_message() -> None:
    with running(access=Access(["open sesame"])) as service:
        events, code = told(service.stream, [opening()])
        assert events[0]["detail"].startswith("no API key was sent; send one as the header Authorization")
        assert code == 3000
        events, code = told(service.stream, [opening(key="guess")])
        assert events[0]["detail"].startswith("the API key is unknown")
        assert code == 3000
        assert told(service.stream, [opening(key="open sesame"), '{"type": "end"}']) == ([], 1000)
        headers = {"Authorization": "Bearer open sesame"}
        done = told(service.stream, [opening(), '{"type": "end"}'], additional_headers=headers)
        assert done == ([], 1000)


def test_ten_streams_at_once_hear_what_one_hears_alone(here: Any, talk: np.ndarray) -> None:
    data = pcm16(talk[: 2 * RATE])
    alone = told(here.stream, [opening(), data, '{"type": "end"}'])
    with ExitStack() as stack:
        sockets = [stack.enter_context(client.connect(here.stream)) for _ in range(10)]
        for message in (opening(), data, '{"type": "end"}'):
            for socket in sockets:
                socket.send(message)
        assert [rest_of(socket) for socket in sockets] == [alone] * 10


def test_a_service_that_ends_does_not_wait_for_streams(talk: np.ndarray) -> None:
    with ExitStack() as stack:
        with running() as service:
            socket = stack.enter_context(client.connect(service.stream))
            socket.send(opening())
            socket.send(pcm16(talk[: 2 * RATE]))
            assert socket.recv(timeout=30)
        assert rest_of(socket)[1] == 1012


def test_the_page_comes_with_a_policy_that_lets_nothing_else_in(here: Any) -> None:
    with urllib.request.urlopen(here.page) as answer:
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'self' http://localhost:* http://127.0.0.1:*"
        assert answer.headers["Permissions-Policy"].startswith("microphone=(self)")
        text = answer.read().decode()
    assert "http://" not in text
    assert "https://" not in text


def test_the_segments_of_a_stream_are_final(here: Any, talk: np.ndarray) -> None:
    events, _ = told(here.stream, [opening(), pcm16(talk), '{"type": "end"}'])
    segments = [one for one in events if one["type"] == "segment"]
    assert all(one["end_s"] <= other["start_s"] for one, other in itertools.pairwise(segments))
    timeline = Recognizer.load("tiny", threads=1).timeline(np.frombuffer(pcm16(talk), "<i2"), RATE)
    assert [(one["start_s"], one["emotion"]) for one in segments] == [
        (one.start_s, one.emotion) for one in timeline.segments if isinstance(one, Segment)
    ]


def test_the_python_of_the_docs_runs(here: Any, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "live.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0].replace("127.0.0.1:8000", f"127.0.0.1:{here.port}")
    audio = read_audio(audio_files(EXAMPLES)[0])
    soundfile.write(tmp_path / "clip.wav", audio.samples, audio.rate_hz, subtype="FLOAT")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    segments = Recognizer.load("tiny", threads=1).timeline(tmp_path / "clip.wav").segments
    expected = [f"{one.start_s:.1f} to {one.end_s:.1f} s: {one.emotion}" for one in segments]
    assert done.stdout.splitlines() == expected != []


def test_the_docs_name_the_limits_and_words_as_they_are() -> None:
    page = (Path(__file__).parents[3] / "docs" / "live.md").read_text(encoding="utf-8")
    limits = StreamSettings()
    for least, word in SURE_WORDS[:-1]:
        assert f"| {least:.0%} and more | {word} |".replace("%", " %") in page
    assert f"too many streams ({limits.most})" in page
    assert f"no data for {limits.idle_s:g} s, or no first message within {limits.opening_s:g} s" in page
    assert (limits.longest_s, limits.message_bytes) == (3_600, 1_000_000)  # an hour, 1 MB


OPENING = json.dumps({"rate_hz": 16_000, "encoding": "pcm16"})
END = json.dumps({"type": "end"})
KEY = {"Authorization": "Bearer a key that is long enough"}
ONE = live_settings(streams=StreamSettings(most=1))


def conversation(address: str, *messages: str | bytes, **options: Any) -> tuple[list[str], int]:
    """Say something, and give the sentences of what comes back, and the code that ends it."""
    details = []
    with client.connect(address, **options) as socket:
        for message in messages:
            socket.send(message)
        try:
            while True:
                details.append(json.loads(socket.recv(timeout=30)).get("detail", ""))
        except exceptions.ConnectionClosed as closed:
            return details, closed.rcvd.code if closed.rcvd else 1006


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "a guess"}])
def test_sockets_without_a_key_take_no_place(headers: dict[str, str]) -> None:
    with running(ONE, access=Access(["mine"])) as service, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(client.connect(service.stream, additional_headers=headers))
        assert conversation(service.stream, OPENING, END, additional_headers={"X-API-Key": "mine"}) == ([], 1000)
        assert conversation(service.stream, OPENING, additional_headers=headers)[1] == 3000


def test_sockets_that_say_nothing_take_no_place() -> None:
    with running(ONE) as service, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(client.connect(service.stream))
        assert conversation(service.stream, OPENING, END) == ([], 1000)


def test_a_place_is_free_again_however_a_stream_ended() -> None:
    with running(ONE) as service:
        for message in ("no JSON", json.dumps({"rate_hz": 1, "encoding": "pcm16"}), json.dumps({"model": "nobody"})):
            assert conversation(service.stream, message)[1] == 1007
        assert conversation(service.stream, OPENING, b"\0", END)[1] == 1007
        assert conversation(service.stream, OPENING, END) == ([], 1000)


def test_streams_take_from_the_bucket_of_their_key_as_requests_do() -> None:
    keys = ("a key that is long enough", "another key, also long enough")
    with serving(keys=keys, per_minute=2) as service, service.client() as asker:
        address = service.address.replace("http", "ws") + "/v1/stream"
        assert asker.get("/v1/models", headers=KEY).status_code == 200
        assert conversation(address, OPENING, END, additional_headers=KEY) == ([], 1000)
        (detail,), code = conversation(address, OPENING, additional_headers=KEY)
        assert detail.startswith("more than 2 requests in a minute; try again in ")
        assert code == 1013
        assert asker.get("/v1/models", headers=KEY).status_code == 429
        in_message = json.dumps({"rate_hz": 16_000, "encoding": "pcm16", "key": keys[1]})
        assert [conversation(address, in_message, END)[1] for _ in range(3)] == [1000, 1000, 1013]


def test_a_guessed_key_takes_from_nobodys_bucket() -> None:
    with serving(keys=("a key that is long enough",), per_minute=1) as service:
        address = service.address.replace("http", "ws") + "/v1/stream"
        assert conversation(address, OPENING, additional_headers={"X-API-Key": "a guess"})[1] == 3000
        assert conversation(address, OPENING, END, additional_headers=KEY) == ([], 1000)


def test_a_stream_is_counted_and_logged_without_content(caplog: pytest.LogCaptureFixture) -> None:
    def counts(text: str) -> dict[str, float]:
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    with serving() as service, service.client() as asker, caplog.at_level(logging.INFO, LOG.name):
        address = service.address.replace("http", "ws") + "/v1/stream?secret"
        with client.connect(address) as socket:
            socket.send(OPENING)
            socket.send(bytes(2 * 16_000 * 3))
            until(lambda: counts(asker.get("/metrics").text)["hearfelt_streams_open"] == 1)
            socket.send(END)
            with pytest.raises(exceptions.ConnectionClosedOK):
                socket.recv(timeout=30)
        assert conversation(address, "my secret") != ([], 1000)
        with client.connect(address) as socket:
            socket.close(4_321)  # of thousands of codes, none is a count of its own
        until(lambda: 'code="other"' in asker.get("/metrics").text)
        found = counts(asker.get("/metrics").text)
    assert found['hearfelt_streams_total{code="1000"}'] == found['hearfelt_streams_total{code="1007"}'] == 1
    assert found['hearfelt_streams_total{code="other"}'] == 1
    assert found["hearfelt_streams_open"] == 0
    assert found["hearfelt_sound_seconds_total"] == pytest.approx(3.0)
    told_of = [(one.getMessage(), one.__dict__.get("facts", {})) for one in caplog.records if "stream" in one.message]
    assert [message for message, _ in told_of] == ["stream started", "stream", "stream", "stream"]
    assert [facts["code"] for _, facts in told_of[1:]] == [1000, 1007, 4_321]
    assert [facts["sound_s"] for _, facts in told_of[1:]] == [3.0, 0.0, 0.0]
    assert all(facts["s"] >= 0 for _, facts in told_of[1:])
    assert "secret" not in caplog.text


def test_a_fault_closes_the_stream_with_1011_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Access):
        def check(self, connection: object, key: str | None) -> None:
            raise RuntimeError(f"my secret {key}")

    with caplog.at_level(logging.INFO), running(access=Broken()) as service:
        assert conversation(service.stream, OPENING) == (["a fault in hearfelt itself; its log says where"], 1011)
        until(lambda: "stream" in [one.message for one in caplog.records])
    lines = [json.loads(JsonLines().format(one)) for one in caplog.records if one.name == LOG.name]
    assert [(one["event"], one["level"]) for one in lines] == [("fault", "error"), ("stream", "info")]
    assert lines[0]["fault"] == "RuntimeError"
    assert lines[0]["at"][-1].startswith("test_routes.py:")
    assert lines[1]["code"] == 1011
    assert "secret" not in json.dumps(lines)
    assert not [one for one in caplog.records if one.name.startswith("uvicorn") and one.exc_info]


def test_a_page_from_elsewhere_is_counted_as_turned_away() -> None:
    with serving() as service, service.client() as asker:
        with pytest.raises(exceptions.InvalidStatus):
            client.connect(service.address.replace("http", "ws") + "/v1/stream", origin="https://example.org")
        counted = 'hearfelt_requests_total{route="/v1/stream",status="403"} 1.0'
        until(lambda: counted in asker.get("/metrics").text)
