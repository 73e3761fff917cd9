"""Write docs/cli.md from the command line program: commands, options, examples and exit codes.

python tools/make_cli_page.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from hearfelt.cli.main import EXIT_CODE_MEANINGS, app
from hearfelt.runtime.files import atomic_write

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
# Typer adds these, with texts that differ between releases.
NOT_OURS = {"--help", "--install-completion", "--show-completion"}

NOT_RUN = "<!-- not run: files are examples -->"

INTRODUCTION = """\
# The command line

`make docs` generates this page; `hearfelt COMMAND --help` shows the same. The [glossary](glossary.md)
explains the terms.

Every command has `--help` and, anywhere after `hearfelt`, `--debug`, which shows the traceback of an error. Results go
to standard output, everything else to standard error; colours and progress bars appear only in a terminal.
`hearfelt --install-completion` sets up completion of commands and options in your shell.

## Exit codes

| code | meaning |
|---:|---|
"""


def cli_page() -> str:
    """The text of the page."""
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in sorted(EXIT_CODE_MEANINGS.items()))
    program = typer.main.get_command(app)
    return INTRODUCTION + codes + "".join(_sections(program, "hearfelt"))


def _sections(command: Any, path: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    yield f"\n## {path}\n\n{_prose(command.help)}\n"
    if not children:
        arguments = [_name(one) for one in command.params if one.param_type_name == "argument"]
        yield f"\n```text\n{' '.join([path, '[OPTIONS]', *arguments])}\n```\n"
    rows = [_row(one) for one in command.params if not NOT_OURS & set(one.opts)]
    if rows:
        yield "\n| | |\n|---|---|\n" + "".join(rows)
    if command.epilog:
        yield "".join(
            f"\n<!-- not run: files are examples -->\n```sh\n{block}\n```\n" for block in _examples(command.epilog)
        )
    for name, child in (children or {}).items():
        yield from _sections(child, f"{path} {name}")


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = str(parameter.metavar or parameter.name.upper())
        shown = name if parameter.required else f"[{name}]"
        return shown if parameter.nargs == 1 else f"{shown}..."
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return f"{names} {parameter.metavar}" if parameter.metavar else names


def _row(parameter: Any) -> str:
    name = _name(parameter).replace("|", r"\|")
    words = _plain(parameter.help or "").replace("|", r"\|")
    default = parameter.default
    if isinstance(parameter.show_default, str):
        words += f" Default: {parameter.show_default}."
    elif parameter.required:
        words += " Required."
    elif default not in (None, False, (), []) and not callable(default) and parameter.show_default:
        words += f" Default: `{default}`."
    return f"| `{name}` | {words} |\n"


def _prose(text: str | None) -> str:
    return _plain(inspect.cleandoc(text or "").partition("\f")[0])


def _examples(epilog: str) -> list[str]:
    lines = _plain(epilog).partition("Examples\n\n")[2].partition("\n\n")[0]
    return ["\n".join(line.removeprefix("  ") for line in lines.splitlines())] if lines else []


def _plain(text: str) -> str:
    """Remove rich markup."""
    return re.sub(r"(?<!\\)\[/?[a-z ]*\]", "", text).replace(r"\[", "[")


if __name__ == "__main__":
    with atomic_write(PAGE) as file:
        file.write(cli_page())
    print(f"wrote {PAGE}")
