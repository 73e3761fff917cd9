"""Tables of scores: ``hearfelt evaluate``, ``protocols`` and ``teach``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hearfelt.emotions import look_of
from hearfelt.evaluation.metrics import bootstrap_by_speaker, lowest_class, per_class
from hearfelt.evaluation.plan import DEFAULT_FOLDS
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.references import SINGLE_EMOTIONS, reference_sentence
from hearfelt.evaluation.results import PREDICTIONS, SUMMARY
from hearfelt.evaluation.segment_results import RECORDINGS_TABLE
from hearfelt.reports.formatting import bare, interval, many, percent

if TYPE_CHECKING:
    from rich.table import Table

    from hearfelt.evaluation.references import SingleEmotions
    from hearfelt.evaluation.results import Results
    from hearfelt.evaluation.segment_results import SegmentResults
    from hearfelt.finetuning.finetune import FinetunedModel

__all__ = ["print_finetuned", "print_results", "print_segment_results", "print_single_emotions", "protocol_rows"]

_METRICS = (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1"))


def protocol_rows(*, described: bool) -> list[dict[str, object]]:
    """Make one row for each protocol.

    Args:
        described: also with what is too long for a table.

    Example:
        >>> [row["name"] for row in protocol_rows(described=True) if row["leaky"]]
        ['seed-ravdess', 'student-ravdess', 'ladder-clips', 'ladder-copies', 'ladder-epoch']
    """
    if not described:
        return [
            {
                "name": protocol.name,
                "what": protocol.title,
                "folds": str(len(protocol.fold_names) or f"{DEFAULT_FOLDS} or --folds"),
            }
            for protocol in PROTOCOLS.values()
        ]
    return [
        {
            "name": protocol.name,
            "title": protocol.title,
            "folds": len(protocol.fold_names) or None,
            "divides": protocol.by,
            "leaky": protocol.leaky,
            "needs_model": protocol.needs_model,
            "description": protocol.description,
        }
        for protocol in PROTOCOLS.values()
    ]


def print_results(results: Results, report: str) -> None:
    """Print an evaluation: folds and seeds, the figures, clips left out, and the files.

    Args:
        results: as written.
        report: path of the page, or why there is none.
    """
    from rich.markup import escape

    from hearfelt.cli.display.output import console, printable

    screen = console()
    screen.print(f"\n[bold]{escape(printable(results.name))}[/] on [bold]{results.protocol}[/]")
    if reference := results.summary.get("reference"):
        screen.print(reference_sentence(reference))
    if results.leak:
        screen.print(f"[bold yellow]leaky[/] [yellow]{escape(results.leak)}[/]")
    if len(results.summary["runs"]) > 1:
        screen.print(_runs(results))
    for line in _lines(results):
        screen.print(escape(printable(line)))
    screen.print(f"\n[dim]scores[/]       {escape(printable(str(results.folder / 'summary.json')))}", soft_wrap=True)
    screen.print(f"[dim]predictions[/]  {escape(printable(str(results.folder / 'predictions.csv')))}", soft_wrap=True)
    screen.print(f"[dim]report[/]       {escape(printable(report))}", soft_wrap=True)


def print_segment_results(results: SegmentResults) -> None:
    """Print an evaluation over time: the timeline beside naive windows, and the files.

    Args:
        results: as written.
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from hearfelt.cli.display.output import console, printable
    from hearfelt.reports.formatting import COLUMNS, method_rows

    summary, screen = results.summary, console()
    screen.print(f"\n[bold]{escape(printable(results.name))}[/] on [bold]{results.protocol}[/]")
    made = f"{many(summary['recordings'], 'recording')}, {summary['duration_s'] / 60:.1f} min"
    screen.print(f"{made}, {summary['speech_s'] / 60:.1f} min of them speech")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("%")
    for way in ("timeline", "naive windows", "naive, where\nspeech was found"):
        table.add_column(way, justify="right")
    for row in zip(COLUMNS, *(figures for _, *figures in method_rows(summary)), strict=True):
        table.add_row(*row)
    screen.print(table)
    lower = summary["lower_than_naive"]
    if lower is not None:
        screen.print(f"error rate {percent(abs(lower))} {'lower' if lower >= 0 else 'higher'} than the naive way's")
    for reason, count in summary["left_out"].items():
        screen.print(escape(printable(f"left out: {many(count, 'clip')} {reason}")))
    for what, name in (("scores", SUMMARY), ("predictions", PREDICTIONS), ("truth", RECORDINGS_TABLE)):
        screen.print(f"[dim]{what:<13}[/]{escape(printable(str(results.folder / name)))}", soft_wrap=True)


