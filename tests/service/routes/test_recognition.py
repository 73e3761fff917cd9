from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from tests.service.http_server import CLIP, Serving, example, serving

from hearfelt.cli.main import run
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.recognition import WorkerSettings


def is_problem(answer: httpx.Response, status: int, words: str) -> bool:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert words in document["detail"], document
    return True


def post(client: httpx.Client, path: str = "/v1/recognize", **how: Any) -> httpx.Response:
    return client.post(path, files={"file": (CLIP.name, CLIP.read_bytes())}, **how)


def test_the_answer_is_what_the_command_prints(client: httpx.Client, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["recognize", str(CLIP), "--model", "tiny", "--format", "json"])
    printed = json.loads(capsys.readouterr().out)
    answered = post(client).json()
    assert list(answered) == list(printed)
    assert answered["source"] == CLIP.name
    assert answered["probabilities"] == pytest.approx(printed["probabilities"], abs=1e-5)


def test_a_raw_body_is_answered_as_a_part_of_a_form_is(client: httpx.Client) -> None:
    raw = client.post("/v1/recognize", content=CLIP.read_bytes(), headers={"Content-Type": "audio/flac"}).json()
    assert raw["source"] == "sound"
    assert raw["probabilities"] == post(client).json()["probabilities"]


def test_several_sounds_are_answered_in_their_order_and_a_bad_one_has_its_sentence(client: httpx.Client) -> None:
    sent = [("a.flac", CLIP.read_bytes()), ("notes.txt", b"words"), ("b.flac", example(1).read_bytes()), ("none", b"")]
    answer = client.post("/v1/recognize", files=[("file", one) for one in sent])
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [one["source"] for one in results] == [name for name, _ in sent]
    assert results[0]["emotion"] == Recognizer.load("tiny").recognize(CLIP).emotion
    assert results[2]["emotion"] == Recognizer.load("tiny").recognize(example(1)).emotion
    assert "no sound that can be read" in results[1]["error"]
    assert "empty" in results[3]["error"]


def test_another_model_answers_when_asked_and_says_why(client: httpx.Client) -> None:
    answer = post(client, params={"model": "svm", "explain": "true"}).json()
    assert answer["model"] == "svm"
    assert answer["why"]


def test_segments_come_as_json_captions_and_table(client: httpx.Client) -> None:
    whole = post(client, "/v1/timeline").json()
    assert whole["segments"][0]["start_s"] < whole["segments"][0]["end_s"] <= whole["duration_s"]
    vtt = post(client, "/v1/timeline", params={"format": "vtt"})
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert vtt.text.startswith("WEBVTT")
    table = post(client, "/v1/timeline", params={"format": "csv", "channels": "separate"})
    assert table.text.splitlines()[1].startswith(f"{CLIP.name},0,")


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ({"content": b"", "headers": {"Content-Type": "audio/wav"}}, 400, "the file is empty"),
        ({"content": b"RIFF", "headers": {"Content-Type": "audio/wav"}}, 422, "no sound that can be read"),
        ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, 415, "multipart/form-data"),
        ({"content": b"words"}, 415, "no content type"),
        ({"files": {"other": ("a.wav", b"x")}}, 400, "no field file"),
        ({"files": {"file": ("a.wav", b"")}}, 400, "the file is empty"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "form cannot be read"),
        ({"files": {"file": b"x"}, "data": {"note": "a" * 2_000}}, 400, "form cannot be read"),
        ({"content": b"--a\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 400, "form"),
        ({"files": [("file", ("a.wav", b"x"))] * 1000}, 400, "Too many files"),
        ({"files": {"file": ("a.wav", b"x")}, "params": {"model": "../etc/passwd"}}, 404, "not offered"),
        ({"files": {"file": ("a.wav", b"x")}, "params": {"explain": "perhaps"}}, 400, "explain: 'perhaps'"),
        ({"files": {"file": ("a.wav", b"x")}, "params": {"explian": "true"}}, 400, "known are model, explain"),
    ],
)
def test_what_cannot_be_answered_is_said_in_words(
    client: httpx.Client, how: dict[str, Any], status: int, words: str
) -> None:
    assert is_problem(client.post("/v1/recognize", **how), status, words)


