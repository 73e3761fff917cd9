import random
import runpy
import stat
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.download import (
    _READ_AHEAD,
    SONG,
    SPEECH,
    WORK,
    PublishedSource,
    get_corpus,
    get_ravdess,
    parse_actors,
)
from hearfelt.corpora.transfer import Client
from hearfelt.errors import CorpusError, DownloadError, ExtraMissingError

server = runpy.run_path(str(Path(__file__).with_name("server.py")))
loopback, Mirror = server["loopback"], server["Mirror"]

SPEECH_FOLDER, SONG_FOLDER = "Audio_Speech_Actors_01-24", "Audio_Song_Actors_01-24"

# Run by another Python, which kills itself at the n-th step of its progress, or runs to the end.
FETCH = """
import os, signal, sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from hearfelt.corpora.download import SPEECH, PublishedSource, get_ravdess

base, folder, size, md5, clips_each, actors, last_step = sys.argv[1:]
clips = {actor: clips[:int(clips_each)] for actor, clips in SPEECH.clips.items()}
archive = replace(SPEECH, size=int(size), md5=md5, clips=clips)
steps = 0

@contextmanager
def meter(label, total, *, unit="items"):
    def done(count):
        global steps
        steps += 1
        if steps == int(last_step):
            os.kill(os.getpid(), signal.SIGKILL)
    yield done

chosen = [int(actor) for actor in actors.split()] or None
get_ravdess(Path(folder), actors=chosen, source=PublishedSource(base, (archive,)), progress=meter)
"""


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    return server["Zips"](tmp_path_factory.mktemp("zips"))


@pytest.fixture(scope="module")
def large_zips(tmp_path_factory):
    """As many clips as RAVDESS has of speech, of 6 kB each."""
    return server["Zips"](tmp_path_factory.mktemp("large"), [SPEECH], clips_each=60, clip_bytes=6_000)


@pytest.fixture
def mirror(loopback, zips):
    return Mirror(loopback, zips)


@pytest.fixture
def large(loopback, large_zips):
    return Mirror(loopback, large_zips)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "ravdess"


def clips_in(folder):
    return {name: content for name, content in server["files_below"](folder).items() if name.endswith(".wav")}


def others_in(folder):
    return {name for name in server["files_below"](folder) if not name.endswith(".wav")}


ONE_ACTOR = 8_600_000 // 24 + (1 << 18) + _READ_AHEAD  # bytes: its clips, the directory, and what is read ahead


def test_the_published_zips_are_those_of_the_record():
    assert (SPEECH.size, SPEECH.md5) == (208_468_073, "bc696df654c87fed845eb13823edef8a")
    assert (SONG.size, SONG.md5) == (225_505_317, "5411230427d67a21e18aa4d466e6d1b9")
    assert {len(clips) for clips in SPEECH.clips.values()} == {60}
    assert {len(clips) for clips in SONG.clips.values()} == {44}
    assert len(SPEECH.clips) == 24
    assert set(SPEECH.clips) - set(SONG.clips) == {18}
    assert SPEECH.clips[1][0] == "Actor_01/03-01-01-01-01-01-01.wav"


def test_it_comes_from_zenodo_unless_the_environment_names_a_mirror(monkeypatch):
    monkeypatch.delenv("HEARFELT_ZENODO", raising=False)
    zenodo = "https://zenodo.org/records/1188976/files/Audio_Song_Actors_01-24.zip?download=1"
    assert PublishedSource().file(SONG).url == zenodo
    monkeypatch.setenv("HEARFELT_ZENODO", "http://mirror/ravdess/")
    assert PublishedSource().file(SONG).url == "http://mirror/ravdess/Audio_Song_Actors_01-24.zip?download=1"


def test_both_halves_arrive_and_nothing_else_stays(mirror, home):
    got = mirror.get(home)
    assert clips_in(home) == mirror.clips
    assert others_in(home) == set()
    assert got.clips == {"speech": 72, "song": 69}
    assert got.fetched == mirror.speech.size + mirror.song.size
    assert not got.partial
    assert not (home / WORK).exists()


