"""``hearfelt train``, ``tune`` and ``recipes``: a model from recordings, better settings, and what ships."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli.display.progress import progress
from hearfelt.cli.options import (
    CorpusOption,
    DropOption,
    EncoderOption,
    JobsOption,
    OutOption,
    RayOption,
    RecipeArgument,
    complete_recipe,
    examples,
    executor_on,
    expanded,
    parse_corpora,
    parse_names,
    remark,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hearfelt.training.loop import EpochRow
    from hearfelt.training.train import TrainingResult
    from hearfelt.training.trainer import TrainedModel

__all__ = ["add_to"]

_NoiseOption = Annotated[
    Path | None,
    typer.Option(
        "--noise",
        metavar="FOLDER",
        callback=expanded,
        help="Recordings in which nobody speaks, for a model that takes sound; noise made by code is always used.",
    ),
]
_SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same weights.")]
_WithoutSpeakersOption = Annotated[
    list[str],
    typer.Option(
        "--without-speakers",
        metavar="SPEAKER",
        help="Leave this speaker out of training, such as ravdess/06. A list with commas is fine.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands ``train``, ``tune`` and ``recipes``."""
    app.command(
        "train",
        epilog=examples(
            "hearfelt train classic -c ravdess=~/ravdess -o runs/classic",
            "hearfelt train svm -c folder=~/mine -o runs/mine",
            "hearfelt train svm -c ravdess=~/ravdess -o runs/7 --drop calm",
        ),
    )(_train)
    app.command(
        "tune",
        epilog=examples(
            "hearfelt tune svm -c ravdess=~/ravdess -o better.toml",
            "hearfelt tune classic -c ravdess=~/ravdess -o better.toml --ray auto",
        ),
    )(_tune)
    app.command(
        "recipes",
        epilog=examples(
            "hearfelt recipes                        # the shipped recipes",
            "hearfelt recipes classic > mine.toml    # one of them, to be changed",
        ),
    )(_recipes)


def _train(
    recipe: RecipeArgument,
    corpus: CorpusOption,
    out: OutOption,
    drop: DropOption = [],  # noqa: B006 - typer reads it and hands out a new list
    without_speakers: _WithoutSpeakersOption = [],  # noqa: B006
    seed: _SeedOption = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a training that was stopped.")] = False,
    jobs: JobsOption = None,
    track: Annotated[
        str | None, typer.Option("--track", metavar="tensorboard|mlflow", help="Also log each epoch to this tracker.")
    ] = None,
    encoder: EncoderOption = None,
    noise: _NoiseOption = None,
) -> None:
    """Train a model on recordings and write it as one file.

    Some speakers are held out: the best epoch, the temperature and the threshold for "unsure" are chosen on them. This
    is no test; hearfelt evaluate measures on unseen speakers. --resume continues a training that was stopped, and gives
    exactly the same model.
    """
    _need_torch()
    from hearfelt.corpora.catalog import read_corpora
    from hearfelt.training.clip_statistics import EncoderFiles
    from hearfelt.training.recipe import read_recipe
    from hearfelt.training.train import TrainingOptions, train

    chosen = read_recipe(recipe)
    clips = read_corpora(parse_corpora(corpus), remark=remark)
    options = TrainingOptions(
        seed=seed,
        drop=parse_names(drop),
        without_speakers=parse_names(without_speakers),
        resume=resume,
        jobs=jobs,
        tracker=track,
        encoder_files=EncoderFiles(encoder),
        noise=noise,
    )
    _report(train(chosen, clips, out, options, on_epoch=_live(chosen.fit.epochs), progress=progress))


