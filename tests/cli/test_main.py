from __future__ import annotations

import codecs
import errno
import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.cells import cell_len

from hearfelt import errors
from hearfelt.cli import main
from hearfelt.cli.main import EXIT_CODE_MEANINGS, app, run


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    command = command or typer.main.get_command(app)
    children = getattr(command, "commands", {})
    if path:
        yield path
    for name, child in children.items():
        yield from commands(child, (*path, name))


COMMANDS = list(commands())
WORK = [path for path in COMMANDS if path != ("corpora",)]


def test_every_command_of_the_first_release_is_there() -> None:
    assert {" ".join(path) for path in COMMANDS} >= {
        "recognize",
        "card",
        "demo",
        "corpora list",
        "corpora get",
        "corpora check",
        "clips",
        "explore",
        "features",
        "train",
        "tune",
        "evaluate",
        "protocols",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does(path: tuple[str, ...], here: Callable) -> None:
    code, out, err = here(*path, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: hearfelt {' '.join(path)}" in " ".join(out.split())


@pytest.mark.parametrize("path", WORK, ids=" ".join)
def test_help_teaches_by_example(path: tuple[str, ...], here: Callable) -> None:
    _, out, _ = here(*path, "--help")
    examples = out.partition("Examples")[2]
    assert f"hearfelt {' '.join(path)}" in examples


@pytest.mark.parametrize("path", WORK, ids=" ".join)
def test_an_example_fits_a_terminal_of_80_columns(path: tuple[str, ...]) -> None:
    command: Any = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    lines = re.sub(r"(?<!\\)\[/?[a-z]+\]", "", command.epilog).splitlines()
    assert max(len(line) for line in lines) <= 78


@pytest.mark.parametrize("columns", ["60", "80"])
def test_help_breaks_no_word_and_cuts_nothing_off(columns: str, hearfelt: Callable) -> None:
    for command in ((), ("timeline",), ("evaluate",), ("app",)):
        lines = hearfelt(*command, "--help", COLUMNS=columns).stdout.splitlines()
        assert max(cell_len(line) for line in lines) <= int(columns)
        words = " ".join(lines)
        assert "…" not in words
        for option in re.findall(r"`(--[a-z-]+)", _reference_of(" ".join(("hearfelt", *command)))):
            assert option in words, option


def _reference_of(command: str) -> str:
    text = Path(__file__).parents[2].joinpath("docs", "cli.md").read_text("utf-8")
    return text.partition(f"\n## {command}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("path", WORK, ids=" ".join)
def test_an_unknown_option_is_wrong_usage(path: tuple[str, ...], here: Callable) -> None:
    code, out, err = here(*path, "--no-such-option")
    assert (code, out) == (2, "")
    assert "--no-such-option" in err


@pytest.mark.parametrize("path", WORK, ids=" ".join)
def test_format_is_the_same_option_everywhere(path: tuple[str, ...]) -> None:
    command: Any = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    forms = [parameter for parameter in command.params if parameter.name == "format"]
    assert [(form.opts, form.default) for form in forms] in ([], [(["--format", "-f"], "table")])


def test_a_misspelled_command_is_met_with_the_right_one(here: Callable) -> None:
    code, out, err = here("recognise", "clip.wav")
    assert (code, out) == (2, "")
    assert "recognize" in err


def test_nothing_at_all_shows_the_help(here: Callable) -> None:
    _, out, err = here()
    assert "Examples" in out + err


def test_the_version_is_the_installed_one(here: Callable) -> None:
    assert here("--version") == (0, f"hearfelt {version('hearfelt')}\n", "")


def test_every_exit_code_has_a_meaning() -> None:
    codes = {getattr(errors, name).exit_code for name in errors.__all__ if name.endswith("Error")}
    assert codes | {0, 2, 130} == set(EXIT_CODE_MEANINGS)


def test_a_fault_is_one_sentence_and_debug_shows_where(here: Callable, tmp_path: Path) -> None:
    plain = here("card", tmp_path / "no.onnx")
    shown = here("card", tmp_path / "no.onnx", "--debug")
    assert plain[0] == shown[0] == 6
    assert re.fullmatch(r"hearfelt: .+\n", plain[2])
    assert "Traceback" in shown[2]
    assert shown[2].endswith(plain[2])


def test_debug_behind_two_dashes_is_a_file_name(here: Callable, model: Path) -> None:
    code, out, err = here("recognize", "--model", model, "--", "--debug")
    assert (code, out) == (3, "")
    assert err.startswith("hearfelt: --debug: ")


def test_a_folder_that_cannot_be_written_is_one_sentence(
    here: Callable, tmp_path: Path, clip: Path, model: Path
) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = here("recognize", clip, "--model", model, "--plot", tmp_path / "file" / "x.png")
    assert code == 1
    assert re.fullmatch(r"hearfelt: \S+file\S*: .+\n", err)


def test_what_is_piped_has_no_colours(hearfelt: Callable, clip: Path, model: Path) -> None:
    done = hearfelt("recognize", clip, "nothing.wav", "--model", model, TERM="xterm-256color")
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr.startswith("hearfelt: nothing.wav: ")
    assert "clip.wav" in done.stdout


def test_the_program_is_a_module_too(hearfelt: Callable, clip: Path, model: Path) -> None:
    done = hearfelt("recognize", clip, "--model", model, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["model"] == "tiny"


def test_the_shell_can_complete_commands(hearfelt: Callable) -> None:
    done = hearfelt(_HEARFELT_COMPLETE="complete_bash", COMP_WORDS="hearfelt recog", COMP_CWORD="1")
    assert done.stdout.split() == ["recognize"]


def test_a_short_command_does_without_the_converters_of_typer(hearfelt: Callable) -> None:
    # to import pydantic takes as long as to load the model
    done = hearfelt("recognize", "no.wav", "--model", "tiny", PYTHONPROFILEIMPORTTIME="1")
    assert "typer" in done.stderr
    assert "pydantic" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("train",), ("clips",), ("recognize", "x.wav", "--track", "first"), ("timeline",)]
)
def test_a_missing_or_wrong_value_is_wrong_usage(arguments: tuple[str, ...], here: Callable) -> None:
    code, out, err = here(*arguments)
    assert (code, out) == (2, "")
    assert "Usage" in err


@pytest.mark.parametrize(("number", "words"), [(errno.EACCES, "no permission"), (errno.ENOSPC, "the disk is full")])
def test_a_fault_of_the_disk_is_told_with_what_would_be_right(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "there/x.csv")

    monkeypatch.setattr("hearfelt.cli.main._program", lambda _: faulty)
    with pytest.raises(SystemExit) as stopped:
        run(["clips", "x"])
    assert stopped.value.code == 1
    assert capsys.readouterr().err.startswith(f"hearfelt: there/x.csv: {words}")


def test_debug_shows_where_the_fault_of_one_file_arose(here: Callable, model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound at all")
    quiet = here("recognize", tmp_path / "text.wav", "--model", model)
    shown = here("recognize", tmp_path / "text.wav", "--model", model, "--debug")
    assert quiet[0] == shown[0] == 3
    assert "Traceback" not in quiet[2]
    assert "Traceback" in shown[2]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_console_without_unicode_gets_plain_words_and_bars_of_the_same_width(
    hearfelt: Callable, clip: Path, model: Path, encoding: str
) -> None:
    command = ("recognize", clip, "nothing.wav", "--model", model, "--why")
    usual = hearfelt(*command, PYTHONIOENCODING="utf-8")
    plain = hearfelt(*command, PYTHONIOENCODING=f"{encoding}:strict")
    assert plain.returncode == usual.returncode == 3
    assert "#" in plain.stdout
    assert "\\u" not in (plain.stdout + plain.stderr).casefold()
    assert plain.stdout.isascii()
    assert [cell_len(line.rstrip()) for line in plain.stdout.splitlines() if "%" in line] == [
        cell_len(line.rstrip()) for line in usual.stdout.splitlines() if "%" in line
    ]


def test_every_sign_that_is_printed_has_a_plain_form() -> None:
    sources = Path(inspect.getfile(main)).parent.rglob("*.py")
    signs = {letter for source in sources for letter in source.read_text("utf-8") if not letter.isascii()}
    codecs.register_error("hearfelt", main._in_plain_characters)
    assert "█" in signs
    assert [sign for sign in signs if sign.encode("ascii", "hearfelt").startswith(b"\\")] == []


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("hearfelt recognize --model ti", "tiny"),
        ("hearfelt evaluate class", "classic"),
        ("hearfelt evaluate -p by-sp", "by-speaker"),
        ("hearfelt train svm -c cre", "cremad="),
        ("hearfelt recipes to", "toy"),
    ],
)
def test_the_shell_can_complete_names(hearfelt: Callable, words: str, completed: str) -> None:
    number = str(len(words.split()) - 1)
    done = hearfelt(_HEARFELT_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=number)
    assert done.stdout.split() == [completed]