@pytest.mark.parametrize(("channel", "folder"), [("speech", SPEECH_FOLDER), ("song", SONG_FOLDER)])
def test_one_half_is_asked_for_alone(mirror, home, channel, folder):
    mirror.get(home, channel=channel)
    assert clips_in(home) == mirror.of(folder)
    assert [path for path, *_ in mirror.server.requests] == [f"{folder}.zip"]


def test_repeating_it_asks_for_nothing(mirror, home):
    mirror.get(home)
    mirror.server.forget()
    got = mirror.get(home)
    assert mirror.server.requests == []
    assert (got.fetched, got.clips) == (0, {"speech": 72, "song": 69})
    mirror.get(home, actors=[1, 18], channel="speech")
    assert mirror.server.requests == []


def test_a_half_that_is_there_is_not_asked_for_with_the_other(mirror, home):
    mirror.get(home, channel="speech")
    mirror.server.forget()
    mirror.get(home)
    assert {path for path, *_ in mirror.server.requests} == {mirror.song.name}
    assert clips_in(home) == mirror.clips


def test_one_actor_costs_one_actor(large, home):
    got = large.get(home, channel="speech", actors=[5])
    assert clips_in(home) == large.of(f"{SPEECH_FOLDER}/Actor_05/")
    assert large.server.bytes_served < ONE_ACTOR
    assert got.fetched == large.server.bytes_served
    assert got.partial


def test_actors_of_both_halves(mirror, home):
    mirror.get(home, actors=[1, 2])
    assert clips_in(home) == mirror.of(
        *(f"{folder}/Actor_0{actor}/" for folder in (SPEECH_FOLDER, SONG_FOLDER) for actor in (1, 2))
    )
    assert others_in(home) == set()
    mirror.server.forget()
    mirror.get(home, actors=[2, 1])
    assert mirror.server.requests == []


def test_another_actor_later_costs_only_that_one(large, home):
    large.get(home, channel="speech", actors=[5])
    large.server.forget()
    large.get(home, channel="speech", actors=[5, 6])
    assert large.server.bytes_served < ONE_ACTOR
    assert clips_in(home) == large.of(f"{SPEECH_FOLDER}/Actor_05/", f"{SPEECH_FOLDER}/Actor_06/")


def test_the_others_can_follow_later(mirror, home):
    mirror.get(home, actors=[1])
    mirror.get(home)
    assert clips_in(home) == mirror.clips
    assert others_in(home) == set()


def test_a_clip_that_was_deleted_or_cut_is_brought_alone(large, home):
    large.get(home, channel="speech")
    clips = sorted((home / SPEECH_FOLDER).rglob("*.wav"))
    clips[3].unlink()
    clips[700].write_bytes(clips[700].read_bytes()[:-1])
    large.server.forget()
    large.get(home, channel="speech")
    assert clips_in(home) == large.of(SPEECH_FOLDER)
    assert large.server.bytes_served <= (1 << 18) + 2 * _READ_AHEAD


def test_clips_that_were_unpacked_by_hand_are_not_asked_for(mirror, home):
    for name, content in mirror.of(SPEECH_FOLDER).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    mirror.get(home, channel="speech")
    assert mirror.server.requests == []


def test_a_zip_that_was_put_there_by_hand_is_used_and_left(mirror, home):
    home.mkdir()
    content = mirror.server.files[mirror.speech.name].read_bytes()
    (home / mirror.speech.name).write_bytes(content)
    mirror.get(home, channel="speech")
    assert mirror.server.requests == []
    assert clips_in(home) == mirror.of(SPEECH_FOLDER)
    assert (home / mirror.speech.name).read_bytes() == content


def test_an_unfinished_zip_that_was_put_there_by_hand_is_not_used(mirror, home):
    home.mkdir()
    (home / mirror.speech.name).write_bytes(b"unfinished")
    mirror.get(home, channel="speech")
    assert clips_in(home) == mirror.of(SPEECH_FOLDER)
    assert (home / mirror.speech.name).read_bytes() == b"unfinished"


