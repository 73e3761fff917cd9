from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import HearfeltError
from hearfelt.evaluation.references import Drawn, ReferenceOptions, draw_references, reference_sentence


def clips_of(*speakers: int, corpus: str = "mine") -> Clips:
    """So many clips of each speaker, of two emotions in turn."""
    return Clips(
        Clip(corpus, Path("nowhere"), f"{who}/{k}.wav", f"{corpus}/{who}", ("sad", "angry")[k % 2])
        for who, count in enumerate(speakers)
        for k in range(count)
    )


def drawn(clips: Clips, options: ReferenceOptions, seed: int = 0) -> list[Drawn]:
    return draw_references(clips, options, np.random.default_rng(seed))


@pytest.mark.parametrize("wanted", [1, 5, 30, 100])
@pytest.mark.parametrize("by", ["setting", "speaker"])
def test_every_clip_is_predicted_once_and_never_with_itself(wanted: int, by: str) -> None:
    clips = Clips([*clips_of(60, 7, 1), *clips_of(40, corpus="other")])
    parts = drawn(clips, ReferenceOptions(wanted, by))  # type: ignore[arg-type]
    assert sorted(index for one in parts for index in one.predicted) == list(range(len(clips)))
    for one in parts:
        assert not set(one.predicted) & set(one.reference)
        groups = {
            clips[index].corpus if by == "setting" else clips[index].speaker
            for index in (*one.predicted, *one.reference)
        }
        assert len(groups) == 1
        assert len(one.reference) == len(set(one.reference)) <= wanted


def test_halves_of_a_speaker_are_compared_with_each_other() -> None:
    first, second = drawn(clips_of(60), ReferenceOptions(30, "speaker"))
    assert set(first.predicted) == set(second.reference)
    assert set(second.predicted) == set(first.reference)
    assert (len(first.predicted), len(second.predicted)) == (30, 30)


@pytest.mark.parametrize(
    ("clips", "wanted", "in_reference", "parts"),
    [
        (60, 16, 16, 3),
        (40, 30, 30, 4),
        (31, 30, 30, 31),
        (20, 30, 19, 20),
        (2, 5, 1, 2),
        (1, 5, 0, 1),
        (4000, 30, 30, 20),
    ],
)
def test_a_group_has_as_many_parts_as_the_reference_needs(
    clips: int, wanted: int, in_reference: int, parts: int
) -> None:
    made = drawn(clips_of(clips), ReferenceOptions(wanted))
    assert len(made) == parts
    assert {len(one.reference) for one in made} == {in_reference}


def test_another_draw_is_another_reference() -> None:
    clips, options = clips_of(60), ReferenceOptions(10)
    assert drawn(clips, options) == drawn(clips, options)
    assert drawn(clips, options, seed=1) != drawn(clips, options)


def test_labels_matter_only_for_a_reference_of_one_emotion() -> None:
    clips = clips_of(60)
    turned = Clips(clips_of(60)[::-1][k] for k in range(60))
    assert drawn(clips, ReferenceOptions(10)) == drawn(turned, ReferenceOptions(10))
    for one in drawn(clips, ReferenceOptions(10, emotion="sad")):
        assert {clips[index].emotion for index in one.reference} == {"sad"}
        assert len(one.reference) == 10
    assert {one.reference for one in drawn(clips, ReferenceOptions(10, emotion="happy"))} == {()}


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(HearfeltError, match="0 clips in 3 draws; at least 1 of each"):
        ReferenceOptions(0)
    with pytest.raises(HearfeltError, match="5 clips in 0 draws"):
        ReferenceOptions(5, draws=0)


def test_how_references_were_drawn_is_said_in_words() -> None:
    assert reference_sentence(ReferenceOptions(1, "speaker", draws=1, emotion="sad").to_dict()) == (
        "each clip compared with 1 other of its speaker, all sad"
    )
