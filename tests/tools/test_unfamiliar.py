from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.metrics import uar
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.protocols import CORPORA, PROTOCOLS
from hearfelt.evaluation.references import SINGLE_EMOTIONS, ReferenceOptions, find_single_emotions
from hearfelt.evaluation.results import Results, ResultsInfo, find_results, write_results
from hearfelt.reports.formatting import bare, interval
from result_pages.pages import BEGIN, END, check_pages, write_pages
from result_pages.unfamiliar import unfamiliar_page, unfamiliar_pictures

SIX = tuple(one for one in EMOTIONS if one not in ("calm", "surprised"))


@pytest.fixture(scope="module")
def clips() -> Clips:
    """Five corpora by name: two speakers of 36 clips each, and one of 6."""
    return Clips(
        Clip(corpus, Path(corpus), f"{who}/{emotion}{take}.wav", f"{corpus}/{who}", emotion)
        for corpus in CORPORA
        for who, takes in ((1, 6), (2, 6), (3, 1))
        for emotion in SIX
        for take in range(takes)
    )


@pytest.fixture(scope="module")
def make(clips: Clips) -> Callable[..., Results]:
    """Write results of a model of a given accuracy, worse from corpus to corpus."""
    plan = PROTOCOLS["across-corpora"].plan(clips)

    def make(home: Path, name: str, strength: float, reference: ReferenceOptions | None = None) -> Results:
        generator, rows = np.random.default_rng(len(name)), []
        for fold in plan.folds:
            for clip in fold.test:
                logits = generator.normal(0, 1, len(SIX))
                logits[SIX.index(clip.emotion)] += strength - 0.2 * fold.name
                shares = np.exp(logits) / np.exp(logits).sum()
                rows.append(Row(clip.name, clip.speaker, fold.name, 0, clip.emotion, tuple(shares.tolist())))
        info = ResultsInfo(plan, {"name": name}, reference=reference.to_dict() if reference else None)
        return write_results(home / "across-corpora" / name, Evaluation(SIX, rows), info)

    return make


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[..., Results], make_results: Callable[..., Results]
) -> Path:
    """A checkout with results of two models, one of them with references; tests must not change it."""
    root = tmp_path_factory.mktemp("checkout")
    home = root / "results"
    make(home, "hearfelt", 1.5)
    make(home, "svm", 1.0)
    for clips, strength in ((5, 1.8), (30, 2.2)):
        make(home, f"hearfelt-reference-{clips}", strength, ReferenceOptions(clips, draws=1))
    make(home, "hearfelt-reference-speaker-16", 3.0, ReferenceOptions(16, "speaker", draws=1))
    make(home, "hearfelt-reference-20-sad", 0.5, ReferenceOptions(20, draws=1, emotion="sad"))
    make_results(home, "emobox-ravdess", "hearfelt", 3.0, seeds=1)
    trap = home / "across-corpora" / "hearfelt-reference-20-each"
    trap.mkdir()
    runs = [
        {"fold": fold, "seed": 0, "emotion": emotion, "uar": 0.5 + change, "ece": 0.1}
        for fold in (1, 2, 3, 4, 5)
        for emotion, change in ((None, 0.0), ("happy", 0.01), ("sad", -0.01 * fold))
        if (fold, emotion) != (1, "happy")
    ]
    content = {"protocol": "across-corpora", "reference": ReferenceOptions(20, draws=1, emotion="each").to_dict()}
    (trap / SINGLE_EMOTIONS).write_text(json.dumps({**content, "runs": runs}))
    (root / "README.md").write_text(f"{BEGIN}\n{END}\n")
    write_pages(root)
    return root


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "unfamiliar-sound.md").read_text()


