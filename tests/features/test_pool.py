"""Files measured one by one and in other processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearfelt.audio.reader import audio_files
from hearfelt.augmentation.perturbations import Noise
from hearfelt.errors import AudioError
from hearfelt.features.pool import Task, measure_file, measure_files


def test_a_file_is_measured_once_for_each_change(toy: Path) -> None:
    path = audio_files(toy)[0]
    features = measure_file(Task(path, (None, Noise(20.0, seed=1), None)))
    assert isinstance(features, np.ndarray)
    assert features.shape == (3, 162)
    np.testing.assert_array_equal(features[0], features[2])
    assert not np.array_equal(features[0], features[1])


@pytest.mark.parametrize("processes", [1, 2])
def test_an_unreadable_file_is_an_answer_and_stops_no_other(toy: Path, tmp_path: Path, processes: int) -> None:
    path = audio_files(toy)[0]
    changes = (None,) * 110
    answers = list(
        measure_files([Task(path, changes), Task(tmp_path / "lost.wav", changes), Task(path, changes)], processes)
    )
    assert isinstance(answers[1], AudioError)
    assert "lost.wav" in str(answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])  # type: ignore[arg-type]


def test_a_script_can_use_several_processes_without_a_guard(toy: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from hearfelt.features.pool import Task, measure_files\n"
        "tasks = [Task(Path(sys.argv[1]), (None,) * 160)] * 2\n"
        "print(sum(len(answer) for answer in measure_files(tasks, 2)))\n"
    )
    answer = subprocess.run([sys.executable, script, audio_files(toy)[0]], capture_output=True, text=True, check=True)
    assert answer.stdout == "320\n"