def _tune(
    recipe: RecipeArgument,
    corpus: CorpusOption,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.toml", callback=expanded, help="The better recipe to write.")
    ],
    trials: Annotated[int, typer.Option("--trials", min=1, help="How many settings to try.")] = 20,
    drop: DropOption = [],  # noqa: B006
    without_speakers: _WithoutSpeakersOption = [],  # noqa: B006
    seed: _SeedOption = 0,
    jobs: JobsOption = None,
    ray: RayOption = None,
) -> None:
    """Search better settings for a recipe, chosen on validation speakers alone.

    The study is kept beside the new recipe, so that the same command continues it. Name the speakers that you will test
    on in --without-speakers: settings that were chosen on them cannot be tested on them. With --ray the trials are
    tasks of a cluster, a few at a time, with the same results as without.
    """
    _need_torch()
    from hearfelt.corpora.catalog import read_corpora
    from hearfelt.training.recipe import read_recipe
    from hearfelt.training.train import TrainingOptions
    from hearfelt.training.tuning import tune

    chosen = read_recipe(recipe)
    clips = read_corpora(parse_corpora(corpus), remark=remark)
    options = TrainingOptions(
        seed=seed,
        drop=parse_names(drop),
        without_speakers=parse_names(without_speakers),
        jobs=jobs if ray is None else None,
    )
    how: dict[str, Any] = {"trials": trials, "progress": progress}
    with executor_on(ray, jobs) as executor:
        how |= {} if executor is None else {"executor": executor}
        tuned = tune(chosen, clips, out, options, **how)
    print(f"{out}")
    print(f"validation UAR {tuned.best:.1%}, the best of {tuned.trials} trials ({tuned.start:.1%} as given)")
    print(f"Train it:  hearfelt train {out} {' '.join(f'--corpus {one}' for one in corpus)} --out runs/{out.stem}")


def _recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", autocompletion=complete_recipe, help="Print this recipe as TOML.")
    ] = None,
) -> None:
    """List the recipes that ship with hearfelt, or print one of them.

    A recipe is a TOML file with all settings of a training; docs/recipes.md describes every key.
    """
    from hearfelt.cli.display.output import print_rows
    from hearfelt.training.recipe import read_recipe, recipe_path, shipped_recipes

    if name is not None:
        read_recipe(name)
        typer.echo(recipe_path(name).read_text("utf-8"), nl=False)
        return
    recipes = [read_recipe(one) for one in shipped_recipes()]
    print_rows(({"recipe": one.name, "trains": one.description} for one in recipes), "table")


def _need_torch() -> None:
    from hearfelt.errors import require

    require("torch", "train")


def _live(epochs: int) -> Callable[[EpochRow], None]:
    """Print each epoch at a terminal."""
    best = [0.0]

    def show(row: EpochRow) -> None:
        best[0] = max(best[0], row.validation_uar)
        if sys.stderr.isatty():
            print(
                f"epoch {row.epoch:3} of {epochs}  loss {row.train_loss:.3f}  validation loss {row.validation_loss:.3f}"
                f" UAR {row.validation_uar:.1%}  best {best[0]:.1%}  {row.seconds:.1f} s",
                file=sys.stderr,
            )

    return show


def _report(result: TrainingResult) -> None:
    """Print the result of a training, and how to use it."""
    from hearfelt.cli.display.output import console
    from hearfelt.reports.formatting import many

    model = result.model
    for reason, count in result.selection.left_out.items():
        print(f"left out: {count:,} clips {reason}", file=sys.stderr)
    others = ", ".join(result.validation_speakers[:4]) + (", …" if len(result.validation_speakers) > 4 else "")
    epoch = "" if model.epoch is None else f"  epoch {model.epoch}"
    out = console()
    out.print(f"[bold]{model.path}[/bold]{epoch}", soft_wrap=True)
    trained = f"{many(result.train_clips, 'clip')} of {many(len(result.train_speakers), 'speaker')}"
    out.print(f"trained on {trained}")
    out.print(f"validation {others}: UAR {model.validation['uar']:.1%}", soft_wrap=True)
    out.print(
        "[dim]That UAR is too high: settings were chosen on it. hearfelt evaluate measures on unseen speakers.[/dim]"
    )
    if curves := _draw_curves(model):
        out.print(f"curves     {curves}", soft_wrap=True)
    out.print(f"Try it:    hearfelt recognize clip.wav --model {model.path}", soft_wrap=True)


def _draw_curves(model: TrainedModel) -> Path | None:
    """Draw the learning curves beside the model, where there are any and matplotlib is installed."""
    from hearfelt.errors import ExtraMissingError, require
    from hearfelt.training.loop import read_curves

    rows = read_curves(model.folder)
    try:
        require("matplotlib", "plots")
    except ExtraMissingError:
        return None
    if not rows:
        return None
    from hearfelt.reports.figures.canvas import save_figure
    from hearfelt.reports.figures.results import learning_curves

    save_figure(learning_curves(rows, chosen=model.epoch), model.folder / "curves.png")
    return model.folder / "curves.png"