def part(text: str, title: str) -> list[list[str]]:
    """The cells of the table of one section."""
    section = re.split(r"^#+ ", text.split(title, 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]


def test_what_was_written_is_fresh_and_all_its_pictures_are_there(root: Path, page: str) -> None:
    check_pages(root)
    shown = re.findall(r"\]\((pictures/[^)]+)\)", page)
    assert len(shown) == 3
    assert all((root / "docs" / name).is_file() for name in shown)


def test_a_row_states_the_score_of_each_corpus_and_their_mean(root: Path, page: str) -> None:
    header, *rows = part(page, "## Across corpora")
    assert header[2:7] == ["RAVDESS", "CREMA-D", "EMO-DB", "nEMO", "mean"]
    assert [row[:2] for row in rows] == [
        ["**hearfelt**", "none"],
        ["**hearfelt**", "5 of the setting"],
        ["**hearfelt**", "30 of the setting"],
        ["**hearfelt**", "16 of the speaker"],
        ["**svm**", "none"],
    ]
    [one] = [
        one for one in find_results(root / "results") if one.name == "hearfelt" and one.protocol == "across-corpora"
    ]
    scores = {run["fold"]: bare(run["uar"]) for run in one.summary["runs"]}
    wanted = [*(scores[fold] for fold in (1, 2, 4, 5)), f"**{bare(one.figure('uar'))}**", interval(one.interval("uar"))]
    assert rows[0][2:] == [*wanted, scores[3], f"{one.summary['ece']:.3f}"]


def test_references_by_speaker_are_compared_on_speakers_with_many_clips(root: Path, page: str) -> None:
    _, *rows = part(page, "### Of the place, or of the person?")
    assert [row[:2] for row in rows] == [
        ["**hearfelt**", kind] for kind in ("none", "5 of the setting", "30 of the setting", "16 of the speaker")
    ]
    [one] = [one for one in find_results(root / "results") if one.name == "hearfelt-reference-speaker-16"]
    scores = []
    for fold in (1, 2, 4, 5):
        part_of = one.evaluation.of(fold=fold)
        kept = [row for row in part_of.rows if not row.speaker.endswith("/3")]
        scores.append(uar(Evaluation(SIX, kept).confusion))
    assert rows[-1][2] == f"**{bare(float(np.mean(scores)))}**"


def test_the_trap_is_shown_by_emotion_without_the_corpus_that_does_not_count(page: str) -> None:
    header, row = part(page, "## The trap")
    assert header[2:] == ["happy", "sad", "mean", "worst corpus"]
    assert row == ["**hearfelt**", "20 of the setting", "+1.0", "−3.0", "**−1.0**", "−5.0 (nEMO, sad)"]


def test_sure_predictions_are_counted_with_all_corpora_alike(root: Path, page: str) -> None:
    _, first, *_ = part(page, "## Keeping only sure predictions")
    [one] = [
        one for one in find_results(root / "results") if one.name == "hearfelt" and one.protocol == "across-corpora"
    ]
    accuracies = [one.evaluation.of(fold=fold).correct.mean() for fold in (1, 2, 4, 5)]
    assert first[-1] == bare(float(np.mean(accuracies)))


def test_the_readme_has_the_outside_figures_beside_the_inside_ones(root: Path) -> None:
    header, row, *_ = [
        line.strip("| ").split(" | ")
        for line in (root / "README.md").read_text().splitlines()
        if "|" in line and "---" not in line
    ]
    outside = header.index("other corpora: UAR % (95 %)")
    assert header[outside + 1] == "… with 30 recordings as reference"
    found = {one.name: one for one in find_results(root / "results") if one.protocol == "across-corpora"}
    assert row[outside].startswith(f"**{bare(found['hearfelt'].figure('uar'))}** (")
    assert row[outside + 1] == bare(found["hearfelt-reference-30"].figure("uar"))


def test_other_pages_show_no_results_with_references(root: Path) -> None:
    assert "hearfelt-reference" not in (root / "docs" / "results.md").read_text()
    assert "`across-corpora`" in (root / "docs" / "results.md").read_text()


def test_sections_without_results_are_left_out(root: Path) -> None:
    found = find_results(root / "results")
    alone = [one for one in found if one.name == "svm"]
    text = unfamiliar_page(alone, [])
    assert "## Across corpora" in text
    assert not any(title in text for title in ("## How many", "### Of the place", "### Unseen speakers", "## The trap"))
    shown = [f"docs/{name}" for name in re.findall(r"\]\((pictures/[^)]+)\)", text)]
    assert [picture.path for picture in unfamiliar_pictures(alone)] == shown
    assert unfamiliar_page([], []).endswith("No results yet.\n")
    assert unfamiliar_pictures([]) == []


def test_unseen_speakers_with_references_have_their_own_table(root: Path) -> None:
    found = find_results(root / "results")
    [inside] = [one for one in found if one.protocol == "emobox-ravdess"]
    reference = replace(
        inside,
        folder=Path("hearfelt-reference-speaker-16"),
        summary={**inside.summary, "reference": ReferenceOptions(16, "speaker").to_dict()},
    )
    header, alone, compared = part(unfamiliar_page([*found, reference], []), "### Unseen speakers of a known corpus")
    assert header[:3] == ["model", "protocol", "reference"]
    assert (alone[2], compared[2]) == ("none", "16 of the speaker")


def test_files_of_a_single_emotion_are_found(root: Path) -> None:
    [one] = find_single_emotions(root / "results")
    assert one.emotions == ("happy", "sad")


def test_sets_of_a_corpus_have_the_threshold_of_the_others_or_of_the_shipped_file(root: Path, page: str) -> None:
    header, *rows = part(page, "## Sets of plausible emotions")
    assert header[3:] == ["RAVDESS", "CREMA-D", "EMO-DB", "nEMO", "size", "inside", "size"]
    assert {row[2] for row in rows} == {"the other corpora"}
    assert all(70 < float(share) <= 100 for row in rows for share in row[3:7])
    found = find_results(root / "results")
    [one] = [one for one in found if one.protocol == "across-corpora" and one.name == "svm"]
    [inside] = [one for one in found if one.protocol == "emobox-ravdess"]
    own = replace(inside, folder=Path("svm"))
    _, other, shipped = part(unfamiliar_page([one, own], [], {"svm": 0.6}), "## Sets of plausible emotions")
    assert (other[2], shipped[2]) == ("the other corpora", "the shipped file")
    rows_of = own.evaluation.rows
    likely = [[share >= 0.4 or share == max(row.probabilities) for share in row.probabilities] for row in rows_of]
    covered = sum(sure[EMOTIONS.index(row.label)] for row, sure in zip(rows_of, likely, strict=True))
    assert shipped[8] == bare(covered / len(rows_of))
