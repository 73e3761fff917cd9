from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable

import pytest

from hearfelt.frozen import FrozenDict

SHARES = FrozenDict({"calm": 0.25, "sad": 0.75})


@pytest.mark.parametrize(
    "change",
    [
        lambda shares: shares.__setitem__("calm", 1.0),
        lambda shares: shares.__delitem__("calm"),
        lambda shares: shares.__ior__({"angry": 1.0}),
        lambda shares: shares.update(angry=1.0),
        lambda shares: shares.setdefault("angry", 1.0),
        lambda shares: shares.pop("calm"),
        lambda shares: shares.popitem(),
        lambda shares: shares.clear(),
    ],
)
def test_nothing_changes_it(change: Callable[[FrozenDict[str, float]], object]) -> None:
    with pytest.raises(TypeError, match="cannot be changed"):
        change(SHARES)
    assert SHARES == {"calm": 0.25, "sad": 0.75}


def test_equal_ones_have_equal_hashes_whatever_their_order() -> None:
    assert hash(SHARES) == hash(FrozenDict({"sad": 0.75, "calm": 0.25}))


def test_copies_and_pickles_are_frozen_too() -> None:
    for other in (copy.copy(SHARES), copy.deepcopy(SHARES), pickle.loads(pickle.dumps(SHARES))):
        assert type(other) is FrozenDict
        assert other == SHARES


def test_to_json_it_is_a_dictionary() -> None:
    assert json.dumps(SHARES) == '{"calm": 0.25, "sad": 0.75}'
