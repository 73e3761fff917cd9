"""The corpus and its tests in docs/how-to/add-a-corpus.md."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from code_blocks import ROOT, blocks_of


def test_the_tests_of_the_example_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    module, tests, _ = (block.code for block in blocks_of(ROOT / "docs" / "how-to" / "add-a-corpus.md"))
    mycorpus = ModuleType("hearfelt.corpora.mycorpus", module)
    exec(module, vars(mycorpus))
    monkeypatch.setitem(sys.modules, mycorpus.__name__, mycorpus)
    names: dict[str, object] = {}
    exec(tests, names)
    found = [one for name, one in names.items() if name.startswith("test_") and callable(one)]
    assert len(found) == 2
    for test in found:
        test()
