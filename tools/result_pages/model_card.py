"""``MODEL_CARD.md``: what the default model is, generated from its own card and from results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hearfelt.corpora.catalog import FORMS
from hearfelt.evaluation.metrics import BINS, per_class
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import Results
from hearfelt.inference.card import ModelCard
from hearfelt.reports.formatting import bare, interval, many, percent
from hearfelt.reports.shipped_scores import HONEST
from result_pages.ladder import LADDER_PICTURE, alt_text, is_ladder, ladder_models, ladder_table
from result_pages.markdown import NONE, count, markdown_table, megabytes, speed
from result_pages.pictures import RELIABILITY_PICTURE

__all__ = ["Shipped", "calibration", "card_page", "each_emotion", "figure_on", "figures_table", "main_result"]

_CONFUSIONS: Final = 6  # told in words
_SURE: Final = (0.7, 0.8)

_USE: Final = """\
## What it is for

Research, teaching and play with acted or clearly spoken emotions: as a baseline to compare with, to sort one's own
recordings for which consent was given, to see how such a network errs. It answers how a voice **sounds** to it. What a
person feels it cannot know, and no answer of it should be held against anybody.

## What it must not be used for

- Inferring the emotions of people **at work or in education** is prohibited in the European Union: Article 5(1)(f) of
  the AI Act, [Regulation (EU) 2024/1689](https://eur-lex.europa.eu/eli/reg/2024/1689/oj), except where the system is
  intended for medical or safety reasons. This model was made and tested for neither.
- No judging of people: not in hiring, teaching, policing, border control, insurance, medicine or lie detection.
- Nothing with voices whose owners do not know of it.
- Nothing for money, where the recordings it learned from forbid that: see *Data and licences*."""

_LIMITS: Final = (
    "It was learned from and measured on acted speech, few sentences and few languages. Felt emotions are weaker and"
    " mixed; other words, longer speech and other languages were not measured. Expect worse.",
    "The recordings were clean, with one person at a time. Noise, rooms, phones and several voices make it worse.",
    "Every clip gets one of its labels, and a wrong one where none of them fits.",
)


@dataclass(frozen=True)
class Shipped:
    """A model that comes with the package.

    Attributes:
        card: what the file says of itself.
        bytes: its size.
    """

    card: ModelCard
    bytes: int


@dataclass(frozen=True)
class _Facts:
    """Everything a section may need."""

    model: Shipped
    own: Sequence[Results]
    results: Sequence[Results]
    others: Sequence[Shipped]
    speeds: Mapping[str, float] = field(default_factory=dict)

    @property
    def card(self) -> ModelCard:
        return self.model.card


def card_page(
    model: Shipped, results: Sequence[Results], *, others: Sequence[Shipped] = (), speeds: Mapping[str, float] = {}
) -> str:
    """Write the text of ``MODEL_CARD.md``.

    Args:
        model: the default model.
        results: all of them; those of the model's name are its own.
        others: the models that come beside it.
        speeds: for each model the seconds of sound it answers in a second.
    """
    own = [one for one in results if one.name == model.card.name]
    facts = _Facts(model, own, results, others, speeds)
    parts = (_head(facts), _USE, _figures(facts), _ladder(facts), _data(facts), _limits(facts), _others(facts))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(facts: _Facts) -> str:
    card, main = facts.card, main_result(facts.own)
    takes = (
        "sound at 16 kHz, of any level" if card.input == "sound" else "162 numbers that hearfelt takes from the sound"
    )
    window = f"; longer clips are answered in blocks of at most {card.window_s:g} s" if card.window_s else ""
    sure = f"temperature {card.temperature:.3g}; called *unsure* under {100 * card.unsure_below:.0f} %"
    rows = [
        ("version", f"written by hearfelt {card.version}"),
        ("answers", ", ".join(card.labels)),
        ("takes", takes + window),
        ("file", f"`src/hearfelt/weights/{card.name}.onnx`, {megabytes(facts.model.bytes)} MB, ONNX, the card inside"),
        ("parameters", count(_parameters(facts.model, facts.results))),
        ("speed", f"{speed(facts.speeds.get(card.name))} seconds of sound a second on one core"),
        ("confidence", sure),
        ("licence of the weights", card.licence or NONE),
        ("licence of the code", "MIT"),
    ]
    known = [(name, text) for name, text in rows if not text.startswith(NONE)]
    said = ""
    if main:
        what = "this very file" if main.summary.get("model") else "its recipe, trained anew in every fold,"
        emotions = len(main.evaluation.emotions)
        said = (
            f"On people not heard in training (`{main.protocol}`), {what} has a UAR of"
            f" **{percent(main.figure('uar'))}** (95 % over speakers: {interval(main.interval('uar'))}); guessing among"
            f" {emotions} emotions gives {percent(1 / emotions)}."
        )
    parts = (
        "<!-- Generated by `python tools/results.py` from the model's own card and results/; edit those. -->",
        f"# Model card: {card.name}",
        card.description,
        said,
        markdown_table(("what", "of this model"), known, left=2),
    )
    return "\n\n".join(part for part in parts if part)


def _parameters(shipped: Shipped, results: Sequence[Results]) -> int:
    """Count what was learned: as the card says, or else as a result of the same name does; 0 if nobody counted."""
    files = [one.summary.get("file") for one in results if one.name == shipped.card.name]
    return shipped.card.parameters or max((file["parameters"] for file in files if file), default=0)


def _figures(facts: _Facts) -> str:
    if not facts.own:
        return "## How well it hears\n\nNo result of this model is here yet."
    main = main_result(facts.own)
    parts = [
        "## How well it hears",
        "UAR is the mean of the emotions' recalls. The interval is over drawn **speakers**: it says how much the figure"
        " would move with other speakers of the same kind. Only rows without a leak hold for a new voice."
        " [docs/protocols.md](docs/protocols.md) says how each is measured, [docs/results.md](docs/results.md) has"
        " everything else.",
        figures_table(facts.own),
    ]
    if main:
        parts += [
            f"### Each emotion, and what it is taken for\n\nFrom `{main.protocol}`.",
            *each_emotion(main),
            "### How sure, and how right",
            *calibration(main),
        ]
    return "\n\n".join(parts)


def _ladder(facts: _Facts) -> str:
    models = ladder_models(facts.results)
    if not models:
        return ""
    return "\n\n".join(
        (
            "## What leaks are worth",
            "The same recipe, measured with one common leak after another (one seed; in brackets the points that a step"
            " adds). Figures of other systems are often of the lower rows.",
            f"![{alt_text(models)}]({LADDER_PICTURE})",
            ladder_table(models),
        )
    )


def _data(facts: _Facts) -> str:
    card = facts.card
    rows = []
    for name, one in card.corpora.items():
        form = FORMS.get(name)
        title = f"[{form.title}]({form.url})" if form and form.url else form.title if form else name
        rows.append((title, str(one.get("licence") or NONE), f"{one.get('clips', 0):,}"))
    heard = many(len(card.training_speakers), "speaker")
    parts = [
        "## Data and licences",
        f"It has heard {heard}, counting those on whom its epoch, temperature and threshold were chosen.",
        markdown_table(("corpus", "licence", "clips"), rows, left=2) if rows else "",
    ]
    if unheard := _unheard(card):
        parts.append(
            f"Of RAVDESS it has never heard {', '.join(unheard)}, neither their speech nor their song, so that anybody"
            f" can check this very file: `hearfelt evaluate --model {card.name} --protocol unheard-ravdess"
            " --corpus ravdess=FOLDER --out runs/check`."
        )
    if "non-commercial" in card.licence:
        parts.append(
            "The code is under the MIT licence, and **the weights are for non-commercial use**: they were learned from"
            " recordings that may not be used for money. Whoever wants to sell something trains weights of their own on"
            " recordings that allow it, with the same code."
        )
    else:
        parts.append("The code is under the MIT licence.")
    parts.append("No recording of a person is in the file or in the repository.")
    return "\n\n".join(part for part in parts if part)


def _unheard(card: ModelCard) -> list[str]:
    if "ravdess" not in card.corpora:
        return []
    actors = range(1, FORMS["ravdess"].speakers + 1)
    return [f"actor {actor:02d}" for actor in actors if f"ravdess/{actor:02d}" not in card.training_speakers]


def _limits(facts: _Facts) -> str:
    lines = list(dict.fromkeys([*facts.card.limits, *_LIMITS]))
    return "## What it cannot do\n\n" + "\n".join(f"- {line}" for line in lines)


def _others(facts: _Facts) -> str:
    if not facts.others:
        return ""
    said = (
        "These come with the package as well, for comparison or for small devices; `hearfelt card NAME` prints the card"
        " of each. Data, licences and limits are of the same kind."
    )
    rows = [
        (
            f"`{one.card.name}`",
            megabytes(one.bytes),
            count(_parameters(one, facts.results)),
            speed(facts.speeds.get(one.card.name)),
            *(figure_on(protocol, one.card.name, facts.results) for protocol in HONEST),
        )
        for one in facts.others
    ]
    header = ("model", "MB", "parameters", "speed", *(f"UAR % on `{protocol}`" for protocol in HONEST))
    return f"## Beside it\n\n{said}\n\n{markdown_table(header, rows)}"


def main_result(own: Sequence[Results]) -> Results | None:
    """Choose the result that stands for a model: that over most speakers without a leak; None where there is none."""
    by_protocol = {one.protocol: one for one in own if not one.summary["leaky"] and not is_ladder(one)}
    return next((by_protocol[name] for name in (*HONEST, *by_protocol) if name in by_protocol), None)


def figures_table(own: Sequence[Results]) -> str:
    """List every result of a model but the ladder's, those without a leak first."""
    rows = []
    for one in sorted(own, key=lambda one: bool(one.summary["leaky"])):
        if is_ladder(one):
            continue
        protocol, mark = PROTOCOLS.get(one.protocol), "" if one.summary["leaky"] else "**"
        clips = len({(row.speaker, row.clip) for row in one.evaluation.rows})
        rows.append(
            (
                f"`{one.protocol}`",
                protocol.title if protocol else one.protocol,
                "this very file" if one.summary.get("model") else "its recipe, trained anew in every fold",
                f"{mark}{bare(one.figure('uar'))}{mark}",
                interval(one.interval("uar")),
                bare(one.figure("accuracy")),
                bare(one.summary["ece"]),
                f"{clips:,}",
                str(len(one.evaluation.speakers)),
                str(len(one.summary["seeds"])),
            )
        )
    header = (
        "protocol", "over what", "what answered", "UAR %", "95 %", "accuracy %", "calibration error %", "clips",
        "speakers", "seeds",
    )  # fmt: skip
    return markdown_table(header, rows, left=3)


def figure_on(protocol: str, name: str, results: Sequence[Results]) -> str:
    """Write a model's UAR on a protocol as per cent, without the sign; a dash where it was not measured."""
    found = (one for one in results if (one.protocol, one.name) == (protocol, name))
    return next((bare(one.figure("uar")) for one in found), NONE)


def each_emotion(one: Results) -> list[str]:
    """Tell how well each emotion is recognized, and which are taken for which most often."""
    confusion, emotions, seeds = one.evaluation.confusion, one.evaluation.emotions, len(one.evaluation.seeds)
    rows = [
        (c.emotion, bare(c.recall), bare(c.precision), bare(c.f1), f"{round(c.support / seeds):,}")
        for c in per_class(confusion, emotions)
    ]
    totals = np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    shares = np.where(np.eye(len(emotions), dtype=bool), 0.0, confusion / totals)
    worst = sorted(np.ndindex(shares.shape), key=lambda cell: -shares[cell])[:_CONFUSIONS]
    said = [
        f"{emotions[truth]} for {emotions[answer]} ({100 * shares[truth, answer]:.0f} %)"
        for truth, answer in worst
        if shares[truth, answer] > 0
    ]
    confused = f"Taken for another most often, in % of the emotion's clips: {', '.join(said)}." if said else ""
    table = markdown_table(("emotion", "recall %", "precision %", "F1 %", "clips"), rows)
    return [text for text in (table, confused) if text]


def calibration(one: Results) -> list[str]:
    """Tell whether its confidence can be believed."""
    evaluation = one.evaluation
    confidences, correct = evaluation.confidences, evaluation.correct
    low, high = _SURE
    among = (confidences >= low) & (confidences < high)
    answers = int(among.sum())
    sure = f"{low:.0%} to {high:.0%}".replace("%", " %")
    right = f"No answer had a confidence of {sure}."
    if answers:
        share = percent(float(correct[among].mean()))
        right = f"Of {many(answers, 'answer')} given with a confidence of {sure}, {share} were right."
    said, came_true = percent(float(confidences.mean())), percent(float(correct.mean()))
    words = (
        f"On average it said {said} and was right {came_true} of the time; the calibration error over {BINS} bins is"
        f" {percent(one.summary['ece'])}. {right} On sounds unlike these, such as other languages or noisy rooms, its"
        " confidence is not calibrated."
    )
    alt = f"Reliability diagram of {one.name} on {one.protocol}: how often answers of each confidence were right"
    return [words, f"![{alt}]({RELIABILITY_PICTURE})"]
