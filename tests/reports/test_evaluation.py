from __future__ import annotations

import csv
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.splits import Leaks
from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.protocols import CORPORA, PROTOCOLS
from hearfelt.evaluation.references import ReferenceOptions
from hearfelt.evaluation.results import FailedClip, Results, ResultsInfo, write_results
from hearfelt.inference.card import ModelCard
from hearfelt.reports.evaluation import read_curves, write_report, write_teaching_report
from hearfelt.reports.formatting import bare, percent


class Words(HTMLParser):
    """What a reader sees, and what a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.fetched: list[str] = []
        self.hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag == "style"
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def answers(plan: Plan, *, seeds: int = 2) -> Evaluation:
    generator = np.random.default_rng(1)
    rows = []
    for seed in range(seeds):
        for fold in plan.folds:
            for clip in fold.test:
                logits = generator.normal(0, 1, len(plan.emotions))
                logits[plan.emotions.index(clip.emotion)] += 1.5
                shares = np.exp(logits) / np.exp(logits).sum()
                rows.append(Row(clip.name, clip.speaker, fold.name, seed, clip.emotion, tuple(shares.tolist())))
    return Evaluation(plan.emotions, rows)


def plan_of(speakers: int = 6, emotions: tuple[str, ...] = EMOTIONS, corpus: str = "mine") -> Plan:
    clips = Clips(
        Clip(corpus, Path("nowhere"), f"{speaker}/{emotion}-{take}.wav", f"{corpus}/{speaker}", emotion)
        for speaker in range(speakers)
        for emotion in emotions
        for take in range(2)
    )
    return PROTOCOLS["by-speaker"].plan(clips, folds=2)


def write_curves(folder: Path) -> None:
    columns = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "validation_uar"]
    with (folder / "curves.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["fold", "seed", "epoch", *columns])
        for fold in (1, 2):
            for seed in (0, 1):
                writer.writerows([fold, seed, epoch, 2 / epoch, 0.5, 2.1 / epoch, 0.4, 0.45] for epoch in (1, 2, 3))


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return written(tmp_path)


def written(folder: Path) -> Results:
    plan = plan_of()
    epochs = {(fold, seed): 2 + seed for fold in (1, 2) for seed in (0, 1)}
    failed = [FailedClip("0/calm-0.wav", "mine/0", "0/calm-0.wav: silent")]
    info = ResultsInfo(plan, {"name": "mine", "fit": {"epochs": 40}}, epochs, failed=failed)
    return write_results(folder / "by-speaker" / "mine", answers(plan), info)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, str]:
    """Results with learning curves, and their report."""
    results = written(tmp_path_factory.mktemp("results"))
    write_curves(results.folder)
    return results, write_report(results).read_text()


def test_the_page_states_the_figures_of_the_summary(reported: tuple[Results, str]) -> None:
    results, page = reported[0], Words(reported[1])
    for metric in ("uar", "accuracy", "macro_f1"):
        assert percent(results.figure(metric)) in page.text
    assert percent(results.summary["ece"]) in page.text
    assert "fit.epochs 40" in page.text
    assert results.summary["corpora"]["mine"]["fingerprint"] in page.text
    assert "1 clip (unreadable or silent)" in page.text
    assert "0/calm-0.wav: silent" in page.text
    assert "leaky" not in page.text


def test_the_page_stands_alone_with_every_plot(reported: tuple[Results, str]) -> None:
    _, text = reported
    assert all(place.startswith(("#", "data:")) for place in Words(text).fetched)
    assert "<script" not in text
    assert not re.search(r"url\((?!['\"]?#)", text)
    assert text.count("<svg") == 6


def test_curves_are_read_with_fold_seed_and_epoch_as_numbers(results: Results) -> None:
    write_curves(results.folder)
    rows = read_curves(results.folder)
    assert len(rows) == 12
    assert (rows[-1]["fold"], rows[-1]["seed"], rows[-1]["epoch"]) == (2, 1, 3)
    assert rows[0]["train_loss"] == 2.0


def test_the_page_says_where_the_epoch_was_chosen_and_names_auxiliary_corpora(tmp_path: Path) -> None:
    plan = plan_of()
    folder = tmp_path / "by-speaker" / "honest"
    folder.mkdir(parents=True)
    write_curves(folder)
    honest = write_results(folder, answers(plan), ResultsInfo(plan, {}))
    assert "chosen on validation clips" in Words(write_report(honest).read_text()).text
    step = replace(plan.protocol, leaky=True, copies_of_test=True, chooses_on_test=True)
    song = Clips([Clip("other", Path("nowhere"), "song.wav", "other/1", "sad", channel="song")])
    leaky = replace(plan, protocol=step, auxiliary=song)
    folder = tmp_path / "by-speaker" / "leaky"
    folder.mkdir()
    write_curves(folder)
    page = Words(write_report(write_results(folder, answers(plan), ResultsInfo(leaky, {}))).read_text())
    assert "The epoch was chosen on the test clips, to show the effect of this leak." in page.text
    assert "other, for training only" in page.text


def test_without_curves_there_is_no_training_section(results: Results) -> None:
    assert "Training</h2>" not in write_report(results).read_text()


def test_a_finished_model_has_no_curves_even_where_another_recipe_s_lie(results: Results) -> None:
    info = ResultsInfo(plan_of(), {"name": "mine"}, model="classic")
    finished = write_results(results.folder, answers(plan_of(), seeds=1), info)
    write_curves(results.folder)
    page = Words(write_report(finished).read_text())
    assert "Training</h2>" not in write_report(finished).read_text()
    assert "all predictions are of the finished model classic" in page.text


def test_a_leaky_result_opens_with_a_warning(tmp_path: Path) -> None:
    honest = plan_of()
    leaky = Plan(PROTOCOLS["seed-ravdess"], honest.clips, honest.folds, (), {}, Leaks(("mine/0", "mine/1"), ()))
    text = write_report(write_results(tmp_path, answers(honest), ResultsInfo(leaky, {}))).read_text()
    page = Words(text)
    assert "seed-ravdess is leaky: 2 speakers on both sides" in page.text
    assert text.index("is leaky") < text.index("UAR")


def test_each_clip_is_once_among_the_mistakes(reported: tuple[Results, str]) -> None:
    results, page = reported
    mistakes = page[page.index("Mistakes with the highest confidence") : page.index("Folds, seeds and speakers</h2>")]
    evaluation = results.evaluation
    names = re.findall(r'scope="row">([^<]+)<', mistakes)
    assert len(names) == 10
    wrong = np.flatnonzero(~evaluation.correct)
    surest = wrong[np.argmax(evaluation.confidences[wrong])]
    assert Path(evaluation.rows[surest].clip).stem == names[0]


def test_a_page_of_one_speaker_and_a_perfect_model_is_written(tmp_path: Path) -> None:
    clips = [Clip("mine", Path("nowhere"), f"{emotion}.wav", "mine/unknown", emotion) for emotion in ("calm", "sad")]
    whole = PROTOCOLS["by-speaker"]
    rows = [Row(c.name, c.speaker, 1, 0, c.emotion, (1.0, 0.0) if c.emotion == "calm" else (0.0, 1.0)) for c in clips]
    plan = Plan(whole, Clips(clips), (), (), {}, Leaks((), ()))
    results = write_results(tmp_path, Evaluation(("calm", "sad"), rows), ResultsInfo(plan, {}, model="classic"))
    page = Words(write_report(results).read_text())
    assert "No clip was recognized as another emotion" in page.text
    assert "95 %" not in page.text


def test_names_from_outside_cannot_break_the_page(tmp_path: Path) -> None:
    plan = plan_of(corpus="<b>&")
    results = write_results(tmp_path / "<i>", answers(plan), ResultsInfo(plan, {"name": "<script>alert(1)</script>"}))
    text = write_report(results).read_text()
    assert "<script" not in text
    assert "<i>" not in text


def test_corpora_have_their_names_errors_and_curves(tmp_path: Path) -> None:
    clips = Clips(
        Clip(corpus, Path(corpus), f"{who}{emotion}{take}.wav", f"{corpus}/{who}", emotion)
        for corpus in CORPORA
        for who in range(2)
        for emotion in ("neutral", "happy", "sad")
        for take in range(2)
    )
    plan = PROTOCOLS["across-corpora"].plan(clips)
    info = ResultsInfo(plan, {"name": "mine"}, reference=ReferenceOptions(5).to_dict())
    results = write_results(tmp_path, answers(plan, seeds=1), info)
    text = Words(write_report(results).read_text(encoding="utf-8")).text
    assert "each clip compared with 5 others of its setting; mean of 3 draws" in text
    assert "mean of the corpora" in text
    run = results.summary["runs"][4]
    assert f"nemo 0 {bare(run['uar'])} {bare(run['accuracy'])} {bare(run['macro_f1'])} {bare(run['ece'])}" in text


def test_the_page_shows_labels_of_any_name_and_the_warnings_first(tmp_path: Path) -> None:
    labels = ("calm", "my <dog>")
    shares = ((0.8, 0.2), (0.4, 0.6), (0.3, 0.7), (0.1, 0.9))
    rows = [Row(f"{n}.wav", "mine/a", 1, 0, labels[n % 2], some) for n, some in enumerate(shares)]
    card = ModelCard("mine", "0", labels, "sound", description="Taught.", limits=("It knows one dog.",))
    curve = [(0.5, 2, 0.5), (1.0, 4, 0.75)]
    path = write_teaching_report(
        tmp_path / "mine.html", card, Evaluation(labels, rows), curve, warnings=["one dog alone"]
    )
    page = path.read_text(encoding="utf-8")
    assert "One dog alone." in page
    assert page.index("One dog alone.") < page.index("Would more clips help?</h2>")
    assert "my &lt;dog&gt;" in page
    assert "my <dog>" not in page
    assert "It knows one dog." in page
    assert "75.0 %" in page