def print_single_emotions(results: SingleEmotions) -> None:
    """Print what references of a single emotion change, in each fold, and the file.

    Args:
        results: as written.
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from hearfelt.cli.display.output import console, printable

    screen, protocol = console(), PROTOCOLS[results.content["protocol"]]
    clips = results.content["reference"]["clips"]
    screen.print(f"\n[bold]{escape(printable(results.folder.resolve().name))}[/] on [bold]{protocol.name}[/]")
    screen.print(f"UAR %, and its change with references of {many(clips, 'clip')} of one emotion")
    alone = results.uar(None)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("corpus" if protocol.corpora else "fold")
    for name in ("none", *results.emotions):
        table.add_column(name, justify="right")
    changes = [results.change(emotion) for emotion in results.emotions]
    for fold, score in alone.items():
        cells = (f"{100 * change[fold]:+.1f}" if fold in change else "" for change in changes)
        table.add_row(protocol.fold_title(fold), bare(score), *cells)
    screen.print(table)
    screen.print(f"[dim]scores[/]       {escape(printable(str(results.folder / SINGLE_EMOTIONS)))}", soft_wrap=True)


def print_finetuned(model: FinetunedModel) -> None:
    """Print the result of ``hearfelt teach``: scores, learning curve, confusions, and how to use the model.

    Args:
        model: as written.
    """
    from rich.markup import escape

    from hearfelt.cli.display.output import console, megabytes, printable

    card, clips, figures = model.card, model.training_set.clips, model.figures
    screen = console()
    size = megabytes(model.path.stat().st_size)
    screen.print(f"[bold]{escape(printable(str(model.path)))}[/bold]  [dim]{size}[/dim]", soft_wrap=True)
    known = model.training_set.speakers_are_known
    who = many(len(clips.speakers), "speaker") if known else "unknown speakers"
    screen.print(f"trained on  {many(len(clips), 'clip')} of {who}, {len(card.labels)} labels", soft_wrap=True)
    screen.print(
        f"by {model.grouping.by:8} UAR {figures['uar']:.1%}{_between(model)}, accuracy {figures['accuracy']:.1%}"
        f" [dim](by chance: UAR {1 / len(card.labels):.1%})[/dim]",
        soft_wrap=True,
    )
    points = [f"{point.uar:.1%} from {point.clips:,}" for point in model.validation.curve]
    screen.print(f"learning    UAR {', '.join(points)} clips{_rising(model)}", soft_wrap=True)
    _print_confusion(model)
    screen.print(f"Try it:  hearfelt recognize clip.wav --model {escape(str(model.path))}", soft_wrap=True)


def _between(model: FinetunedModel) -> str:
    """Give the confidence interval over speakers."""
    intervals = bootstrap_by_speaker(model.evaluation.confusions) if model.grouping.by == "speaker" else None
    if intervals is None:
        return ""
    low, high = intervals["uar"]
    return f" [dim](95 %: {low:.1%} to {high:.1%})[/dim]"


def _rising(model: FinetunedModel) -> str:
    """Say whether more clips would probably help."""
    match model.validation.curve:
        case [*_, before, last] if last.uar - before.uar >= 0.01:
            return "; still rising, so more clips should help"
    return ""


def _print_confusion(model: FinetunedModel) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.markup import escape
    from rich.table import Table

    from hearfelt.cli.display.output import console, printable

    evaluation = model.evaluation
    table = Table(title="Predicted label (columns) for each true label (rows)", title_justify="left", box=SIMPLE_HEAD)
    names = [printable(label) for label in evaluation.emotions]
    # Where the terminal is too narrow for the names above the columns, each row gets a number, and columns those.
    needed = sum(3 + max(4, cell_len(name)) for name in [max(names, key=cell_len), *names, "recall"]) + 2
    is_narrow = needed > console().width
    table.add_column("label", no_wrap=True)
    for number, name in enumerate(names, 1):
        table.add_column(str(number) if is_narrow else escape(name), justify="right", no_wrap=True)
    table.add_column("recall", justify="right", no_wrap=True)
    figures = per_class(evaluation.confusion, evaluation.emotions)
    for place, (one, counts) in enumerate(zip(figures, evaluation.confusion.tolist(), strict=True)):
        cells = [
            f"[bold]{count}[/bold]" if column == place else str(count or "·") for column, count in enumerate(counts)
        ]
        before = f"{place + 1:>{len(str(len(names)))}} " if is_narrow else ""
        name = f"{before}[{look_of(one.emotion).colour}]{escape(names[place])}[/]"
        table.add_row(name, *cells, f"{one.recall:.1%}")
    console().print(table)


def _runs(results: Results) -> Table:
    """Show the UAR of each fold and seed, and of all folds together, or the mean over the corpora that count."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    summary = results.summary
    scores = {(run["fold"], run["seed"]): run["uar"] for run in summary["runs"]}
    table = Table(title="UAR %", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    protocol = PROTOCOLS[results.protocol]
    table.add_column("corpus" if protocol.corpora else "fold")
    for seed in summary["seeds"]:
        table.add_column(f"{_repeated(summary)} {seed}", justify="right")
    folds = sorted({fold for fold, _ in scores})
    for fold in folds if len(folds) > 1 else ():
        table.add_row(protocol.fold_title(fold), *(bare(scores[fold, seed]) for seed in summary["seeds"]))
    if len(folds) > 1:
        table.add_section()
    if protocol.corpora:
        each = {seed: [scores[fold, seed] for fold in protocol.counted] for seed in summary["seeds"]}
        without = f" without {', '.join(protocol.uncounted)}" if protocol.uncounted else ""
        table.add_row(f"mean{without}", *(bare(fmean(some)) for some in each.values()), style="bold")
    else:
        table.add_row("all", *(bare(summary["pooled"][str(seed)]["uar"]) for seed in summary["seeds"]), style="bold")
    return table


def _repeated(summary: Mapping[str, Any]) -> str:
    """Name what a row is repeated for: seeds of the training, or draws of references with each of them."""
    return "draw" if summary.get("reference") else "seed"


def _lines(results: Results) -> Iterator[str]:
    """List the figures, their confidence intervals over speakers, and the clips left out."""
    summary, evaluation = results.summary, results.evaluation
    seeds = f", mean of {many(len(summary['seeds']), _repeated(summary))}" if len(summary["seeds"]) > 1 else ""
    for metric, name in _METRICS:
        ends = results.interval(metric)
        between = f"  95 % over speakers {interval(ends)}" if ends else ""
        yield f"{name:<9} {percent(results.figure(metric)):>7}{seeds}{between}"
    worst = lowest_class(per_class(evaluation.confusion, evaluation.emotions))
    yield f"lowest recall: {worst.emotion}, {percent(worst.recall)}; calibration error {percent(summary['ece'])}"
    unknown = sorted({row.speaker for row in evaluation.rows if row.speaker.endswith("/unknown")})
    if unknown:
        yield (
            f"the speakers of {', '.join(speaker.partition('/')[0] for speaker in unknown)} are unknown: the model may"
            " have been trained on these voices"
        )
    for reason, count in summary.get("left_out", {}).items():
        yield f"left out: {many(count, 'clip')} {reason}"
    for one in summary.get("unanswered", ()):
        yield f"not answered: {one['clip']} ({one['reason']})"
