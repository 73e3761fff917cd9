"""The program ``hearfelt``: its commands, exit codes and error messages."""

from __future__ import annotations

import atexit
import codecs
import copy
import errno
import gc
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, NoReturn, cast

import typer

from hearfelt.cli.commands import (
    batch,
    corpora,
    evaluate,
    explore,
    listen,
    models,
    recognize,
    reference,
    serve,
    teach,
    timeline,
    train,
)
from hearfelt.cli.options import MARKUP, dim, examples
from hearfelt.errors import HearfeltError

__all__ = ["EXIT_CODE_MEANINGS", "app", "run"]

EXIT_CODE_MEANINGS: Final[dict[int, str]] = {
    0: "done",
    1: "something else went wrong; the message says what",
    2: "wrong usage: an unknown command or option",
    3: "a sound cannot be read, is too short or silent",
    4: "a corpus, a table of recordings or a split that cannot be used",
    5: "a recipe with an unknown key or an impossible value",
    6: "a model file that is missing or damaged",
    7: "an optional package is missing; the message names the extra to install",
    8: "a download is incomplete; running the command again resumes it",
    130: "stopped with Ctrl-C",
}
_INTERRUPTED: Final = 130

# The commands in the order of the help, by heading.
_GROUPS: Final = {
    "Recognize": (recognize, timeline, listen, batch, reference, models),
    "In the browser, and over the network": (serve,),
    "Corpora": (corpora, explore),
    "Train and measure": (train, teach, evaluate),
}

_EPILOG: Final = (
    examples(
        "hearfelt demo                              # try it on bundled clips",
        "hearfelt recognize clip.wav other.mp3      # the emotion and its confidence",
        "hearfelt recognize folder/ --format json   # for another program",
        "hearfelt app                               # the page in the browser",
        "hearfelt corpora get ravdess ~/ravdess     # recordings for training",
        "hearfelt explore ~/ravdess                 # a page about them",
    )
    + "\n\n"
    + dim(
        "Exit codes: 0 done, 2 wrong usage, 130 stopped; docs/cli.md lists the others, docs/glossary.md explains the"
        " words. --debug may stand anywhere in a command."
    )
)

_SETTINGS: Final[dict[str, Any]] = {"help_option_names": ["--help", "-h"]}

