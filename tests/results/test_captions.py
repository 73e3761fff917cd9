from __future__ import annotations

from dataclasses import replace

from hearfelt.inference.timeline.segments import SegmentRow
from hearfelt.results.captions import audacity_label, vtt_cue
from hearfelt.results.formats import write


def test_times_have_no_digits_that_mean_nothing(mixed) -> None:
    assert '"end_s": 3.3,' in str(write([mixed], "json"))
    assert ",2.0,3.3,sad," in str(write([mixed], "csv"))
    assert audacity_label(SegmentRow("a.wav", None, mixed.segments[1])) == "2.000000\t3.300000\tsad? 45%\n"


def test_a_cue_is_spoken_by_its_side_and_a_question_mark_says_unsure(mixed) -> None:
    sure, unsure, marked = mixed.segments
    assert vtt_cue(SegmentRow("a.wav", 0, sure, "left")) == "00:00:00.500 --> 00:00:02.000\n<v left>calm 70%\n\n"
    assert vtt_cue(SegmentRow("a.wav", None, unsure)) == "00:00:02.000 --> 00:00:03.300\nsad? 45%\n\n"
    assert 'a "dry" &lt;joke&gt; &amp; co. 90%' in vtt_cue(SegmentRow("a.wav", None, marked))


def test_a_label_with_line_breaks_and_tabs_stays_on_its_line(mixed) -> None:
    broken = replace(mixed.segments[0], prediction=replace(mixed.segments[0].prediction, emotion="my\n\n-->\tdog"))
    assert audacity_label(SegmentRow("a.wav", None, broken)).count("\t") == 2
    assert vtt_cue(SegmentRow("a.wav", None, broken)).splitlines()[1] == "my --&gt; dog 70%"
