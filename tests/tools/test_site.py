from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_site_with_broken_links_or_things_from_elsewhere_is_refused(tmp_path: Path) -> None:
    faults_of = loaded("check_site").faults_of
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="sub/b.html#here">b</a><a href="https://example.org">c</a>'
    )
    (tmp_path / "sub" / "b.html").write_text('<p id="here"></p><a href="../a.html#top">a</a><img src="p.png">')
    (tmp_path / "sub" / "p.png").write_bytes(b"")
    assert list(faults_of(tmp_path)) == []
    (tmp_path / "a.html").write_text(
        '<a href="sub/b.html#gone">b</a><a href="none.html">n</a><script src="https://example.org/x.js"></script>'
    )
    assert list(faults_of(tmp_path)) == [
        "a.html: sub/b.html#gone has no such place",
        "a.html: none.html is not there",
        "a.html: script loads https://example.org/x.js",
        "sub/b.html: ../a.html#top has no such place",
    ]


@pytest.mark.parametrize(
    ("link", "page", "moved"),
    [
        ("[card](../MODEL_CARD.md#x)", "docs/index.md", "[card](MODEL_CARD.md#x)"),
        ("[card](../../MODEL_CARD.md)", "docs/how-to/proxy.md", "[card](../MODEL_CARD.md)"),
        ("[start](../README.md)", "docs/faq.md", "[start](index.md)"),
        ("[result](../results/x.json)", "docs/results.md", "result"),
        ("[web](https://example.org/a)", "docs/faq.md", "[web](https://example.org/a)"),
        ("```\n[x](../y)\n```", "docs/faq.md", "```\n[x](../y)\n```"),
    ],
)
def test_links_that_leave_the_docs_lead_somewhere_or_nowhere(link: str, page: str, moved: str) -> None:
    pytest.importorskip("mkdocs")
    hooks = loaded("site_hooks")
    assert hooks.moved(link, page.rpartition("/")[0], page) == moved


def test_every_page_of_the_navigation_is_there_and_every_page_is_in_it() -> None:
    yaml = pytest.importorskip("yaml")
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]

    def pages(node: object) -> list[str]:
        if isinstance(node, str):
            return [node]
        return [page for part in (node.values() if isinstance(node, dict) else node) for page in pages(part)]  # type: ignore[attr-defined]

    outside = {"MODEL_CARD.md", "CHANGELOG.md", "CONTRIBUTING.md"}
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert set(pages(nav)) == there | outside


def test_roles_and_examples_of_docstrings_are_written_for_the_site() -> None:
    pytest.importorskip("griffe")
    plain = loaded("site_docstrings").plain
    text = "A :class:`hearfelt.Audio` of ``(n,)``.\n\nExample:\n    >>> 1\n    1"
    assert plain(text) == "A `Audio` of `(n,)`.\n\nExamples:\n    >>> 1\n    1"
