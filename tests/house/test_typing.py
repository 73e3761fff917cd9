"""What users write with hearfelt passes a strict type checker, and what is wrong does not."""

from __future__ import annotations

import pytest
from mypy import api

SCRIPT = """
from pathlib import Path

import numpy as np

from hearfelt import AudioError, Prediction, Recognizer, read_audio

with Recognizer.load("tiny") as recognizer:
    prediction = recognizer.recognize("clip.wav")
    emotion: str = prediction.emotion
    ranked: list[tuple[str, float]] = prediction.ranked()
    recognizer.recognize(np.zeros(16_000, np.float32), 16_000)
    recognizer.recognize((16_000, np.zeros(16_000, np.int16)))
    recognizer.recognize({"array": np.zeros(16_000), "sampling_rate": 16_000})
    good: list[Prediction] = list(recognizer.recognize_many(Path().glob("*.wav"), errors="skip"))
    for one in recognizer.recognize_many(["a.wav", "b.wav"], errors="return"):
        print(str(one) if isinstance(one, AudioError) else one.confidence)
    for segment in recognizer.timeline("call.wav").segments:
        length: float = segment.end_s - segment.start_s
    sides = [timeline.channel for timeline in recognizer.timeline("call.wav", channels="separate")]
seconds: float = read_audio(b"RIFF").duration_s
"""


@pytest.mark.parametrize(
    ("line", "fault"), [("", ""), ("prediction.emoton\n", "emoton"), ("recognizer.recognize(3)\n", "arg-type")]
)
def test_a_script_of_a_user_is_checked(line: str, fault: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    script = tmp_path_factory.mktemp("user") / "script.py"
    script.write_text(SCRIPT + line)
    cache = tmp_path_factory.getbasetemp() / "mypy"  # shared, so that only the first check takes seconds
    found, broken, code = api.run(["--strict", "--config-file=", f"--cache-dir={cache}", str(script)])
    assert broken == ""
    assert (code != 0, fault in found) == (bool(fault), True), found
