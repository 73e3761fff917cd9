"""Evaluation: ``hearfelt evaluate`` and ``hearfelt protocols``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hearfelt.cli.display.progress import progress
from hearfelt.cli.options import (
    CorpusOption,
    DropOption,
    EncoderOption,
    FormatOption,
    JobsOption,
    OptionalRecipeArgument,
    OutOption,
    RayOption,
    TableOrJsonOption,
    complete_model,
    complete_protocol,
    examples,
    executor_on,
    expanded,
    meant_everywhere,
    parse_corpora,
    parse_names,
    remark,
)

if TYPE_CHECKING:
    from hearfelt.evaluation.references import SingleEmotions
    from hearfelt.evaluation.results import Results
    from hearfelt.evaluation.segment_results import SegmentResults

__all__ = ["add_to"]

_Where = tuple[str | None, int | None]  # a Ray cluster, and the most tasks at once
_Split = tuple[tuple[str, ...], int | None]  # emotions to drop, and how many folds
_Reference = tuple[int, Literal["setting", "speaker"], int, str | None]  # values of ReferenceOptions
_EACH = "each"  # every emotion in turn


def add_to(app: typer.Typer) -> None:
    """Add the commands ``evaluate`` and ``protocols``."""
    app.command(
        "evaluate",
        epilog=examples(
            "hearfelt evaluate svm -p emobox-ravdess -c ravdess=~/ravdess -o results/emobox-ravdess/svm",
            "hearfelt evaluate classic -p by-speaker --folds 10 --seeds 3 -c emodb=~/emodb -o runs/mine",
            "hearfelt evaluate svm -p by-speaker -c ravdess=~/ravdess -o runs/svm --ray auto",
            "hearfelt evaluate --model classic -p by-speaker -c folder=~/mine -o runs/mine   # no training",
            "hearfelt evaluate --model hearfelt -p by-speaker -c folder=~/mine -o runs/mine-30 --reference-clips 30",
        ),
    )(_evaluate)
    app.command(
        "protocols", epilog=examples("hearfelt protocols", "hearfelt protocols --format json   # with descriptions")
    )(_protocols)


_ProtocolOption = Annotated[
    str,
    typer.Option(
        "--protocol",
        "-p",
        metavar="NAME",
        autocompletion=complete_protocol,
        help="Evaluation protocol; hearfelt protocols lists them.",
    ),
]
_ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|FILE",
        autocompletion=complete_model,
        help="A finished model to evaluate instead of a recipe.",
    ),
]
_SeedsOption = Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds to train with, counted from 0.")]
_FoldsOption = Annotated[int | None, typer.Option("--folds", min=2, help="Number of folds for by-speaker.")]
_ReferenceClipsOption = Annotated[
    int, typer.Option("--reference-clips", min=0, metavar="K", help="Compare each clip with K others; 0 for none.")
]
_ReferenceByOption = Annotated[
    Literal["setting", "speaker"],
    typer.Option("--reference-by", help="Take these from the same corpus, or of the same speaker."),
]
_ReferenceDrawsOption = Annotated[int, typer.Option("--reference-draws", min=1, help="How often they are drawn anew.")]
_ReferenceEmotionOption = Annotated[
    str | None,
    typer.Option(
        "--reference-emotion",
        metavar="EMOTION|each",
        help="Take only clips of one emotion, to measure what such a reference costs.",
    ),
]
_TrainedOption = Annotated[
    Path | None,
    typer.Option(
        "--trained", metavar="FOLDER", help="--out of an earlier call, whose models are used.", callback=expanded
    ),
]


def _evaluate(
    recipe: OptionalRecipeArgument = None,
    *,
    protocol: _ProtocolOption,
    corpus: CorpusOption,
    out: OutOption,
    model: _ModelOption = None,
    seeds: _SeedsOption = 1,
    drop: DropOption = [],  # noqa: B006  # typer reads it and never changes it
    folds: _FoldsOption = None,
    jobs: JobsOption = None,
    encoder: EncoderOption = None,
    ray: RayOption = None,
    reference_clips: _ReferenceClipsOption = 0,
    reference_by: _ReferenceByOption = "setting",
    reference_draws: _ReferenceDrawsOption = 3,
    reference_emotion: _ReferenceEmotionOption = None,
    trained: _TrainedOption = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Evaluate a recipe, or a finished model, on clips that were not used for training.

    A recipe is trained for every fold and seed, in parallel, and the exported files predict the test clips; an
    interrupted run continues when the command is repeated. A finished model is evaluated as it is. Give a recipe or
    --model, exactly one. A split with a speaker or a sound on both sides is refused, except if the protocol is listed
    as leaky, and then every output says so. With --ray each fold and seed is a task of a cluster; recordings must lie
    at the same path on every machine, and --jobs is the most tasks at once.

    With --reference-clips K each test clip is compared with a reference of K other test clips of the same fold, which
    are drawn without their labels. --trained uses the models of an earlier call without references, so that nothing is
    trained again. With --reference-emotion each, references of every emotion in turn are compared with none.
    """
    if (recipe is None) == (model is None):
        raise typer.BadParameter("give a recipe or --model NAME|FILE, exactly one of them")
    if reference_emotion and not reference_clips:
        raise typer.BadParameter("give the size of the references, too: --reference-clips 20")
    reference = (reference_clips, reference_by, reference_draws, reference_emotion) if reference_clips else None
    split = (parse_names(drop), folds)
    results: Results | SegmentResults | SingleEmotions
    if recipe is not None:
        how = {"seeds": seeds, "drop": split[0], "folds": split[1], "trained": trained}
        results = _train_and_test(recipe, protocol, corpus, encoder, (ray, jobs), out, reference, **how)
    elif ray is not None:
        raise typer.BadParameter("a finished model is not trained, so --ray has nothing to do", param_hint="--ray")
    elif seeds != 1:
        raise typer.BadParameter("a finished model is not trained, so there is one seed, 0", param_hint="--seeds")
    elif trained is not None:
        raise typer.BadParameter("--trained is for recipes; --model names a finished model", param_hint="--trained")
    else:
        results = _test(str(model), protocol, corpus, out, split, jobs, reference)
    _show(results, format)


