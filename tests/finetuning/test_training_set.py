from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import CorpusError
from hearfelt.finetuning.training_set import find_known_recordings, read_finetuning_set, sounds_of
from hearfelt.inference.card import ModelCard

OwnFolder = Callable[..., Path]
PATTERN = r"/(\d\d) "


def test_each_folder_is_a_label(own_folder: OwnFolder) -> None:
    training_set = read_finetuning_set(own_folder())
    assert training_set.labels == ("happy", "bored_stiff", "furious")
    assert training_set.clips.count("emotion") == {"happy": 12, "bored_stiff": 12, "furious": 12}
    assert not training_set.speakers_are_known
    assert (training_set.left_out, training_set.remarks) == ({}, ())
    assert len(set(training_set.digests)) == 36


def test_a_label_spelled_like_a_known_emotion_is_that_emotion(own_folder: OwnFolder) -> None:
    assert read_finetuning_set(own_folder({"angry": "Anger", "sad": "my dog"})).labels == ("angry", "my_dog")


@pytest.mark.parametrize("pattern", [PATTERN, r"(?P<speaker>\d\d) (\d+)", r"(?<=/)\d\d"])
def test_a_pattern_tells_who_speaks(own_folder: OwnFolder, pattern: str) -> None:
    training_set = read_finetuning_set(own_folder(), speaker_pattern=pattern)
    assert training_set.clips.speakers == tuple(f"folder/0{number}" for number in range(1, 7))
    assert training_set.speakers_are_known


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(nobody)", "finds no speaker for .* (and 35 more); every clip needs one, or none"),
        ("(x", "is no regular expression"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused(own_folder: OwnFolder, pattern: str, sentence: str) -> None:
    with pytest.raises(CorpusError) as error:
        read_finetuning_set(own_folder(), speaker_pattern=pattern)
    first, _, last = sentence.partition(" .* ")
    assert first in str(error.value)
    assert last in str(error.value)


@pytest.mark.parametrize("beside", [True, False])
def test_a_table_tells_who_speaks(own_folder: OwnFolder, beside: bool) -> None:
    folder = own_folder()
    table = (folder if beside else folder.parent) / "who.csv"
    names = [path.relative_to(table.parent).as_posix() for path in sorted(folder.rglob("*.wav"))]
    table.write_text(
        "path,speaker\n" + "".join(f"{name},{'anna' if k % 2 else 'ben'}\n" for k, name in enumerate(names))
    )
    assert read_finetuning_set(folder, speakers=table).clips.speakers == ("folder/anna", "folder/ben")


def test_parts_of_one_recording_teach_what_their_clips_teach(toy: Path, joined: Path) -> None:
    parts, clips = read_finetuning_set(joined), read_finetuning_set(toy)
    assert parts.digests == clips.digests
    assert parts.clips.count("emotion") == clips.clips.count("emotion")
    assert [clip.speaker for clip in parts.clips] == [f"folder/{clip.speaker}" for clip in clips.clips]


def test_a_table_tells_who_speaks_when_in_one_recording(joined: Path, tmp_path: Path) -> None:
    labels, who = tmp_path / "mine.csv", tmp_path / "who.csv"
    rows = [line.split(";") for line in (joined / "parts.csv").read_text().splitlines()[1:]]
    shutil.copy(joined / "all.wav", tmp_path)
    labels.write_text("file,start,end,label\n" + "".join(",".join(row[:4]) + "\n" for row in rows))
    who.write_text(
        "source,start_s,end_s,Speaker\n" + "".join(f"all.wav,{a},{b},{name[-2:]}\n" for _, a, b, _, name in rows)
    )
    clips = read_finetuning_set(labels, speakers=who).clips
    assert [clip.speaker for clip in clips] == [f"folder/{row[4][-2:]}" for row in rows]
    who.write_text("source,speaker\nall.wav,anna\n")
    assert read_finetuning_set(labels, speakers=who).clips.speakers == ("folder/anna",)


def test_a_table_that_leaves_somebody_out_is_refused(own_folder: OwnFolder) -> None:
    folder = own_folder()
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.wav"))]
    table = folder / "who.csv"
    table.write_text("path,speaker\n" + "".join(f"{name},anna\n" for name in names[2:]))
    with pytest.raises(CorpusError, match=r"who.csv names no speaker for Bored stiff/.* \(and 1 more\)"):
        read_finetuning_set(folder, speakers=table)
    table.write_text("path,speaker\nnowhere.wav,anna\n")
    with pytest.raises(CorpusError, match=r"who.csv, line 2: there is no nowhere.wav"):
        read_finetuning_set(folder, speakers=table)


def test_speakers_told_twice_are_refused(own_folder: OwnFolder) -> None:
    with pytest.raises(CorpusError, match="given twice"):
        read_finetuning_set(own_folder(), speakers=Path("who.csv"), speaker_pattern="x")


def test_a_known_corpus_brings_labels_and_speakers_and_that_is_said(toy: Path) -> None:
    training_set = read_finetuning_set(toy)
    assert len(training_set.clips.speakers) == 6
    assert "was read as toy" in training_set.remarks[0]
    assert "--as folder" in training_set.remarks[0]


def test_what_cannot_be_learned_from_is_left_out_and_named(own_folder: OwnFolder) -> None:
    folder = own_folder()
    first, second = sorted((folder / "Happy").iterdir())[:2]
    shutil.copy(first, folder / "Happy" / "copy.wav")
    shutil.copy(second, folder / "Furious" / "contrary.wav")
    (folder / "Happy" / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(folder / "Happy" / "silent.wav", np.zeros(16_000), 16_000)
    shutil.copy(first, folder / "stray.wav")
    (folder / "Empty").mkdir()
    training_set = read_finetuning_set(folder)
    assert {reason: len(files) for reason, files in training_set.left_out.items()} == {
        "not a clip of any label": 1,
        "the same sound under several labels": 2,
        "cannot be read": 1,
        "silent": 1,
        "a copy of another clip": 1,
    }
    assert "broken.wav" in training_set.left_out["cannot be read"][0]
    assert training_set.remarks == (f"{folder / 'Empty'}: no sound in this folder, so it is no label",)
    assert training_set.clips.count("emotion") == {"happy": 11, "bored_stiff": 12, "furious": 12}


def test_two_folders_that_mean_one_label_are_refused(own_folder: OwnFolder) -> None:
    folder = own_folder({"angry": "Anger", "sad": "angry", "happy": "Happy"})
    with pytest.raises(CorpusError, match=r"the folders '(Anger|angry)' and '(Anger|angry)' both mean angry"):
        read_finetuning_set(folder)


def test_a_folder_whose_name_says_nothing_is_refused(own_folder: OwnFolder) -> None:
    with pytest.raises(CorpusError, match="this folder's name says nothing; a label is wanted as its name"):
        read_finetuning_set(own_folder({"angry": " _ ", "sad": "Sad"}))


def test_one_label_is_refused(own_folder: OwnFolder) -> None:
    with pytest.raises(CorpusError, match="only one label, furious; at least 2 are wanted"):
        read_finetuning_set(own_folder({"angry": "Furious"}))


def test_fewer_than_ten_clips_of_a_label_are_refused(own_folder: OwnFolder) -> None:
    folder = own_folder()
    clips = sorted((folder / "Furious").iterdir())
    for clip in clips[:2]:
        clip.unlink()
    clips[2].write_bytes(b"RIFF")
    with pytest.raises(CorpusError) as error:
        read_finetuning_set(folder)
    assert "furious: 9 clips (1 more cannot be used); at least 10 of each label are wanted" in str(error.value)
    assert clips[2].name in str(error.value)


def test_clips_of_which_only_some_have_a_speaker_are_refused(own_folder: OwnFolder) -> None:
    folder = own_folder()
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.wav"))]
    rows = [f"{name},{name.partition('/')[0]},{'anna' if k else ''}\n" for k, name in enumerate(names)]
    (folder / "all.csv").write_text("path,emotion,speaker\n" + "".join(rows))
    with pytest.raises(CorpusError, match="no speaker is known for Bored stiff/"):
        read_finetuning_set(folder)


DIGESTS = [f"{number:064x}"[::-1] for number in range(1, 5)]


def card(corpora: dict[str, dict[str, object]], *speakers: str) -> ModelCard:
    return ModelCard("base", "0", ("calm", "sad"), "sound", corpora=corpora, training_speakers=speakers)


def own(*names: str, corpus: str = "folder", speaker: str = "unknown") -> Clips:
    return Clips(Clip(corpus, Path("mine"), name, f"{corpus}/{speaker}", "sad") for name in names)


def test_what_was_not_heard_is_not_said() -> None:
    heard = find_known_recordings(own("a.wav", "b.wav"), DIGESTS[:2], card({"ravdess": {"clips": 9}}, "ravdess/01"))
    assert (heard.sentences, heard.is_certain) == ((), False)


def test_the_very_sounds_are_known_by_their_digests() -> None:
    listed = {"folder": {"sounds": sounds_of(DIGESTS[:3])}}
    heard = find_known_recordings(own("a.wav", "b.wav"), DIGESTS[2:], card(listed))
    assert heard.sentences == ("base was trained on 1 of these 2 very sounds",)
    assert heard.is_certain


def test_the_same_set_is_known_by_its_fingerprint() -> None:
    clips = own("a.wav", "b.wav")
    heard = find_known_recordings(clips, DIGESTS[:2], card({"folder": {"fingerprint": clips.fingerprint()}}))
    assert heard.sentences == ("base was trained on 2 of these 2 very sounds",)


def test_speakers_of_a_known_corpus_are_named() -> None:
    clips = Clips([*own("a.wav", corpus="emodb", speaker="03"), *own("b.wav", corpus="emodb", speaker="08")])
    heard = find_known_recordings(clips, DIGESTS[:2], card({"emodb": {}}, "emodb/03", "emodb/16"))
    assert heard.sentences == ("base was trained on emodb, with 1 of the 2 speakers of these clips (emodb/03)",)
    assert heard.is_certain


def test_other_speakers_of_the_same_corpus_are_mentioned_and_not_held_against_it() -> None:
    heard = find_known_recordings(
        own("a.wav", corpus="emodb", speaker="03"), DIGESTS[:1], card({"emodb": {}}, "emodb/16")
    )
    assert "other speakers of emodb" in heard.sentences[0]
    assert not heard.is_certain


def test_recordings_of_a_corpus_sorted_into_own_folders_are_noticed() -> None:
    clips = own("furious/03-01-05-01-01-01-07.wav", "polite/03-01-02-01-01-01-07.wav")
    heard = find_known_recordings(clips, DIGESTS[:2], card({"ravdess": {}}, "ravdess/07"))
    assert "ravdess, with 1 of the 1 speakers of these clips (ravdess/07)" in heard.sentences[0]
    assert heard.is_certain


def test_somebody_elses_own_folder_is_none_of_ours_unless_a_speaker_is_called_alike() -> None:
    base = card({"folder": {"clips": 40}}, "folder/anna")
    assert find_known_recordings(own("a.wav", speaker="ben"), DIGESTS[:1], base).sentences == ()
    assert "of the same name" in find_known_recordings(own("a.wav", speaker="anna"), DIGESTS[:1], base).sentences[0]


def test_whatever_a_card_lists_as_sounds_is_no_obstacle() -> None:
    for listed in (7, None, "not base64!", {"a": 1}, "ü"):
        assert find_known_recordings(own("a.wav"), DIGESTS[:1], card({"folder": {"sounds": listed}})).sentences == ()
