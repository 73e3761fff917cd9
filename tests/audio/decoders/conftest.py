from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hearfelt.audio.reader import read_audio
from hearfelt.errors import AudioError


@pytest.fixture
def is_read_or_refused() -> Callable[[bytes, str, int], bool]:
    """Break a file at random, many times; tell whether each of the results is read, or refused in one line."""

    def tried(whole: bytes, seed: str, times: int) -> bool:
        chance = random.Random(seed)
        outcomes = set()
        for _ in range(times):
            broken = bytearray(whole)
            for _ in range(chance.choice((1, 2, 5))):
                broken[chance.randrange(min(len(broken), 2_000))] ^= 1 << chance.randrange(8)
            if chance.random() < 0.3:
                broken = broken[: chance.randrange(len(broken))]
            try:
                outcomes.add(read_audio(bytes(broken)).duration_s < 60)
            except AudioError as error:
                outcomes.add("\n" not in str(error))
        return outcomes == {True}

    return tried
