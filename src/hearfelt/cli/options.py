"""Options that several commands share, and the parsing of their values.

A command module imports only the standard library, typer and this module at its top; everything else
is imported inside the command, so that ``hearfelt --help`` is fast.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from hearfelt.errors import CorpusError

if TYPE_CHECKING:
    from hearfelt.runtime.execution import Executor

__all__ = [
    "MARKUP",
    "AsOption",
    "CorpusOption",
    "DropOption",
    "EncoderOption",
    "FolderArgument",
    "Format",
    "FormatOption",
    "JobsOption",
    "ModelOption",
    "OptionalRecipeArgument",
    "OutOption",
    "RawOption",
    "RayOption",
    "RecipeArgument",
    "ReferenceOption",
    "TableOrJson",
    "TableOrJsonOption",
    "TrackOption",
    "complete_corpus",
    "complete_model",
    "complete_protocol",
    "complete_recipe",
    "dim",
    "examples",
    "executor_on",
    "expanded",
    "meant_everywhere",
    "parse_corpora",
    "parse_names",
    "picture_path",
    "remark",
]

Format = Literal["table", "json", "csv"]
TableOrJson = Literal["table", "json"]


_PICTURES: Final = (".png", ".svg", ".pdf")
_OPEN: Final = r"\["  # a bracket that rich does not take for markup
_COLUMNS: Final = shutil.get_terminal_size().columns
_EXAMPLE_WIDTH: Final = min(80, _COLUMNS) - 4  # less the margins of the help
MARKUP: Final[Literal["rich"] | None] = "rich" if _COLUMNS >= 72 else None
"""How help is printed: in a narrower terminal the tables of rich would break words and cut names off."""


def expanded(path: Path | None) -> Path | None:
    """Expand a leading ``~/`` to the home folder; shells do not in ``--out=~/x``.

    Example:
        >>> expanded(Path("~/x")) == Path.home() / "x"
        True
    """
    from hearfelt.runtime.files import expand_home

    return path if path is None else Path(expand_home(str(path)))


def picture_path(path: Path | None) -> Path | None:
    """Check the path of a picture, before anything slow begins; for ``callback=`` of an option.

    Raises:
        typer.BadParameter: if the ending is not that of a picture.
    """
    if path is not None and path.suffix.casefold() not in _PICTURES:
        raise typer.BadParameter(f"{path}: pictures are written as {', '.join(_PICTURES)}")
    return expanded(path)


def complete_model(typed: str) -> list[str]:
    """Complete the name of a shipped model; where none begins so, the shell completes file names.

    Example:
        >>> complete_model("ti")
        ['tiny']
    """
    return _shipped("weights", ".onnx", typed)


def complete_recipe(typed: str) -> list[str]:
    """Complete the name of a shipped recipe.

    Example:
        >>> complete_recipe("cl")
        ['classic']
    """
    return _shipped("recipes", ".toml", typed)


def complete_protocol(typed: str) -> list[str]:
    """Complete the name of an evaluation protocol.

    Example:
        >>> complete_protocol("by-sp")
        ['by-speaker']
    """
    from hearfelt.evaluation.protocols import PROTOCOLS

    return [name for name in PROTOCOLS if name.startswith(typed)]


def complete_corpus(typed: str) -> list[str]:
    """Complete the name of a corpus.

    Example:
        >>> complete_corpus("cr")
        ['cremad']
    """
    from hearfelt.corpora.catalog import CORPORA

    return [name for name in CORPORA if name.startswith(typed)]


def _shipped(folder: str, suffix: str, typed: str) -> list[str]:
    # the folder is listed here: to import what loads the files takes longer than people wait for a completion
    names = (item.name for item in (resources.files("hearfelt") / folder).iterdir())
    return sorted(name.removesuffix(suffix) for name in names if name.startswith(typed) and name.endswith(suffix))


AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        autocompletion=complete_corpus,
        help="The corpus; folder:2 if the folders on the second level are the labels.",
        show_default="found by the file names",
    ),
]
_RECIPE: Final = typer.Argument(
    metavar="RECIPE",
    callback=expanded,
    autocompletion=complete_recipe,
    help="A shipped recipe such as classic, or a TOML file of your own.",
)
RecipeArgument = Annotated[Path, _RECIPE]
OptionalRecipeArgument = Annotated[Path | None, _RECIPE]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="PATH", callback=expanded, help="The folder of a corpus, or a table.")
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        "--encoder",
        metavar="FILE.safetensors",
        callback=expanded,
        help="Weights of Whisper base, for a recipe that uses its encoder; by default they are downloaded.",
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        "-f",
        metavar="table|json|csv",
        help="Output: a table for people, one JSON object a line, or CSV.",
    ),
]
TableOrJsonOption = Annotated[
    TableOrJson,
    typer.Option("--format", "-f", metavar="table|json", help="Output: a table for people, or one JSON object."),
]
CorpusOption = Annotated[
    list[str],
    typer.Option(
        "--corpus",
        "-c",
        metavar="NAME=PATH",
        autocompletion=lambda incomplete: [f"{name}=" for name in complete_corpus(incomplete)],
        help="A corpus and its folder, such as ravdess=~/ravdess, or folder:2=~/mine if the folders on the second"
        " level are the labels. May be given several times.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|FILE",
        autocompletion=complete_model,
        help="Name of a shipped model, or your own .onnx file.",
        show_default="the shipped default",
    ),
]
RawOption = Annotated[
    str | None,
    typer.Option(
        "--raw",
        metavar="ENCODING:HZ:CHANNELS",
        help="Read samples without a header, in this format, such as s16le:8000:1.",
    ),
]
TrackOption = Annotated[
    int | None,
    typer.Option(
        "--track",
        metavar="NUMBER",
        min=0,
        help="Audio track of a file that has several, counted from 0.",
        show_default="the file's default, or the first with sound",
    ),
]
ReferenceOption = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        metavar="FILE|FOLDER",
        callback=expanded,
        help="What is usual for this voice or room: a file of hearfelt reference, or a folder of recordings.",
        show_default="no",
    ),
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", metavar="auto|ADDRESS", help="Run on a Ray cluster.", show_default="no"),
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", metavar="PATH", callback=expanded, help="File or folder to write.")
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Number of processes.", show_default="one for each core"),
]
DropOption = Annotated[
    list[str],
    typer.Option(
        "--drop",
        metavar="EMOTION",
        help="Leave this emotion out. May be given several times, or as a list with commas.",
    ),
]


def dim(text: str) -> str:
    """Mark text in a help as less important.

    Example:
        >>> dim("[x]")
        '[dim]\\\\[x][/dim]'
    """
    return f"[dim]{text.replace('[', _OPEN)}[/dim]" if MARKUP else text


def examples(*lines: str) -> str:
    """Format the examples at the end of a command's help, for ``epilog=`` of ``app.command``.

    What would not fit the terminal, or 80 columns, is broken so that it can still be pasted into a shell.

    Args:
        *lines: commands as typed, one each, with an optional ``# comment``.

    Example:
        >>> print(examples("hearfelt card   # what the model is", "hearfelt card svm"))
        [bold]Examples[/bold]
        <BLANKLINE>
          hearfelt card       [dim]# what the model is[/dim]
          hearfelt card svm
    """
    pairs = [(command.strip(), remark.strip()) for command, _, remark in (line.partition("#") for line in lines)]
    column = max(len(command) for command, _ in pairs) + 3
    fits_one_line = all(column + 2 + len(remark) <= _EXAMPLE_WIDTH for _, remark in pairs)
    shown = []
    for command, remark in pairs:
        explained = dim(f"# {remark}") if remark else ""
        rows = [row.replace("[", _OPEN) if MARKUP else row for row in _broken(command)]
        if explained and fits_one_line:
            rows[0] += " " * (column - len(command)) + explained
        shown += rows if fits_one_line or not explained else [explained, *rows]
    heading = "[bold]Examples[/bold]\n\n" if MARKUP else "Examples:\n\n\b\n"  # \b keeps the lines that follow
    return heading + "\n".join(f"  {row}" for row in shown)


def _broken(command: str) -> list[str]:
    """Break a long command before options, with backslashes."""
    first, *options = re.split(r" (?=--?[a-z])", command)
    rows = [first]
    for option in options:
        if len(rows[-1]) + len(option) + 3 > _EXAMPLE_WIDTH:
            rows[-1] += " \\"
            rows.append(f"    {option}")
        else:
            rows[-1] += f" {option}"
    return rows


def parse_corpora(values: Iterable[str]) -> dict[str, Path]:
    """Parse ``--corpus``: the folder of each corpus.

    Args:
        values: each ``NAME=PATH``; ``~`` means the home folder.

    Returns:
        Path by name, in the order given.

    Raises:
        CorpusError: if a name or a path is missing, a name comes twice, or there is nothing at the path.

    Example:
        >>> parse_corpora(["folder=."])
        {'folder': PosixPath('.')}
    """
    from hearfelt.runtime.files import expand_home

    corpora: dict[str, Path] = {}
    for value in values:
        name, mark, place = (part.strip() for part in value.partition("="))
        if not (name and mark and place):
            raise CorpusError(f"--corpus {value}: write NAME=PATH, such as ravdess=~/ravdess")
        kind = name.partition(":")[0]  # folder:1 and folder:2 are one corpus, whose clips could not be told apart
        if before := next((given for given in corpora if given.partition(":")[0] == kind), None):
            raise CorpusError(f"--corpus {value}: {kind} was given before, as {corpora[before]}; give it once")
        path = Path(expand_home(place))
        if not path.exists():
            raise CorpusError(f"--corpus {value}: there is nothing at {path}; give the folder of the corpus")
        corpora[name] = path
    return corpora


def remark(sentence: str) -> None:
    """Print on standard error how an ambiguous input was understood."""
    typer.echo(sentence, err=True)


def parse_names(values: Iterable[str]) -> tuple[str, ...]:
    """Parse an option that may be given several times or hold a list with commas.

    Example:
        >>> parse_names(["neutral, calm", "sad"])
        ('neutral', 'calm', 'sad')
    """
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


@contextmanager
def executor_on(ray: str | None, at_once: int | None) -> Iterator[Executor | None]:
    """Connect to a Ray cluster and yield its executor; None without ``--ray``.

    Args:
        ray: what ``--ray`` was given.
        at_once: the most pieces at once; None for as many as the cluster has cores for.
    """
    if ray is None:
        yield None
        return
    from hearfelt.batch.ray_cluster import executor_on_ray

    with executor_on_ray(ray, at_once=at_once) as executor:
        yield executor


def meant_everywhere(paths: Mapping[str, Path]) -> dict[str, Path]:
    """Make paths absolute, because other machines don't have this working folder."""
    return {name: path.absolute() for name, path in paths.items()}
