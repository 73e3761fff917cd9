from __future__ import annotations

from dataclasses import replace

from hearfelt.results.formats import write
from hearfelt.results.segment_rows import Heard
from hearfelt.results.text_lines import audacity_label, csv_head, csv_line, json_line, vtt_cue


def test_json_and_json_lines_are_the_same(mixed) -> None:
    assert write([mixed], "json") == write([mixed], "jsonl")


def test_csv_has_a_column_for_each_label_and_is_empty_where_channels_were_mixed(mixed) -> None:
    head, first, *_ = str(write([mixed], "csv")).splitlines()
    assert (
        head
        == 'source,channel,start_s,end_s,emotion,confidence,unsure,model,warnings,calm,sad,"a ""dry"" <joke> & co."'
    )
    assert first == '"a, b.wav",,0.5,2.0,calm,0.7,False,toy,,0.7,0.2,0.1'


def test_a_label_that_is_called_as_a_column_gets_another_name() -> None:
    assert csv_head(["confidence", "sad"]).endswith(",p_confidence,sad\n")


def test_times_have_no_digits_that_mean_nothing(mixed) -> None:
    assert '"end_s": 3.3,' in json_line(Heard("a.wav", None, mixed.segments[1]))
    assert ",2.0,3.3,sad," in csv_line(Heard("a.wav", None, mixed.segments[1]))
    assert audacity_label(Heard("a.wav", None, mixed.segments[1])) == "2.000000\t3.300000\tsad? 45%\n"


def test_a_cue_is_spoken_by_its_side_and_a_question_mark_says_unsure(mixed) -> None:
    sure, unsure, marked = mixed.segments
    assert vtt_cue(Heard("a.wav", 0, sure, "left")) == "00:00:00.500 --> 00:00:02.000\n<v left>calm 70%\n\n"
    assert vtt_cue(Heard("a.wav", None, unsure)) == "00:00:02.000 --> 00:00:03.300\nsad? 45%\n\n"
    assert 'a "dry" &lt;joke&gt; &amp; co. 90%' in vtt_cue(Heard("a.wav", None, marked))


def test_a_label_with_line_breaks_and_tabs_stays_on_its_line(mixed) -> None:
    broken = replace(mixed.segments[0], prediction=replace(mixed.segments[0].prediction, emotion="my\n\n-->\tdog"))
    assert audacity_label(Heard("a.wav", None, broken)).count("\t") == 2
    assert vtt_cue(Heard("a.wav", None, broken)).splitlines()[1] == "my --&gt; dog 70%"


def test_a_name_that_is_no_utf_8_is_spelled_out(mixed) -> None:
    strange = Heard("caf\udce9.wav", None, mixed.segments[0])
    assert csv_line(strange).startswith("caf\\udce9.wav,")
    assert json_line(strange).startswith('{"source": "caf\\\\udce9.wav"')
