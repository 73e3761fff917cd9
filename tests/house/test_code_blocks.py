"""Of the code blocks of the docs that are not run, commands, options and syntax are right.

Those that are, `tests/journey/test_code_blocks.py` runs.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from code_blocks import BLOCKS, ROOT, Block
from hearfelt.cli.main import app

RUN = [block for block in BLOCKS if block.kind == "run"]
NOT_RUN = [block for block in BLOCKS if block.kind == "not run"]


def test_every_block_has_a_known_language_and_every_fence_is_found() -> None:
    assert [block.name for block in RUN if block.language not in ("sh", "python")] == []
    for page in {block.page for block in BLOCKS}:
        fences = re.findall(r"^\s*```", page.read_text("utf-8"), re.MULTILINE)
        assert len(fences) == 2 * sum(block.page == page for block in BLOCKS), page


def test_the_readme_has_blocks_to_run() -> None:
    assert {block.language for block in RUN if block.page == ROOT / "README.md"} == {"sh", "python"}


def test_blocks_that_another_test_runs_are_read_by_it() -> None:
    for block in BLOCKS:
        if block.kind == "run by another test":
            test = ROOT / block.mark.removeprefix("run by ")
            assert f'"{block.page.name}"' in test.read_text("utf-8"), block.name


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.name)
def test_a_block_that_is_not_run_could_be(block: Block) -> None:
    if block.language == "python":
        compile(block.code, block.name, "exec")
        return
    assert block.language == "sh"
    done = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True)
    assert done.stderr == ""
    for words in commands_of(block.code):
        assert fault_of(words) == ""


def test_json_blocks_are_json() -> None:
    for block in BLOCKS:
        if block.language == "json":
            assert isinstance(json.loads(block.code), dict)


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("hearfelt batch s3://calls/ --out x.csv --ray auto  # here", ""),
        ("hearfelt clips x | hearfelt batch - --out y.csv", ""),
        ("hearfelt batch x --outt y.csv", "No such option: --outt"),
        ("hearfelt batch x", "missing: ['out']"),
        ("hearfelt recognise x", "no command recognise"),
        ("make demos", "no target demos"),
        ('pip install "hearfelt[plots,picture]"', "no extra picture"),
        ("python tools/nothing.py", "no file tools/nothing.py"),
    ],
)
def test_wrong_commands_are_found(command: str, fault: str) -> None:
    assert next(filter(None, map(fault_of, commands_of(command))), "").startswith(fault or "")
    assert any(map(fault_of, commands_of(command))) is bool(fault)


def commands_of(code: str) -> Iterator[list[str]]:
    """Split shell code into simple commands, without their redirections."""
    lexer = shlex.shlex(code.replace("\\\n", " ").replace("\n", "\n;"), posix=True, punctuation_chars=True)
    lexer.wordchars += "=…[]:@{}$,"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;()"):
            if words:
                yield words
            words = []
        else:
            words.append(word)


def fault_of(words: list[str]) -> str:
    """Say what is wrong with a command of ours, or nothing."""
    words = [word for word in words if not re.fullmatch(r"\w+=.*", word) or words[0] == "hearfelt"]
    words = words[: words.index(">")] if ">" in words else words
    if words[:1] == ["make"]:
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        return next((f"no target {word}" for word in words[1:] if "=" not in word and word not in targets), "")
    if words[:2] == ["pip", "install"]:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        named = [extra for word in words for found in re.findall(r"\[(.+)\]", word) for extra in found.split(",")]
        return next((f"no extra {extra}" for extra in named if extra not in extras), "")
    if words[:1] == ["python"] and words[1].endswith(".py"):
        return "" if (ROOT / words[1]).exists() else f"no file {words[1]}"
    return fault_of_hearfelt(words[1:]) if words[:1] == ["hearfelt"] else ""


@functools.cache
def program() -> Any:
    return typer.main.get_command(app)


def fault_of_hearfelt(words: list[str]) -> str:
    """Read the options of a command as the program does, without running it."""
    command = program()
    while hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    try:
        context = command.context_class(command, info_name="hearfelt")
        given, rest, _ = command.make_parser(context).parse_args(list(words))
    except Exception as error:  # of click, or of the copy that typer has
        return str(getattr(error, "message", error))
    missing = [one.name for one in command.params if one.required and not given.get(one.name)]
    return f"too many arguments: {rest}" if rest else f"missing: {missing}" if missing else ""