def test_actor_18_has_no_song(mirror, home):
    with pytest.raises(CorpusError, match="actor 18 did not sing"):
        mirror.get(home, channel="song", actors=[18])
    assert mirror.server.requests == []
    assert not home.exists()
    got = mirror.get(home, actors=[18])
    assert got.songless
    assert clips_in(home) == mirror.of(f"{SPEECH_FOLDER}/Actor_18/")
    assert not mirror.get(home, actors=[17]).songless


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"actors": [0, 3]}, "actors: 0; RAVDESS has the actors 1 to 24"),
        ({"actors": [25, 99]}, "actors: 25, 99;"),
        ({"actors": []}, "none given"),
        ({"channel": "film"}, "'film'"),
    ],
)
def test_what_does_not_exist_is_not_asked_for(mirror, home, options, sentence):
    with pytest.raises(CorpusError, match=sentence):
        mirror.get(home, **options)
    assert mirror.server.requests == []
    assert not home.exists()


def test_a_file_is_no_folder(mirror, home):
    home.write_text("mine")
    with pytest.raises(CorpusError, match="this is a file"):
        mirror.get(home)
    assert home.read_text() == "mine"


def test_a_file_in_the_way_is_named(mirror, home):
    home.mkdir()
    (home / WORK).write_text("in the way")
    with pytest.raises(DownloadError, match=f"{WORK}: "):
        mirror.get(home)


def test_what_does_not_fit_on_the_disk_is_not_begun(mirror, home):
    huge = replace(mirror.speech, unpacked=10**18)
    with pytest.raises(DownloadError, match="MB are needed"):
        get_ravdess(home, source=replace(mirror.source, archives=(huge,)))
    assert mirror.server.requests == []


def test_space_is_asked_for_what_is_missing_only(mirror, home):
    mirror.get(home, channel="speech")
    huge = replace(mirror.speech, unpacked=10**18)
    assert get_ravdess(home, source=replace(mirror.source, archives=(huge,))).fetched == 0


def test_wrong_bytes_are_not_unpacked(mirror, home):
    mirror.server.always = {"wrong": 5_000}
    with pytest.raises(DownloadError, match="MD5"):
        mirror.get(home)
    assert not home.exists()


def test_a_damaged_clip_of_one_actor_is_asked_for_once_more(mirror, home):
    # The zip is so small that the clips come with its directory: the first answer holds everything.
    mirror.server.tricks = [{"wrong": 50_000}]
    mirror.get(home, channel="speech", actors=[3])
    assert clips_in(home) == mirror.of(f"{SPEECH_FOLDER}/Actor_03/")
    assert len(mirror.server.requests) == 2


def test_a_clip_that_stays_damaged_is_named_and_kept_out(large, home):
    large.server.tricks = [{}]  # the directory
    large.server.always = {"wrong": 5_000}
    with pytest.raises(DownloadError, match=r"Actor_03/.*\.wav is damaged"):
        large.get(home, channel="speech", actors=[3])
    assert clips_in(home) == {}
    large.server.always = {}
    large.get(home, channel="speech", actors=[3])
    assert clips_in(home) == large.of(f"{SPEECH_FOLDER}/Actor_03/")


def test_a_mirror_without_ranges_gives_the_whole_but_no_single_actor(mirror, home):
    mirror.server.always = {"no_ranges": True}
    with pytest.raises(DownloadError, match="whole files only, no parts; ask for all actors"):
        mirror.get(home, actors=[1])
    mirror.get(home)
    assert clips_in(home) == mirror.clips
    next((home / SPEECH_FOLDER).rglob("*.wav")).unlink()
    mirror.get(home)
    assert clips_in(home) == mirror.clips


def test_a_mirror_that_is_busy_is_waited_for(mirror, home):
    busy = {"status": 429, "headers": {"Retry-After": "3"}}
    mirror.server.tricks = [busy, {"cut_after": 10_000}, busy, {}, busy]
    mirror.get(home)
    assert clips_in(home) == mirror.clips
    assert 3 in mirror.waits


@pytest.mark.parametrize("status", [403, 404])
def test_a_mirror_that_has_nothing_is_named(mirror, home, status):
    mirror.server.always = {"status": status}
    for actors in (None, [1]):
        with pytest.raises(DownloadError, match=f"{mirror.server.base}.*{status}"):
            mirror.get(home, actors=actors)
        assert not home.exists()


