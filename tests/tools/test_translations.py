"""The catalogues have every text of the code, whole, and their files are what the tool makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import translations
from hearfelt.reports.translation import ENGLISH, LANGUAGES, _, in_language, ngettext
from translations import Key

FOREIGN = [code for code in LANGUAGES if code != ENGLISH]


def _path(code: str) -> Path:
    return translations.CATALOGUES / f"{code}.po"


def _known(code: str) -> dict[Key, tuple[str, ...]]:
    return translations.read_catalogue(_path(code).read_text("utf-8"))


def test_every_catalogue_is_a_language_to_choose() -> None:
    assert sorted(path.stem for path in translations.CATALOGUES.glob("*.po")) == sorted(FOREIGN)


@pytest.mark.parametrize("code", FOREIGN)
def test_every_text_is_translated(code: str) -> None:
    known = _known(code)
    assert [entry.key for entry in translations.entries() if not all(known.get(entry.key, ("",)))] == []
    assert "fuzzy" not in _path(code).read_text("utf-8")


@pytest.mark.parametrize("code", FOREIGN)
def test_translations_have_the_values_of_the_text_and_no_markup(code: str) -> None:
    for key, texts in _known(code).items():
        assert len(texts) == len(key), key
        for text, translated in zip(key, texts, strict=True):
            assert translations.fields(translated) == translations.fields(text), text
            assert not set('<>"') & set(translated), text  # scripts put them into attributes


@pytest.mark.parametrize("code", FOREIGN)
def test_sentences_end_as_in_english(code: str) -> None:
    for key, texts in _known(code).items():
        for text, translated in zip(key, texts, strict=True):
            assert translated.endswith((".", "…")) == text.endswith((".", "…")), text
            assert translated == translated.strip(), text


@pytest.mark.parametrize("code", FOREIGN)
def test_the_files_are_what_the_tool_makes(code: str) -> None:
    known = _known(code)
    assert translations.catalogue_text(code, known) == _path(code).read_text("utf-8")
    assert translations.compiled(code, known) == _path(code).with_suffix(".mo").read_bytes()


def test_a_text_is_found_in_python_and_in_templates() -> None:
    where = {entry.key: entry.files for entry in translations.entries()}
    assert where["Start over",] == {"page/views/listen.py"}
    assert where["Limits",] == {"page/templates/report.html", "page/views/model.py"}
    assert where["{count} clip", "{count} clips"] == {"page/views/model.py"}


def test_a_catalogue_is_read_as_it_was_written() -> None:
    known = {("Start over",): ('a\\b\n"c"',), ("{count} clip", "{count} clips"): ("one", "many")}
    found = translations.read_catalogue(translations.catalogue_text("de", known))
    assert {key: texts for key, texts in found.items() if all(texts)} == known


def test_a_fuzzy_translation_is_left_out() -> None:
    text = 'msgid "a"\nmsgstr "b"\n\n#, fuzzy\nmsgid "c"\nmsgstr "d"\n'
    assert translations.read_catalogue(text) == {("a",): ("b",)}


def test_plural_forms_are_those_of_the_language() -> None:
    def shown(code: str, count: int) -> str:
        with in_language(code):
            return ngettext("{count} minute", "{count} minutes", count)

    assert (shown("de", 1), shown("de", 0)) == ("1 Minute", "0 Minuten")
    assert (shown("fr", 0), shown("fr", 2)) == ("0 minute", "2 minutes")


@pytest.mark.parametrize("code", FOREIGN)
def test_python_reads_the_compiled_file(code: str) -> None:
    with in_language(code):
        for key, texts in _known(code).items():
            if len(key) == 1:
                assert _(key[0]) == texts[0]
