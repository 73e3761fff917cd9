from __future__ import annotations

from pathlib import Path

from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.inference.card import ModelCard
from hearfelt.reports.teaching import write_teaching_report


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
