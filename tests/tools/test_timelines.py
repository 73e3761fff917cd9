from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import LabelSpan
from hearfelt.evaluation.results import SUMMARY
from hearfelt.evaluation.segment_results import (
    SegmentResults,
    Tables,
    read_segment_results,
    read_tables,
    summarize,
    write_tables,
)
from hearfelt.reports.formatting import COLUMNS, method_rows
from result_pages.pages import check_pages, write_pages
from result_pages.timelines import example_of, over_time_section

REPOSITORY = Path(__file__).parents[2]
EMOTIONS = ("calm", "sad")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with one result over time, with recordings of one and of five clips."""
    root = tmp_path_factory.mktemp("checkout")
    folder = root / "results" / "ravdess-conversations" / "mine"
    folder.mkdir(parents=True)
    truth, answers = [], []
    for name, clips in (("000", 1), ("001", 5), ("002", 6)):
        for turn in range(clips):
            head = [name, "ravdess/06", "30.0", "20.0", "1", f"{turn}.wav", str(4 * turn)]
            truth.append([*head, str(4 * turn + 1), str(4 * turn + 3), EMOTIONS[turn % 2]])
            answers.append([name, "timeline", str(4 * turn + 1.5), str(4 * turn + 3), "sad", "0.2", "0.8"])
        answers.append([name, "naive", "0.0", "30.0", "calm", "0.9", "0.1"])
    write_tables(folder, Tables(EMOTIONS, truth, answers))
    summary = {"protocol": "ravdess-conversations", "model": "mine", "version": "0", "seed": 0, "left_out": {}}
    (folder / SUMMARY).write_text(json.dumps(summary | summarize(*read_tables(folder))))
    (root / "docs").mkdir()
    (root / "docs" / "anchors.toml").write_bytes((REPOSITORY / "docs" / "anchors.toml").read_bytes())
    write_pages(root)
    return root


@pytest.fixture(scope="module")
def one(checkout: Path) -> SegmentResults:
    return read_segment_results(checkout / "results" / "ravdess-conversations" / "mine")


def test_the_page_states_both_ways_figures_and_is_fresh(checkout: Path, one: SegmentResults) -> None:
    check_pages(checkout)
    page = (checkout / "docs" / "results.md").read_text()
    assert "### mine on `ravdess-conversations`" in page
    assert "3 recordings of 1 speaker, 2 minutes" in page
    for row in method_rows(one.summary):
        assert f"| {' | '.join(row)} |" in page
    assert f"is {one.summary['lower_than_naive'] * 100:.1f} % lower than that of the naive method" in page


def test_rows_are_in_the_order_of_their_columns(one: SegmentResults) -> None:
    timeline, naive, gated = (dict(zip(COLUMNS, row[1:], strict=True)) for row in method_rows(one.summary))
    # 12 turns of 2 s, each missed for 0.5 s; every second one is calm, 7 of 12, and answered sad for 1.5 s
    assert timeline["missed"] == gated["missed"] == "25.0"
    assert timeline["false alarm"] == "0.0"
    assert timeline["confusion"] == f"{100 * 7 * 1.5 / 24:.1f}"
    assert timeline["error rate"] == f"{25 + 100 * 7 * 1.5 / 24:.1f}"
    assert naive["false alarm"] == f"{100 * (90 - 24) / 24:.1f}"


def test_the_picture_shows_the_first_recording_of_five_clips_and_is_drawn_anew_when_it_changes(
    checkout: Path, one: SegmentResults
) -> None:
    assert example_of(one).name == "001"
    path = checkout / "docs" / "pictures" / "ravdess-conversations-mine.png"
    assert f"](pictures/{path.name})" in (checkout / "docs" / "results.md").read_text()
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"hearfelt over time of", b"hearfelt over time 0f"))
    with pytest.raises(CorpusError, match="out of date"):
        check_pages(checkout)
    path.write_bytes(whole)


def test_a_model_worse_than_the_naive_method_is_reported(one: SegmentResults) -> None:
    worse = SegmentResults(one.folder, one.emotions, one.recordings, {**one.summary, "lower_than_naive": -0.25})
    assert "is 25.0 % higher than that of the naive method" in over_time_section([worse])


def test_no_result_makes_no_section() -> None:
    assert over_time_section([]) == ""


def test_a_segment_is_a_segment(one: SegmentResults) -> None:
    assert one.recordings[0].truth == (LabelSpan(1.0, 3.0, "calm"),)