def test_a_zip_that_lacks_clips_is_refused(mirror, home):
    more = replace(mirror.speech, clips={actor: clips[:4] for actor, clips in SPEECH.clips.items()})
    source = replace(mirror.source, archives=(more,))
    with pytest.raises(DownloadError, match=r"a clip that was published is missing: .*Actor_01/03-01"):
        get_ravdess(home, actors=[1], source=source)


def test_progress_of_every_step_reaches_its_total(mirror, home):
    steps = []

    class Meter:
        def __init__(self, label, total, *, unit="items"):
            self.step = [label, unit, total, 0]
            steps.append(self.step)

        def __enter__(self):
            return self.add

        def __exit__(self, *_):
            pass

        def add(self, count):
            self.step[3] += count

    mirror.server.tricks = [{"cut_after": 10_000}]
    mirror.get(home, progress=Meter)
    mirror.get(home / "few", actors=[4], progress=Meter)
    assert [(label, unit) for label, unit, _, _ in steps] == [
        ("fetching speech", "bytes"),
        ("unpacking speech", "items"),
        ("fetching song", "bytes"),
        ("unpacking song", "items"),
        ("fetching speech", "items"),
        ("fetching song", "items"),
    ]
    assert all(total == done > 0 for _, _, total, done in steps)


def fetch(mirror, home, *, actors="", last_step=0):
    archive = mirror.speech
    arguments = [mirror.server.base, home, archive.size, archive.md5, len(archive.clips[1]), actors, last_step]
    return [sys.executable, "-c", FETCH, *map(str, arguments)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize(("size", "actors"), [("mirror", ""), ("large", "2 9 11 20")])
def test_killed_at_any_step_the_next_run_goes_on_and_no_half_clip_is_there(request, home, size, actors):
    mirror = request.getfixturevalue(size)
    wanted = mirror.of(*[f"{SPEECH_FOLDER}/Actor_{int(actor):02d}" for actor in actors.split()] or [SPEECH_FOLDER])
    seen = set()
    for last_step in (1, 5, 60, 0):
        ended = subprocess.run(fetch(mirror, home, actors=actors, last_step=last_step), check=False, timeout=60)
        there = clips_in(home)
        assert there.items() <= wanted.items()
        seen.add(len(there))
        if ended.returncode == 0:
            break
    assert ended.returncode == 0
    assert clips_in(home) == wanted
    assert others_in(home) == set()
    assert len(seen) > 2, "it was never killed among the clips"


def test_killed_from_outside_while_bytes_arrive_it_goes_on_behind_them(large, home):
    large.server.always = {"slow_s": 0.005}
    part = home / WORK / f"{large.speech.name}.part"
    with subprocess.Popen(fetch(large, home)) as running:
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 500_000) and time.monotonic() < deadline:
            time.sleep(0.01)
        running.kill()
    have = part.stat().st_size
    assert 500_000 < have < large.speech.size
    assert clips_in(home) == {}
    large.server.always = {}
    assert large.get(home, channel="speech").fetched == large.speech.size - have
    assert large.server.ranges[-1] == f"bytes={have}-{large.speech.size - 1}"
    assert clips_in(home) == large.of(SPEECH_FOLDER)
    assert not (home / WORK).exists()


# Zips that a server could send


def hostile(loopback, home, change):
    """Serve a zip with one published clip that was changed, and ask for that actor."""
    name = SPEECH.clips[1][0]
    path = home.with_name("hostile.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        change(archive, name)
    loopback.files[SPEECH.name] = path
    only = replace(SPEECH, size=path.stat().st_size, clips={1: (name,), 2: ()}, unpacked=10_000)
    source = PublishedSource(loopback.base, (only,), Client(sleep=lambda seconds: None, tries=2))
    return get_ravdess(home, actors=[1], source=source)


def test_names_that_were_not_published_are_not_unpacked(loopback, home, tmp_path):
    def change(archive, name):
        archive.writestr(name, b"RIFF\4\0\0\0WAVE")
        for evil in ("../evil.wav", "/tmp/evil.wav", "Actor_01/../../evil.wav", "Actor_01/more.wav"):
            archive.writestr(evil, b"evil")

    hostile(loopback, home, change)
    assert [path.name for path in tmp_path.rglob("*.wav")] == [SPEECH.clips[1][0].rpartition("/")[2]]


def test_a_link_in_a_zip_becomes_no_link(loopback, home):
    def change(archive, name):
        member = zipfile.ZipInfo(name)
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, b"/etc/passwd")

    hostile(loopback, home, change)
    assert not any(path.is_symlink() for path in home.rglob("*"))