def _train_and_test(
    recipe: Path,
    protocol: str,
    corpus: list[str],
    encoder: Path | None,
    where: _Where,
    out: Path,
    reference: _Reference | None,
    **how: Any,
) -> Results | SingleEmotions:
    from hearfelt.corpora.catalog import read_corpora
    from hearfelt.errors import require
    from hearfelt.evaluation.protocols import protocol_called
    from hearfelt.training.recipe import read_recipe

    ray, jobs = where
    corpora = parse_corpora(corpus)
    if ray is not None:
        corpora, encoder = meant_everywhere(corpora), encoder and encoder.absolute()
    chosen, wanted = protocol_called(protocol), read_recipe(recipe)
    clips = read_corpora(corpora, with_unfit=True, remark=remark)
    require("torch", "train")
    from hearfelt.evaluation.references import ReferenceOptions
    from hearfelt.training.clip_statistics import EncoderFiles
    from hearfelt.training.experiment import ExperimentOptions, run_experiment, run_single_emotions

    options = ExperimentOptions(
        **how,
        encoder_files=EncoderFiles(encoder),
        jobs=jobs if ray is None else None,
        reference=ReferenceOptions(*reference) if reference else None,
    )
    run = run_single_emotions if reference and reference[-1] == _EACH else run_experiment
    with executor_on(ray, jobs) as executor:
        return run(wanted, chosen, clips, out, options, progress=progress, executor=executor)


def _test(
    model: str,
    protocol: str,
    corpus: list[str],
    out: Path,
    split: _Split,
    jobs: int | None,
    reference: _Reference | None,
) -> Results | SegmentResults | SingleEmotions:
    from hearfelt.corpora.catalog import read_corpora
    from hearfelt.evaluation.evaluate import evaluate_model
    from hearfelt.evaluation.protocols import protocol_called
    from hearfelt.inference.recognizer import Recognizer, model_path

    chosen, recognizer = protocol_called(protocol), Recognizer.load(model, threads=1)
    clips = read_corpora(parse_corpora(corpus), with_unfit=True, remark=remark)
    drop, folds = split
    plan = chosen.plan(clips, drop=drop, folds=folds, card=recognizer.card)
    file, count = model_path(model), sum(len(fold.test) for fold in plan.folds)
    if reference:
        from hearfelt.evaluation.references import (
            ReferenceOptions,
            encode_plan,
            write_single_emotions,
            write_with_references,
        )

        with progress("encoding clips", count) as done:
            parts, info = encode_plan(file, plan, jobs=jobs, progress=done)
        write = write_single_emotions if reference[-1] == _EACH else write_with_references
        return write(parts, out, ReferenceOptions(*reference), info)
    if chosen.recordings:
        from hearfelt.evaluation.segment_results import RECORDINGS, evaluate_recordings

        with progress("recognizing recordings", RECORDINGS) as done:
            return evaluate_recordings(recognizer, plan, out, file=file, jobs=jobs, progress=done)
    with progress("recognizing clips", count) as done:
        return evaluate_model(recognizer, plan, out, file=file, jobs=jobs, progress=done)


def _show(results: Results | SegmentResults | SingleEmotions, format: Literal["table", "json"]) -> None:
    from hearfelt.cli.display.evaluation import print_results, print_segment_results, print_single_emotions
    from hearfelt.cli.display.output import print_json
    from hearfelt.errors import ExtraMissingError, require
    from hearfelt.evaluation.references import SingleEmotions
    from hearfelt.evaluation.segment_results import SegmentResults

    if isinstance(results, SingleEmotions):
        if format == "table":
            print_single_emotions(results)
        else:
            print_json(dict(results.content))
        return
    if isinstance(results, SegmentResults):
        if format == "table":
            print_segment_results(results)
        else:
            print_json(dict(results.summary))
        return
    try:
        require("matplotlib", "plots")
        from hearfelt.reports.evaluation import write_report

        report = str(write_report(results))
    except ExtraMissingError as error:  # the scores are written; only the report is not
        report = f"none: {error}"
    if format == "json":
        print_json(dict(results.summary))
    else:
        print_results(results, report)


def _protocols(format: FormatOption = "table") -> None:
    """List the evaluation protocols: corpus, folds, and whether they are leaky."""
    from hearfelt.cli.display.evaluation import protocol_rows
    from hearfelt.cli.display.output import print_rows

    print_rows(protocol_rows(described=format != "table"), format)
