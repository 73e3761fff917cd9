"""``MODEL_CARD.md``, generated from the default model's card and from results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hearfelt.corpora.catalog import CORPORA
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

_CONFUSIONS: Final = 6  # listed
_SURE: Final = (0.7, 0.8)

_USE: Final = """\
## Intended use

Research, teaching and experiments with acted or clearly expressed emotions: as a baseline, to sort your own recordings
with the consent of the speakers, to study the errors of such models. It classifies how a voice **sounds**, not what a
person feels. No prediction should be used against a person.

## Prohibited use

- Inferring the emotions of people **at work or in education** is prohibited in the European Union: Article 5(1)(f) of
  the AI Act, [Regulation (EU) 2024/1689](https://eur-lex.europa.eu/eli/reg/2024/1689/oj), except where the system is
  intended for medical or safety reasons. This model was made and tested for neither.
- Judging people: in hiring, teaching, policing, border control, insurance, medicine or lie detection.
- Voices of people who do not know about it.
- Commercial use, where the licences of the training data forbid it: see *Data and licences*."""

# What the shipped models were trained on as recordings of one's own.
_OWN: Final = {
    "folder": ("[LibriSpeech](https://www.openslr.org/12), read aloud without emotion, as neutral", "CC BY 4.0")
}
_LIMITS: Final = (
    "It was trained and tested on acted speech, few sentences and few languages. Felt emotions are weaker and mixed;"
    " other words, longer speech and other languages were not tested. Expect lower scores.",
    "The recordings are clean, with one speaker at a time. Noise, reverberation, telephones and several voices lower"
    " the scores.",
    "Every clip gets one of the labels, even if none of them fits.",
)


@dataclass(frozen=True)
class Shipped:
    """A model of the package.

    Attributes:
        card: its card.
        bytes: size of its file.
    """

    card: ModelCard
    bytes: int


@dataclass(frozen=True)
class _Facts:
    """The data for all sections."""

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
    """The text of ``MODEL_CARD.md``.

    Args:
        model: the default model.
        results: all of them; those with the model's name are its own.
        others: the other shipped models.
        speeds: for each model the seconds of sound per second.
    """
    own = [one for one in results if one.name == model.card.name]
    facts = _Facts(model, own, results, others, speeds)
    parts = (_head(facts), _USE, _figures(facts), _ladder(facts), _data(facts), _limits(facts), _others(facts))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(facts: _Facts) -> str:
    card, main = facts.card, main_result(facts.own)
    takes = "sound at 16 kHz, of any level" if card.input == "sound" else "the 162 classic features of a sound"
    window = f"; longer clips are split into blocks of at most {card.window_s:g} s" if card.window_s else ""
    sure = f"temperature {card.temperature:.3g}; *unsure* below {100 * card.unsure_below:.0f} %"
    rows = [
        ("version", f"written by hearfelt {card.version}"),
        ("labels", ", ".join(card.labels)),
        ("input", takes + window),
        ("file", f"`src/hearfelt/weights/{card.name}.onnx`, {megabytes(facts.model.bytes)} MB, ONNX, with this card"),
        ("parameters", count(_parameters(facts.model, facts.results))),
        ("speed", f"{speed(facts.speeds.get(card.name))} seconds of sound per second on one core"),
        ("confidence", sure),
        ("licence of the weights", card.licence.replace("folder (yours)", "LibriSpeech (CC BY 4.0)") or NONE),
        ("licence of the code", "MIT"),
    ]
    known = [(name, text) for name, text in rows if not text.startswith(NONE)]
    said = ""
    if main:
        what = "this file" if main.summary.get("model") else "its recipe, trained in every fold,"
        emotions = len(main.evaluation.emotions)
        said = (
            f"On unseen speakers (`{main.protocol}`), {what} has a UAR of"
            f" **{percent(main.figure('uar'))}** (95 % over speakers: {interval(main.interval('uar'))}); chance for"
            f" {emotions} emotions is {percent(1 / emotions)}."
        )
    parts = (
        "<!-- Generated by `python tools/results.py` from the model's card and results/; edit those. -->",
        f"# Model card: {card.name}",
        card.description,
        said,
        markdown_table(("", ""), known, left=2),
    )
    return "\n\n".join(part for part in parts if part)


def _parameters(shipped: Shipped, results: Sequence[Results]) -> int:
    """Number of parameters, from the card or else from a result of the same name; 0 if unknown."""
    files = [one.summary.get("file") for one in results if one.name == shipped.card.name]
    return shipped.card.parameters or max((file["parameters"] for file in files if file), default=0)


def _figures(facts: _Facts) -> str:
    if not facts.own:
        return "## Evaluation\n\nNo results yet."
    main = main_result(facts.own)
    parts = [
        "## Evaluation",
        "UAR is the mean recall over the emotions. The 95 % interval is a bootstrap over **speakers**: the variation"
        " for other speakers of the same kind. Only rows without leakage hold for new voices."
        " [docs/protocols.md](docs/protocols.md) describes the protocols, [docs/results.md](docs/results.md) has all"
        " results.",
        figures_table(facts.own),
    ]
    if main:
        parts += [
            f"### Per emotion\n\nFrom `{main.protocol}`.",
            *each_emotion(main),
            "### Calibration",
            *calibration(main),
        ]
    return "\n\n".join(parts)


def _ladder(facts: _Facts) -> str:
    models = ladder_models(facts.results)
    if not models:
        return ""
    return "\n\n".join(
        (
            "## Effect of leakage",
            "The same recipe, evaluated with one common kind of leakage after another (one seed; in brackets the"
            " difference in percentage points). Published scores often correspond to the lower rows.",
            f"![{alt_text(models)}]({LADDER_PICTURE})",
            ladder_table(models),
        )
    )


def _data(facts: _Facts) -> str:
    card = facts.card
    rows = []
    for name, one in card.corpora.items():
        form = CORPORA.get(name)
        title = f"[{form.title}]({form.url})" if form and form.url else form.title if form else name
        title, licence = _OWN.get(name, (title, str(one.get("licence") or NONE)))
        rows.append((title, licence, f"{one.get('clips', 0):,}"))
    speakers = many(len(card.training_speakers), "speaker")
    parts = [
        "## Data and licences",
        f"Trained on {speakers}, including those used to choose epoch, temperature and threshold.",
        markdown_table(("corpus", "licence", "clips"), rows, left=2) if rows else "",
    ]
    if card.no_speech_below is not None:
        parts.append(
            "Whether anybody speaks was also trained on noise made by code, and on sounds of"
            " [UrbanSound8K](https://urbansounddataset.weebly.com/urbansound8k.html) (CC BY-NC 3.0)."
        )
    if unseen := _unseen_actors(card):
        parts.append(
            f"Not trained on the speech or song of RAVDESS {', '.join(unseen)}, so that this file can be tested:"
            f" `hearfelt evaluate --model {card.name} --protocol unheard-ravdess"
            " --corpus ravdess=FOLDER --out runs/check`."
        )
    if "non-commercial" in card.licence:
        parts.append(
            "The code is under the MIT licence, and **the weights are for non-commercial use**, because the licences of"
            " the training data forbid commercial use. For commercial use, train a model on recordings that allow it."
        )
    else:
        parts.append("The code is under the MIT licence.")
    parts.append("Neither the file nor the repository contains recordings of people.")
    return "\n\n".join(part for part in parts if part)


def _unseen_actors(card: ModelCard) -> list[str]:
    if "ravdess" not in card.corpora:
        return []
    actors = range(1, CORPORA["ravdess"].speakers + 1)
    return [f"actor {actor:02d}" for actor in actors if f"ravdess/{actor:02d}" not in card.training_speakers]


def _limits(facts: _Facts) -> str:
    lines = list(dict.fromkeys([*facts.card.limits, *_LIMITS]))
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _others(facts: _Facts) -> str:
    if not facts.others:
        return ""
    said = (
        "These are also in the package, as baselines or for small devices; `hearfelt card NAME` prints their cards."
        " Training data, licences and limits are similar."
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
    return f"## Other shipped models\n\n{said}\n\n{markdown_table(header, rows)}"


def main_result(own: Sequence[Results]) -> Results | None:
    """The main result of a model: the one over most speakers without leakage; None without results."""
    by_protocol = {one.protocol: one for one in own if not one.summary["leaky"] and not is_ladder(one)}
    return next((by_protocol[name] for name in (*HONEST, *by_protocol) if name in by_protocol), None)


def figures_table(own: Sequence[Results]) -> str:
    """Every result of a model except the ladder, those without leakage first."""
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
                "this file" if one.summary.get("model") else "its recipe, trained in every fold",
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
        "protocol", "clips and folds", "model", "UAR %", "95 %", "accuracy %", "ECE %", "clips",
        "speakers", "seeds",
    )  # fmt: skip
    return markdown_table(header, rows, left=3)


def figure_on(protocol: str, name: str, results: Sequence[Results]) -> str:
    """A model's UAR on a protocol in per cent, without the sign; a dash if not measured."""
    found = (one for one in results if (one.protocol, one.name) == (protocol, name))
    return next((bare(one.figure("uar")) for one in found), NONE)


def each_emotion(one: Results) -> list[str]:
    """The scores of each emotion, and the most frequent confusions."""
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
    confused = f"Most frequent confusions, in % of the emotion's clips: {', '.join(said)}." if said else ""
    table = markdown_table(("emotion", "recall %", "precision %", "F1 %", "clips"), rows)
    return [text for text in (table, confused) if text]


def calibration(one: Results) -> list[str]:
    """Mean confidence, accuracy and ECE, with the reliability diagram."""
    evaluation = one.evaluation
    confidences, correct = evaluation.confidences, evaluation.correct
    low, high = _SURE
    among = (confidences >= low) & (confidences < high)
    answers = int(among.sum())
    sure = f"{low:.0%} to {high:.0%}".replace("%", " %")
    right = f"No prediction had a confidence of {sure}."
    if answers:
        share = percent(float(correct[among].mean()))
        right = f"Of {many(answers, 'prediction')} with a confidence of {sure}, {share} were correct."
    confidence, accuracy = percent(float(confidences.mean())), percent(float(correct.mean()))
    words = (
        f"Mean confidence {confidence}, accuracy {accuracy}, ECE {percent(one.summary['ece'])} ({BINS} bins). {right}"
        " For other kinds of recordings, such as other languages or noisy rooms, confidence is not calibrated."
    )
    alt = f"Reliability diagram of {one.name} on {one.protocol}: accuracy by confidence"
    return [words, f"![{alt}]({RELIABILITY_PICTURE})"]
