"""The command that writes the results pages."""

from __future__ import annotations

from pathlib import Path

import pytest

import results


def test_the_pages_are_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    assert results.main(["--check"], tmp_path) == 4
    assert "results.md: out of date" in capsys.readouterr().err
    assert results.main([], tmp_path) == 0
    assert capsys.readouterr().out.split() == ["docs/results.md", "docs/unfamiliar-sound.md", "README.md"]
    assert results.main(["--check"], tmp_path) == 0


def test_the_pages_of_this_repository_are_those_it_writes() -> None:
    assert Path(__file__).parents[2] == results.ROOT
    assert (results.ROOT / "docs" / "results.md").is_file()
