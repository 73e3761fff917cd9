from __future__ import annotations

from pathlib import Path

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.finetuning.known_recordings import find_known_recordings, sounds_of
from hearfelt.inference.card import ModelCard

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
