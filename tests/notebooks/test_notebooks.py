"""The notebooks run as they are, on the toy corpus that they make themselves, and show what they promise."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from hearfelt.corpora.clips import COLUMNS
from hearfelt.emotions import EMOTIONS
from hearfelt.features.classic import GROUPS
from hearfelt.features.table import TABLE_COLUMNS

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("explain", "explore", "train")
CLIPS = 240  # of the toy corpus that each makes
LONGEST_S = 600  # for one cell; a hanging notebook fails, a slow machine does not


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


class Executed:
    """A notebook that has run to its end, with its kernel still there."""

    def __init__(self, client: NotebookClient) -> None:
        self._client = client
        self.cells = {cell.id: cell for cell in client.nb.cells if cell.cell_type == "code"}

    def outputs(self, kind: str) -> list[str]:
        """Everything shown in one form, such as ``"image/png"``."""
        outputs = [output for cell in self.cells.values() for output in cell.outputs]
        return [output.data[kind] for output in outputs if kind in output.get("data", {})]

    def printed(self, stream: str = "stdout") -> str:
        outputs = [output for cell in self.cells.values() for output in cell.outputs]
        return "".join(output.text for output in outputs if output.get("name") == stream)

    def ask(self, expression: str) -> Any:
        """Give the value of an expression in the notebook's own names."""
        self._client.nb.cells.append(new_code_cell(f"import json\nprint(json.dumps({expression}))"))
        cell = self._client.execute_cell(self._client.nb.cells[-1], len(self._client.nb.cells) - 1)
        return json.loads(cell.outputs[0].text)


@contextmanager
def executed(name: str, home: Path) -> Iterator[Executed]:
    """Run a notebook from top to bottom in an empty folder far from the repository."""
    folders = {"here": home / "here", "TMPDIR": home / "temporary", "IPYTHONDIR": home / "ipython"}
    for folder in folders.values():
        folder.mkdir()
    here = folders.pop("here")
    environment = {**os.environ, **{variable: str(folder) for variable, folder in folders.items()}}
    client = NotebookClient(read(name), timeout=LONGEST_S, resources={"metadata": {"path": str(here)}})
    with client.setup_kernel(env=environment):
        for place, cell in enumerate(client.nb.cells):
            client.execute_cell(cell, place)
        yield Executed(client)
    assert list(here.iterdir()) == []
    assert list(folders["TMPDIR"].glob("hearfelt*")) == []  # torch leaves an empty folder of its own


def test_there_are_three_notebooks() -> None:
    assert tuple(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_committed(name: str) -> None:
    for cell in read(name).cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
        assert not cell.metadata, cell.id


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_valid_notebook_whose_cells_have_names_of_their_own(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    identifiers = [cell.id for cell in notebook.cells]
    assert len(set(identifiers)) == len(identifiers)
    assert "execution" not in notebook.metadata


@pytest.mark.parametrize("name", NAMES)
def test_the_place_for_ones_own_recordings_comes_first_and_is_left_empty(name: str) -> None:
    first = next(cell for cell in read(name).cells if cell.cell_type == "code")
    assert first.id == "your-own-recordings"
    assert '\nCORPUS = ""\n' in first.source


def test_exploring_shows_plots_writes_both_tables_and_measures_speaker_leakage(tmp_path: Path) -> None:
    with executed("explore", tmp_path) as explored:
        assert explored.printed("stderr") == ""
        assert len(explored.outputs("image/png")) == 11
        assert sum(html.count("<audio") for html in explored.outputs("text/html")) == len(EMOTIONS)
        assert "complete\n" in explored.printed()
        tables = "[(home / name).read_text().splitlines() for name in ('df.csv', 'features.csv')]"
        clips, features = explored.ask(tables)
        assert clips[0] == ",".join(COLUMNS)
        assert features[0] == ",".join(TABLE_COLUMNS)
        assert len(clips) == len(features) == 1 + CLIPS
        leak = explored.ask("vars(leak)")
        assert leak["same_speaker"] > 2 * leak["same_speaker_by_chance"]
        assert leak["same_emotion"] > leak["same_emotion_of_others"] > leak["same_emotion_by_chance"]


def test_training_exports_a_model_that_works_on_unseen_speakers_and_measures_leakage(tmp_path: Path) -> None:
    with executed("train", tmp_path) as trained:
        assert trained.printed("stderr") == ""
        assert len(trained.outputs("image/png")) == 5
        assert "fold 1 leaks: 10 speakers are on both sides" in trained.printed()
        assert "did you mean 'learning_rate'?" in trained.printed()
        assert "by-clip is leaky" in trained.printed()
        assert trained.ask("model.name") == "model.onnx"
        assert trained.ask("list(card.labels)") == list(EMOTIONS)
        assert not set(trained.ask("card.training_speakers")) & set(trained.ask("test_speakers"))
        assert trained.ask("prediction.emotion") in EMOTIONS
        assert trained.ask("test_results.figure('uar')") > 0.6
        assert not trained.ask("by_speaker.summary['leaky']")
        assert 0.6 < trained.ask("by_speaker.figure('uar')") < trained.ask("leaky.figure('uar')")


def test_explaining_gives_shares_that_add_up(tmp_path: Path) -> None:
    with executed("explain", tmp_path) as explained:
        assert explained.printed("stderr") == ""
        assert len(explained.outputs("image/png")) in (4, 5)  # the last is of a wrong prediction, if there is one
        assert "It adds up." in explained.printed()
        shares = explained.ask("why.contributions")
        assert set(shares) == set(GROUPS)
        change = explained.ask("why.log_odds - why.base_log_odds")
        assert sum(shares.values()) == pytest.approx(change)
        assert max(map(abs, shares.values())) > 0.1
        assert explained.ask("sum(right) / len(right)") > 0.6
        assert explained.ask("sum(count for _, count, _ in unsure_rows)") == 48  # the clips of two unseen speakers
