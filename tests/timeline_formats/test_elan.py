from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pympi

from hearfelt.timeline_formats.elan import elan


def read(text: str, path: Path) -> pympi.Elan.Eaf:
    path.write_text(text, encoding="utf-8")
    return pympi.Elan.Eaf(str(path))


def test_each_side_is_a_tier_and_its_confidence_belongs_to_it(sides, tmp_path: Path) -> None:
    document = read(elan(sides), tmp_path / "a.eaf")
    assert sorted(document.get_tier_names()) == ["left", "left confidence", "right", "right confidence"]
    assert document.get_child_tiers_for("left") == ["left confidence"]
    found = document.get_ref_annotation_data_for_tier("left confidence")
    assert [(start_ms, end_ms, value) for start_ms, end_ms, value, *_ in found] == [
        (0, 4000, "0.6000"),
        (8000, 9250, "0.8000"),
    ]


def test_the_sound_is_linked_if_it_is_a_file(mixed, tmp_path: Path) -> None:
    (tmp_path / "my call.wav").write_bytes(b"")
    linked = read(elan([replace(mixed, source=str(tmp_path / "my call.wav"))]), tmp_path / "a.eaf")
    (media,) = linked.get_linked_files()
    assert media["MEDIA_URL"] == (tmp_path / "my call.wav").resolve().as_uri()
    assert media["MIME_TYPE"].startswith("audio/")
    assert not read(elan([replace(mixed, source="-")]), tmp_path / "b.eaf").get_linked_files()


def test_labels_that_xml_cannot_hold_do_not_break_it(mixed) -> None:
    moment = mixed.moments[0]
    strange = replace(moment, prediction=replace(moment.prediction, emotion="a\x00b\ud800<c>"))
    document = ElementTree.fromstring(elan([replace(mixed, moments=(strange,))]))
    assert [value.text for value in document.iter("ANNOTATION_VALUE")] == ["a�b�<c>", "0.7000"]


def test_every_time_slot_is_used_once_and_every_id_is_its_own(sides) -> None:
    document = ElementTree.fromstring(elan(sides))
    slots = [slot.get("TIME_SLOT_ID") for slot in document.iter("TIME_SLOT")]
    used = [one.get(f"TIME_SLOT_REF{edge}") for one in document.iter("ALIGNABLE_ANNOTATION") for edge in (1, 2)]
    assert sorted(slots) == sorted(used)
    ids = [one.get("ANNOTATION_ID") for one in document.iter() if one.get("ANNOTATION_ID")]
    assert len(set(ids)) == len(ids) == 6
