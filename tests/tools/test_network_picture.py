from __future__ import annotations

from xml.etree import ElementTree

import pytest

pytest.importorskip("torch")

from hearfelt.models.sound_network import Projection
from hearfelt.training.settings import Heads
from network_picture import BOXES, PICTURE, SIZE, STATISTICS, drawn


def test_the_drawn_network_is_the_one_that_the_script_draws() -> None:
    assert PICTURE.read_text(encoding="utf-8") == drawn()


def test_all_boxes_are_inside_and_apart() -> None:
    ElementTree.fromstring(drawn())  # our own text
    boxes = [(left, top, left + width, top + height) for left, top, width, height, *_ in BOXES.values()]
    assert all(left >= 0 and top >= 0 and right <= SIZE[0] and bottom <= SIZE[1] for left, top, right, bottom in boxes)
    for index, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[index + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_the_number_of_statistics_is_that_of_the_shipped_network() -> None:
    onnx = pytest.importorskip("onnx")
    from hearfelt.inference.recognizer import model_path

    graph = onnx.load(str(model_path("hearfelt"))).graph
    shapes = {tuple(tensor.dims) for tensor in graph.initializer}
    assert (STATISTICS, Heads().components) in shapes
    assert Projection(STATISTICS, 2).components.shape == (STATISTICS, 2)
