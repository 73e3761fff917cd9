"""``hearfelt reference``: describe what is usual for a voice or a room, from recordings without labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.options import ModelOption, TableOrJsonOption, examples, expanded

if TYPE_CHECKING:
    from hearfelt.inference.reference import Reference

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command ``reference``."""
    app.command(
        "reference",
        epilog=examples(
            "hearfelt reference my-voice/ --out me.json",
            "hearfelt recognize clip.wav --reference me.json",
            "hearfelt recognize calls/ --reference calls/     # the calls themselves",
        ),
    )(_reference)


def _reference(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Recordings of one voice or one room, or folders of them.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.json", callback=expanded, help="File to write.")],
    model: ModelOption = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Describe what is usual for a voice, a room or a microphone, from recordings without labels.

    Given such a reference, a model compares a sound with what is usual there, and is right more often. 10 to 30
    recordings of a few seconds, in different moods, are good; a longer recording counts once for every 12 seconds.
    Recordings that all sound alike are worth little, since the model cannot tell their mood from the voice.

    The file has a few kB and fits the model that made it. It contains no sound and no words, but describes a voice: a
    reference of one person is personal data. Delete the file, and it is gone.
    """
    from hearfelt.cli.inputs import reference_from
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.results.writer import refuse_overwriting

    refuse_overwriting(out, paths)
    refuse_overwriting(out, [model] if model else [], what="model")
    if out.suffix.casefold() != ".json":
        raise typer.BadParameter(f"{out}: a name that ends in .json is wanted", param_hint="--out")
    recognizer = Recognizer.load(model)
    reference, errors = reference_from(recognizer, paths)
    reference.save(out)
    weight = reference.weight(recognizer.card.reference)
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json(_facts(reference, out, weight))
    else:
        _print(reference, out, weight)
    if errors:
        raise typer.Exit(errors[0].exit_code)


def _facts(reference: Reference, out: Path, weight: float) -> dict[str, object]:
    return {
        "file": str(out),
        "model": reference.model,
        "model_hash": reference.model_hash,
        "recordings": reference.count,
        "weight": round(weight, 3),
        "probabilities": dict(reference.probabilities),
        "warnings": [warning.to_dict() for warning in reference.warnings],
    }


def _print(reference: Reference, out: Path, weight: float) -> None:
    from hearfelt.inference.prediction import percent_words

    recordings = "1 recording" if reference.count == 1 else f"{reference.count} recordings"
    typer.echo(f"{out}: {recordings}, for the model {reference.model}; it counts {weight:.0%}")
    ranked = sorted(reference.probabilities.items(), key=lambda pair: -pair[1])
    typer.echo(
        "on average without it: "
        + ", ".join(f"{label} {percent_words(share)}" for label, share in ranked if share >= 0.005)
    )
    for warning in reference.warnings:
        typer.echo(f"warning: {warning.text}")
