from __future__ import annotations

import re
from xml.etree import ElementTree

from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline

SAD = Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.5, "classic")
ODD = Prediction("<b>", 1.0, {"<b>": 1.0}, True, 1.0, "mine", warnings=(SoundWarning("clipped", "5 % is clipped"),))


def test_bars_are_as_long_as_the_probabilities() -> None:
    widths = [float(width) for width in re.findall(r'height="13" width="(\d+)"', SAD._repr_html_())]
    assert widths == [300, 100]


def test_segments_stand_where_they_are_in_time() -> None:
    timeline = Timeline("call.wav", None, 10.0, (Segment(2.5, 5.0, SAD),), ("calm", "sad"), "classic")
    page = timeline._repr_html_()
    assert re.findall(r'x="([\d.]+)" y="10" width="([\d.]+)"', page)[1:] == [("150.0", "150.0")]
    assert "2.5–5.0 s" in page


def test_many_segments_are_counted() -> None:
    parts = tuple(Segment(float(start), start + 1.0, SAD) for start in range(60))
    page = Timeline("call.wav", None, 60.0, parts, ("calm", "sad"), "classic")._repr_html_()
    assert (page.count("<tr>"), "10 more" in page) == (50, True)


def test_labels_of_ones_own_and_warnings_are_text_in_whole_html() -> None:
    timeline = Timeline("<x>", 0, 1.0, (Segment(0.0, 1.0, ODD),), ("<b>",), "mine")
    for page in (ODD._repr_html_(), timeline._repr_html_()):
        root = ElementTree.fromstring(page)
        assert "<b>" in "".join(root.itertext())
    assert "clipped" in ODD._repr_html_()
