from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.cli.main import run


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        run(["serve", *arguments])
    return int(str(ended.value.code)), capsys.readouterr().err


def test_a_file_of_keys_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = failed(capsys, "--keys", str(tmp_path / "keys.txt"))
    assert code == 1
    assert "keys.txt: cannot read keys" in said


def test_a_model_that_is_not_there_is_named_before_anything_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = failed(capsys, "--port", "0", "--model", "nobody")
    assert code == 6
    assert "nobody" in said


def test_to_be_open_to_others_without_keys_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = failed(capsys, "--host", "0.0.0.0", "--port", "0", "--model", "nobody")
    assert "0.0.0.0 can be reached by others" in said
    assert "--keys FILE" in said


@pytest.mark.parametrize(("keys", "words"), [("short", "a key of 5 characters"), (" , ", "no key in it")])
def test_keys_of_the_environment_are_checked_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, keys: str, words: str
) -> None:
    monkeypatch.setenv("HEARFELT_API_KEYS", keys)
    code, said = failed(capsys, "--model", "tiny")
    assert code == 1
    assert f"HEARFELT_API_KEYS: {words}" in said


def test_an_address_that_is_none_of_this_computer_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = failed(capsys, "--host", "192.0.2.1", "--model", "tiny")
    assert code == 1
    assert "cannot listen there" in said


@pytest.mark.parametrize("wrong", [("--workers", "0"), ("--port", "70000"), ("--body-mb", "0"), ("--rate", "-1")])
def test_impossible_limits_are_wrong_usage(capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]) -> None:
    code, said = failed(capsys, *wrong)
    assert code == 2
    assert wrong[0] in said