app = typer.Typer(
    name="hearfelt",
    help="Speech emotion recognition with calibrated confidence and honest, speaker-independent evaluation.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"hearfelt {version('hearfelt')}")
        raise typer.Exit


@app.callback()
def _hearfelt(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    # Both options take effect before this: --version in its callback, --debug in run().
    pass


def _add_commands(into: typer.Typer) -> None:
    """Register all commands under the headings of the help."""
    for panel, modules in _GROUPS.items():
        commands, groups = len(into.registered_commands), len(into.registered_groups)
        for module in modules:
            module.add_to(into)
        for command in into.registered_commands[commands:]:
            command.rich_help_panel = panel
        for group in into.registered_groups[groups:]:
            group.rich_help_panel = panel
            group.short_help = group.typer_instance.info.help if group.typer_instance else None
            _join_help_lines(group.typer_instance)
    _join_help_lines(into)


def _join_help_lines(app: typer.Typer | None) -> None:
    """Make each paragraph of a command's help one line: the terminal wraps it, at whatever width it has."""
    for command in app.registered_commands if app is not None else ():
        paragraphs = inspect.cleandoc(command.callback.__doc__ or "").split("\n\n")
        paragraphs = [" ".join(paragraph.split()) for paragraph in paragraphs]
        command.help, command.short_help = "\n\n".join(paragraphs), paragraphs[0]


_add_commands(app)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command as the program ``hearfelt`` does, and end the process with its exit code.

    Args:
        arguments: the command line after ``hearfelt``; by default that of the process.

    Raises:
        SystemExit: always, with a code of :data:`EXIT_CODE_MEANINGS`.
    """
    debug, rest = _without_debug(sys.argv[1:] if arguments is None else arguments)
    # Collecting garbage takes a tenth of a short command: while modules are imported, and once more at the end.
    gc.set_threshold(20_000)
    atexit.register(gc.freeze)
    codecs.register_error("hearfelt", _in_plain_characters)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="hearfelt")  # an old terminal's encoding must not stop the program
    try:
        _program(rest)(args=rest, prog_name="hearfelt", obj=debug)
    except HearfeltError as error:
        _stop(str(error), error.exit_code, debug=debug)
    except OSError as error:
        _stop(_described(error), 1, debug=debug)
    except KeyboardInterrupt:
        _stop("stopped", _INTERRUPTED, debug=False)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _stop("stopped", _INTERRUPTED, debug=False)
        raise
    except Exception as error:
        kind = type(error).__name__
        _stop(f"a fault in hearfelt itself ({kind}: {error}); --debug shows where", 1, debug=debug)
    raise SystemExit(0)


def _program(arguments: Sequence[str]) -> Callable[..., object]:
    # Building all commands takes as long as loading a model; one that is named is built alone.
    chosen = copy.copy(app)
    chosen.registered_commands = [one for one in app.registered_commands if one.name in arguments[:1]]
    chosen.registered_groups = [one for one in app.registered_groups if one.name in arguments[:1]]
    command = typer.main.get_command(chosen if chosen.registered_commands or chosen.registered_groups else app)
    _convert_what_is_given(command)
    return command


def _convert_what_is_given(command: Any) -> None:
    """Leave the values of a command's parameters as they are where nothing has to be converted.

    Typer converts every value with pydantic, also that of an option that is not given: to import it and to build the
    converters takes a sixth of a short command.
    """
    for parameter in command.get_params(typer.Context(command, **_SETTINGS)):
        parameter.process_value = partial(_processed, parameter, parameter.process_value)
    for one in getattr(command, "commands", {}).values():
        _convert_what_is_given(one)


def _processed(parameter: Any, convert: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    annotation = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    is_text = annotation in (str, list[str]) and value is not None
    is_missing = parameter.required and not value
    if is_missing or not (value is None or value is parameter.default or is_text):
        return convert(context, value)
    return value if parameter.callback is None else parameter.callback(context, parameter, value)


# What the output has beyond ASCII, for consoles and files in other encodings than UTF-8. Bars and tables keep their
# width: an emoji takes two cells.
_PLAIN: Final = {
    **dict.fromkeys("▌▋▊▉█", "#"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("▏▎▍", " "),
    **dict(zip("▁▂▃▄▅▆▇", ".:-=+*%", strict=True)),
    **dict.fromkeys("─━", "-"),
    **{
        "…": "...",
        "–": "-",
        "—": "-",
        "−": "-",
        "×": "x",
        "·": "-",
        "✓": "+",
        "✔": "+",
        "✗": "x",
        "✘": "x",
        "▒": ":",
        "�": "?",
        "→": "->",
        "≥": ">=",
    },
    **{"“": '"', "”": '"', "’": "'", "‘": "'", "•": "*", "±": "+/-"},
}


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: signs by ASCII, emoji by two spaces, letters by their escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    replaced = (_PLAIN.get(letter) or ("  " if ord(letter) >= 0x1F000 else ascii(letter)[1:-1]) for letter in missing)
    return "".join(replaced), error.end


def _without_debug(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    # "--debug" may stand anywhere before "--", also behind the command, where people add it.
    rest = list(arguments)
    before = rest[: rest.index("--")] if "--" in rest else rest
    kept = [argument for argument in before if argument != "--debug"]
    return len(kept) < len(before), kept + rest[len(before) :]


_REMEDIES: Final = {
    errno.EACCES: "no permission; choose another place, or change its permissions",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOSPC: "the disk is full; make room, or choose another place",
}


def _described(error: OSError) -> str:
    reason = _REMEDIES.get(error.errno or 0) or (error.strerror or str(error) or type(error).__name__).lower()
    return reason if error.filename is None else f"{os.fsdecode(cast(str, error.filename))}: {reason}"


def _stop(sentence: str, code: int, *, debug: bool) -> NoReturn:
    if code == _INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends the program at once and quietly
    if debug:
        traceback.print_exc()
    print(f"hearfelt: {sentence}", file=sys.stderr)
    raise SystemExit(code)
