from __future__ import annotations

import ntpath
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname
from xml.etree import ElementTree

import pympi
import pytest

from hearfelt.results.formats import elan


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


@pytest.mark.parametrize(
    ("sound", "written", "relative"),
    [
        ("a.wav", "a.eaf", "./a.wav"),
        ("sounds/a.wav", "a.eaf", "./sounds/a.wav"),
        ("sounds/a.wav", "out/deep/a.eaf", "../../sounds/a.wav"),
        ("Größe 100% #1/a?.wav", "out/a.eaf", "../Gr%C3%B6%C3%9Fe%20100%25%20%231/a%3F.wav"),
        ("a:b.wav", "a.eaf", "./a%3Ab.wav"),
    ],
)
def test_the_sound_is_found_from_where_the_document_lies(
    mixed, tmp_path: Path, sound: str, written: str, relative: str
) -> None:
    place, document = tmp_path / sound, tmp_path / written
    for path in (place, document):
        path.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"")
    linked = read(elan([replace(mixed, source=str(place))], document), document)
    (media,) = linked.get_linked_files()
    assert media["RELATIVE_MEDIA_URL"] == relative
    assert urljoin(document.as_uri(), relative) == media["MEDIA_URL"]
    assert url2pathname(urlsplit(media["MEDIA_URL"]).path) == str(place)


def test_links_on_the_way_lead_to_the_same_sound(mixed, tmp_path: Path) -> None:
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "store").write_bytes(b"")
    (tmp_path / "far" / "a.wav").symlink_to("store")
    (tmp_path / "near").symlink_to("far/deep")
    linked = read(
        elan([replace(mixed, source=str(tmp_path / "far" / "a.wav"))], tmp_path / "near" / "a.eaf"),
        tmp_path / "near" / "a.eaf",
    )
    (media,) = linked.get_linked_files()
    assert (media["RELATIVE_MEDIA_URL"], media["MIME_TYPE"]) == ("../a.wav", "audio/x-wav")
    assert (tmp_path / "near" / media["RELATIVE_MEDIA_URL"]).samefile(tmp_path / "far" / "store")


def test_without_a_place_the_document_lies_in_the_working_folder(
    mixed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert 'RELATIVE_MEDIA_URL="../a.wav"' in elan([replace(mixed, source="../a.wav")])


def test_between_two_drives_only_the_whole_path_is_given(
    mixed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    monkeypatch.setattr("os.path.relpath", lambda *_: ntpath.relpath("D:/a.wav", "C:/b"))
    document = ElementTree.fromstring(elan([replace(mixed, source=str(tmp_path / "a.wav"))]))
    (media,) = document.iter("MEDIA_DESCRIPTOR")
    assert sorted(media.keys()) == ["MEDIA_URL", "MIME_TYPE"]


def test_labels_that_xml_cannot_hold_do_not_break_it(mixed) -> None:
    segment = mixed.segments[0]
    strange = replace(segment, prediction=replace(segment.prediction, emotion="a\x00b\ud800<c>"))
    document = ElementTree.fromstring(elan([replace(mixed, segments=(strange,))]))
    assert [value.text for value in document.iter("ANNOTATION_VALUE")] == ["a�b�<c>", "0.7000"]


def test_every_time_slot_is_used_once_and_every_id_is_its_own(sides) -> None:
    document = ElementTree.fromstring(elan(sides))
    slots = [slot.get("TIME_SLOT_ID") for slot in document.iter("TIME_SLOT")]
    used = [one.get(f"TIME_SLOT_REF{edge}") for one in document.iter("ALIGNABLE_ANNOTATION") for edge in (1, 2)]
    assert sorted(slots) == sorted(used)
    ids = [one.get("ANNOTATION_ID") for one in document.iter() if one.get("ANNOTATION_ID")]
    assert len(set(ids)) == len(ids) == 6
