"""Work in several processes: the same answers in the same order, and a sentence when one of them is lost."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hearfelt.errors import HearfeltError
from hearfelt.runtime.processes import Arrays, in_processes, processes_for

LARGE = {"ears": np.arange(1_000_000), "a/b": np.float32([[0.5]])}  # far more than a pipe holds
given: dict[str, Arrays] = {}


def keep(arrays: Arrays) -> None:
    given["arrays"] = arrays


def looked_up(place: int) -> tuple[int, int]:
    return int(given["arrays"]["ears"][place]), os.getpid()


def lost(_: int) -> None:
    os._exit(1)


def refused(_: Arrays) -> None:
    raise ValueError("no such ears")


@pytest.mark.parametrize(("amount", "wanted", "processes"), [(9, 4, 1), (10, 4, 1), (35, 4, 3), (900, 4, 4), (0, 4, 1)])
def test_a_process_must_be_worth_its_start(amount: int, wanted: int, processes: int) -> None:
    assert processes_for(amount, 10, wanted) == processes


def test_by_default_there_is_one_for_each_core() -> None:
    assert processes_for(1_000_000, 1) == os.cpu_count()


def test_all_get_the_arrays_and_answers_come_in_the_order_given() -> None:
    places = [5, 999_999, 0, 77] * 20
    answers = list(in_processes(looked_up, places, processes=2, begin=keep, arrays=LARGE))
    assert [place for place, _ in answers] == places
    assert os.getpid() not in {who for _, who in answers}


def test_without_anything_to_begin_with_it_works_too() -> None:
    assert list(in_processes(abs, [-3, 4], processes=2)) == [3, 4]


def test_what_goes_wrong_with_an_item_is_told_as_it_is() -> None:
    with pytest.raises(TypeError):
        list(in_processes(abs, [3, "x"], processes=2))  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["at work", "beginning", "starting"])
def test_a_lost_process_is_told_and_not_waited_for(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "starting":
        script = tmp_path / "script.py"  # a process begins with the script that asks for it
        script.write_text("raise SystemExit(1)")
        main = ModuleType("__main__")
        main.__file__ = str(script)
        monkeypatch.setitem(sys.modules, "__main__", main)
    work, begin = (lost if where == "at work" else abs), (refused if where == "beginning" else keep)
    with pytest.raises(HearfeltError, match="was ended from outside"):
        list(in_processes(work, [1, 2], processes=2, begin=begin, arrays=LARGE))