def test_a_zip_that_swells_is_refused_before_it_does(loopback, home):
    with pytest.raises(DownloadError, match="would unpack to 5,000,000 bytes"):
        hostile(loopback, home, lambda archive, name: archive.writestr(name, bytes(5_000_000)))
    assert clips_in(home) == {}


def test_unusual_packing_is_refused(loopback, home):
    with pytest.raises(DownloadError, match="compressed in a way"):
        hostile(loopback, home, lambda archive, name: archive.writestr(name, b"x", zipfile.ZIP_BZIP2))


def test_a_damaged_zip_ends_in_a_sentence_or_in_the_clips_it_held(loopback, tmp_path):
    path = tmp_path / "small.zip"
    clips = server["ravdess_zip"](path, actors=[1], clips_each=3, clip_bytes=50)
    whole = path.read_bytes()
    small = replace(SPEECH, size=len(whole), clips={1: SPEECH.clips[1][:3], 2: ()})
    source = PublishedSource(loopback.base, (small,), Client(sleep=lambda seconds: None, tries=2))
    chance = random.Random(0)
    refused = 0
    for attempt in range(60):
        content = bytearray(whole)
        for _ in range(4):
            content[chance.randrange(len(whole))] = chance.randrange(256)
        loopback.files[SPEECH.name] = bytes(content)
        home = tmp_path / str(attempt)
        try:
            get_ravdess(home, actors=[1], source=source)
        except DownloadError:
            refused += 1
        assert set(clips_in(home).values()) <= set(clips.values())
    assert 15 < refused < 60


# Folders


def test_without_the_extra_it_is_named_and_nothing_is_made(mirror, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    for actors in (None, [1]):
        with pytest.raises(ExtraMissingError, match=r"pip install 'hearfelt\[download\]'"):
            mirror.get(home, actors=actors)
        assert not home.exists()


# Corpora by name


@pytest.mark.parametrize(
    ("text", "actors"),
    [("7", {7}), ("1,2", {1, 2}), (" 1 , 2,2", {1, 2}), ("1-4,24", {1, 2, 3, 4, 24}), ("09", {9}), ("3–5", {3, 4, 5})],
)
def test_actors_are_numbers_and_ranges(text, actors):
    assert parse_actors(text) == actors


@pytest.mark.parametrize("text", ["", ",", "one", "1;2", "4-1", "1,", "-3", "1.5", "123"])
def test_anything_else_is_no_list_of_actors(text):
    with pytest.raises(CorpusError, match="write numbers from 1 to 24 and ranges, such as 1,2 or 1-4,7"):
        parse_actors(text)


def test_the_toy_is_made_as_code_makes_it(tmp_path, toy):
    got = get_corpus("toy", tmp_path)
    assert (got.clips, got.fetched) == ({"speech": 96}, 0)
    made, wanted = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (tmp_path, toy))
    assert made == wanted


@pytest.mark.parametrize("options", [{"channel": "speech"}, {"actors": "1"}])
def test_the_toy_has_no_halves(tmp_path, options):
    with pytest.raises(CorpusError, match="toy corpus is made whole"):
        get_corpus("toy", tmp_path / "toy", **options)


@pytest.mark.parametrize("name", sorted(set(CORPORA) - {"ravdess", "toy", "folder"}))
def test_of_other_corpora_it_is_said_where_they_are(tmp_path, name):
    with pytest.raises(CorpusError, match=f"published at {CORPORA[name].url}.*does not fetch it"):
        get_corpus(name, tmp_path / name)


def test_a_folder_of_ones_own_needs_no_getting(tmp_path):
    with pytest.raises(CorpusError, match="your own recordings"):
        get_corpus("folder", tmp_path / "mine")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ravdes", "did you mean ravdess"), ("Toy", "did you mean toy"), ("xyz", "get knows ravdess and toy")],
)
def test_an_unknown_name_gets_a_hint(tmp_path, name, hint):
    with pytest.raises(CorpusError, match=hint):
        get_corpus(name, tmp_path)