def test_a_cut_sound_is_answered_and_what_is_missing_is_said(client: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, *soundfile.read(CLIP))
    whole = path.read_bytes()
    upload = {"file": ("cut.wav", whole[: len(whole) // 2])}
    for call in ("/v1/recognize", "/v1/timeline"):
        answer = client.post(call, files=upload).json()
        (warning,) = [one for one in answer["warnings"] if one["code"] == "cut_short"]
        assert warning["there_s"] == pytest.approx(warning["promised_s"] / 2, abs=0.01)
    table = client.post("/v1/timeline?format=csv", files=upload).text
    assert {row["warnings"] for row in csv.DictReader(io.StringIO(table))} == {"cut_short"}


def test_another_audio_track_is_heard_when_asked(client: httpx.Client, corpora_home: Path) -> None:
    pytest.importorskip("av")
    film = corpora_home / "cases" / "two_audio_tracks_second_is_default.mkv"  # the first track is silent
    upload = {"file": (film.name, film.read_bytes())}
    chosen = client.post("/v1/recognize", files=upload).json()
    assert [one["code"] for one in chosen["warnings"]] == ["other_tracks"]
    second = client.post("/v1/recognize?track=1", files=upload).json()
    assert second["probabilities"] == chosen["probabilities"]
    assert is_problem(client.post("/v1/recognize?track=0", files=upload), 422, "only silence")
    assert is_problem(client.post("/v1/timeline?track=2", files=upload), 422, "there is no track 2")
    assert client.post("/v1/recognize?track=-1", files=upload).status_code == 400


def test_a_timeline_is_of_one_sound(client: httpx.Client) -> None:
    two = [("file", ("a.wav", b"x")), ("file", ("b.wav", b"x"))]
    assert is_problem(client.post("/v1/timeline", files=two), 400, "2 sounds")
    assert is_problem(post(client, "/v1/timeline", params={"format": "elan"}), 400, "format: 'elan'")


def test_what_is_not_there_is_a_problem_document_too(client: httpx.Client) -> None:
    assert is_problem(client.get("/v1/nothing"), 404, "/docs")
    assert is_problem(client.get("/v1/recognize"), 405, "other methods")


def test_a_folder_in_a_name_is_not_repeated(client: httpx.Client) -> None:
    answer = client.post("/v1/recognize", files={"file": ("../../home/me/a\u202eb.flac", CLIP.read_bytes())})
    assert answer.json()["source"] == "ab.flac"


def test_a_page_from_elsewhere_may_not_ask(client: httpx.Client) -> None:
    assert is_problem(post(client, headers={"Origin": "https://example.org"}), 403, "https://example.org")
    assert post(client, headers={"Origin": str(client.base_url)}).status_code == 200


def test_nobody_elsewhere_is_named_to_browsers(client: httpx.Client) -> None:
    assert "access-control-allow-origin" not in post(client).headers


def preflight(client: httpx.Client, origin: str, method: str) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options("/v1/recognize", headers=headers)


def test_a_page_that_is_allowed_may_ask() -> None:
    with serving(cors_origins=("https://example.org",)) as service, service.client() as client:
        assert preflight(client, "https://example.org", "POST").status_code == 200
        assert is_problem(preflight(client, "https://example.com", "POST"), 403, "https://example.com")
        assert is_problem(preflight(client, "https://example.org", "DELETE"), 400, "GET, POST")
        answer = post(client, headers={"Origin": "https://example.org"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://example.org"


def test_keys_and_rates_let_in_who_may_come_and_no_oftener() -> None:
    key = {"Authorization": "Bearer a key that is long enough"}
    with serving(keys=("a key that is long enough",), per_minute=2) as service, service.client() as client:
        refused = post(client)
        assert is_problem(refused, 401, "no API key was sent")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert is_problem(post(client, headers={"X-API-Key": "another"}), 401, "unknown")
        assert client.get("/health/ready").status_code == 200
        assert [post(client, headers=key).status_code for _ in range(2)] == [200, 200]
        hasty = post(client, headers=key)
        assert is_problem(hasty, 429, "more than 2 requests")
        assert 1 <= int(hasty.headers["retry-after"]) <= 60


@pytest.mark.parametrize("header", ["X-API-Key", "X-Forwarded-For"])
def test_made_up_keys_and_addresses_give_no_more_requests(header: str) -> None:
    with serving(per_minute=2) as service, service.client() as client:
        answers = [client.get("/v1/models", headers={header: f"10.0.0.{number}"}) for number in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]


def test_a_page_whose_origin_is_no_address_is_refused_in_words() -> None:
    with serving() as service, service.client() as client:
        assert is_problem(client.get("/health/live", headers={"Origin": "http://[x"}), 403, "may not call this service")


def test_the_default_model_answers_as_the_recognizer_does() -> None:
    with serving(models=("hearfelt",)) as service, service.client() as client:
        answer = post(client).json()
    assert answer["model"] == "hearfelt"
    assert answer["probabilities"] == pytest.approx(Recognizer.load(threads=4).recognize(CLIP).probabilities, abs=1e-5)


def first_line(service: Serving, rest: bytes) -> bytes:
    """Begin a request whose body does not come, or not all of it; gives the first line of the answer."""
    host, port = service.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: audio/wav\r\n" + rest)
        return connection.recv(4096).splitlines()[0]


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() -> None:
    with serving(body_bytes=1000) as service:
        assert b"413" in first_line(service, b"Content-Length: 60000000\r\n\r\n")

        def endless() -> Iterator[bytes]:
            for _ in range(200):
                yield bytes(100)

        with service.client() as client:
            answer = client.post("/v1/recognize", content=endless(), headers={"Content-Type": "audio/wav"})
            assert is_problem(answer, 413, "the limit of this service")


def test_a_connection_stays_open_when_a_body_is_refused_before_it_has_come() -> None:
    with serving(keys=("a key that is long enough",)) as service:
        host, port = service.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = b"POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3000000\r\n\r\n"
            connection.sendall(head)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 401")
            connection.sendall(bytes(3_000_000) + b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_bodies_that_are_too_much_together_are_refused_for_a_segment() -> None:
    with serving(held_bytes=1000) as service, service.client() as client:
        answer = client.post("/v1/recognize", content=bytes(5000), headers={"Content-Type": "audio/wav"})
        assert is_problem(answer, 503, "try again")
        assert answer.headers["retry-after"]


def test_a_body_that_comes_too_slowly_is_refused_and_counts_no_longer() -> None:
    with serving(arriving_s=0.5) as service:
        assert b"408" in first_line(service, b"Content-Length: 1000\r\n\r\nRIFF")
        with service.client() as client:
            assert post(client).status_code == 200


def test_a_sound_longer_than_allowed_is_refused() -> None:
    with serving(longest_s=1.0) as service, service.client() as client:
        assert is_problem(post(client), 422, "longer than 1 s")


def test_a_sound_too_long_to_be_explained_is_refused_before_anything_is_computed() -> None:
    with serving(explain_s=1.0) as service, service.client() as client:
        assert is_problem(post(client, params={"explain": "true"}), 422, "longer than 1 s, the most that is explained")
        assert len(service.app.state.workers.pids) == 1  # none for explanations was started
        assert post(client).status_code == 200


def test_a_full_queue_is_said_with_a_time_to_come_back() -> None:
    with serving(workers=WorkerSettings(processes=1, queue=1)) as service, service.client() as client:
        assert post(client).status_code == 200
        pid = service.app.state.workers.pids[0]
        os.kill(pid, signal.SIGSTOP)
        answers: list[httpx.Response] = []
        asked = [threading.Thread(target=lambda: answers.append(post(client))) for _ in range(4)]
        for one in asked:
            one.start()
        while len(answers) < 2:
            pass
        os.kill(pid, signal.SIGCONT)
        for one in asked:
            one.join()
        assert sorted(one.status_code for one in answers) == [200, 200, 503, 503]
        assert all(one.headers["retry-after"] for one in answers if one.status_code == 503)


def test_a_hanging_decoder_costs_one_request_and_a_killed_one_none() -> None:
    with serving(workers=WorkerSettings(processes=1, longest_job_s=2.0)) as service, service.client() as client:
        assert post(client).status_code == 200
        os.kill(service.app.state.workers.pids[0], signal.SIGSTOP)
        assert is_problem(post(client), 422, "not answered within 2 s")
        assert post(client).status_code == 200
        os.kill(service.app.state.workers.pids[0], signal.SIGKILL)
        assert post(client).status_code == 200


def test_nothing_of_a_sound_is_left_on_disk(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # a file there would be an error
    large = CLIP.read_bytes() + bytes(3_000_000)
    assert client.post("/v1/recognize", files={"file": ("a.flac", large)}).status_code in (200, 422)
    assert post(client).status_code == 200


@pytest.fixture(scope="module")
def with_reference(reference_model: Path) -> Iterator[Serving]:
    with serving(models=(str(reference_model),)) as one:
        yield one


def test_a_reference_in_the_form_counts_for_this_request_alone(with_reference: Serving, reference_model: Path) -> None:
    recognizer = Recognizer.load(reference_model, threads=1)
    reference = recognizer.reference([example(number) for number in range(3)])
    sound, sent = (CLIP.name, CLIP.read_bytes()), ("me.json", reference.to_json())
    expected = recognizer.recognize(CLIP, reference=reference)
    plain = recognizer.recognize(CLIP)
    with with_reference.client() as client:
        answers = [
            client.post("/v1/recognize", files=files).json()
            for files in ({"file": sound, "reference": sent}, {"file": sound})
        ]
        several = client.post("/v1/recognize", files=[("file", sound), ("file", sound), ("reference", sent)]).json()
        timeline = client.post("/v1/timeline", files={"file": sound, "reference": sent}).json()
    for answer, wanted in zip(answers, (expected, plain), strict=True):
        assert answer["probabilities"] == pytest.approx(dict(wanted.probabilities), abs=1e-4)
    assert [one["probabilities"] for one in several["results"]] == [answers[0]["probabilities"]] * 2
    told = [one["code"] for one in answers[0]["warnings"]]
    assert told == [one.code for one in expected.warnings]
    assert {"short_reference", "uniform_reference"} & set(told)
    wanted_timeline = recognizer.timeline(CLIP, reference=reference)
    assert [one["code"] for one in timeline["warnings"]] == [one.code for one in wanted_timeline.warnings]
    assert {"short_reference", "uniform_reference"} & {one["code"] for one in timeline["warnings"]}
    assert [one["emotion"] for one in timeline["segments"]] == [one.emotion for one in wanted_timeline.segments]


@pytest.mark.parametrize(
    ("reference", "status", "words"),
    [
        (("me.json", "{}"), 422, "this is no reference"),
        (("me.json", "x" * 70_000), 400, "too large for a reference"),
        ((None, "{}"), 400, "as a file in the field reference"),
    ],
)
def test_what_is_no_reference_is_refused(
    reference: tuple[str | None, str], status: int, words: str, with_reference: Serving
) -> None:
    files = {"file": (CLIP.name, CLIP.read_bytes()), "reference": reference}
    with with_reference.client() as client:
        assert is_problem(client.post("/v1/recognize", files=files), status, words)


def test_a_model_that_takes_no_reference_says_so(client: httpx.Client, reference_model: Path, service: Serving) -> None:
    older = next((name for name in ("tiny", "svm") if not Recognizer.load(name).takes_reference), None)
    if older is None:
        pytest.skip("all shipped models take references")
    sent = Recognizer.load(reference_model).reference([CLIP]).to_json()
    files = {"file": (CLIP.name, CLIP.read_bytes()), "reference": ("me.json", sent)}
    answer = client.post("/v1/recognize", params={"model": older}, files=files)
    assert is_problem(answer, 422, "takes no reference recordings")
