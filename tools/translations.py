"""Update the catalogues of the page's languages from the texts in the code, and compile them.

python tools/translations.py             # after a text was changed, and after translating
python tools/translations.py it          # begin a language

A catalogue keeps the translation of every text that is still there. New texts are added without one and are named;
texts that are gone are left out.
"""

from __future__ import annotations

import ast
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Final

from jinja2 import Environment

from hearfelt.reports.library_texts import SENTENCES, WORDS
from hearfelt.reports.translation import ENGLISH, LANGUAGES

__all__ = ["Entry", "catalogue_text", "compiled", "entries", "fields", "read_catalogue"]

PACKAGE: Final = Path(__file__).parents[1] / "src" / "hearfelt"
CATALOGUES: Final = PACKAGE / "reports" / "locale"
SOURCES: Final = ("page", "reports", "service/live")
LIBRARY: Final = "reports/library_texts.py"
CALLS: Final = ("_", "marked", "ngettext")
PLURAL_FORMS: Final = {"fr": "nplurals=2; plural=(n > 1);"}
USUAL_PLURAL_FORMS: Final = "nplurals=2; plural=(n != 1);"

Key = tuple[str, ...]  # a text, or a text for one and a text for several


@dataclass
class Entry:
    """A text of the code.

    Attributes:
        key: the English text, or for a number the text for one and that for several.
        files: where it is, without line numbers, so that a catalogue changes with its texts only.
    """

    key: Key
    files: set[str] = field(default_factory=set)


def entries() -> list[Entry]:
    """Collect the texts of the code, in the order of files and lines."""
    found: dict[Key, Entry] = {}
    for name, key in _texts():
        found.setdefault(key, Entry(key)).files.add(name)
    return list(found.values())


def _texts() -> Iterator[tuple[str, Key]]:
    folders = [PACKAGE / name for name in SOURCES]
    for path in sorted(one for folder in folders for one in folder.rglob("*.py")):
        for key in _in_python(path.read_text(encoding="utf-8")):
            yield path.relative_to(PACKAGE).as_posix(), key
    environment = Environment(autoescape=True)
    for path in sorted(PACKAGE.glob("*/templates/*.html")):
        tree = environment.parse(path.read_text(encoding="utf-8"))
        from jinja2.ext import extract_from_ast

        for _line, _function, texts in extract_from_ast(tree, CALLS, babel_style=False):
            yield path.relative_to(PACKAGE).as_posix(), _key(texts)
    for text in (*WORDS, *SENTENCES):
        yield LIBRARY, (text,)


def _key(texts: str | tuple[str | None, ...]) -> Key:
    return (texts,) if isinstance(texts, str) else tuple(one for one in texts if one is not None)


def _in_python(source: str) -> Iterator[Key]:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        if not isinstance(call.func, ast.Name) or call.func.id not in CALLS:
            continue
        wanted = call.args[: 2 if call.func.id == "ngettext" else 1]
        texts = [one.value for one in wanted if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if texts and len(texts) == len(wanted):
            yield tuple(texts)


def fields(text: str) -> set[str]:
    """Return the names of the values in a text."""
    return {name for _text, name, _format, _conversion in Formatter().parse(text) if name is not None}


def read_catalogue(text: str) -> dict[Key, tuple[str, ...]]:
    """Read the translations of a catalogue, by their keys; those that are marked as fuzzy are left out."""
    found: dict[Key, tuple[str, ...]] = {}
    for block in text.split("\n\n"):
        parts: dict[str, str] = {}
        last = ""
        for line in block.splitlines():
            if line.startswith("#"):
                if line.startswith("#,") and "fuzzy" in line:
                    parts.clear()
                    break
                continue
            word, _space, rest = line.partition(" ")
            if not line.startswith('"'):
                last, line = word, rest
                parts[last] = ""
            parts[last] += ast.literal_eval(line)
        if parts.get("msgid"):
            key = tuple(parts[name] for name in ("msgid", "msgid_plural") if name in parts)
            found[key] = tuple(text for name, text in parts.items() if name.startswith("msgstr"))
    return found


def catalogue_text(code: str, known: dict[Key, tuple[str, ...]]) -> str:
    """Write a catalogue.

    Args:
        code: of the language.
        known: translations; a text without one is empty.
    """
    plural = PLURAL_FORMS.get(code, USUAL_PLURAL_FORMS)
    header = f"Language: {code}\nContent-Type: text/plain; charset=UTF-8\nPlural-Forms: {plural}\n"
    blocks = [f'# Made by tools/translations.py, which keeps the translations.\nmsgid ""\nmsgstr {_quoted(header)}']
    for one in entries():
        lines = [f"#: {name}" for name in sorted(one.files)]
        lines += [f"{name} {_quoted(text)}" for name, text in zip(("msgid", "msgid_plural"), one.key, strict=False)]
        texts = known.get(one.key, ("",) * len(one.key))
        names = ["msgstr"] if len(one.key) == 1 else [f"msgstr[{place}]" for place in range(len(texts))]
        lines += [f"{name} {_quoted(text)}" for name, text in zip(names, texts, strict=True)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def compiled(code: str, known: dict[Key, tuple[str, ...]]) -> bytes:
    """Make the file that Python's ``gettext`` reads, as GNU gettext defines it.

    Args:
        code: of the language.
        known: translations; empty ones are left out.
    """
    plural = PLURAL_FORMS.get(code, USUAL_PLURAL_FORMS)
    texts = {"": f"Content-Type: text/plain; charset=UTF-8\nPlural-Forms: {plural}\n"}
    texts |= {"\0".join(key): "\0".join(translated) for key, translated in known.items() if all(translated)}
    pairs = [(one.encode(), other.encode()) for one, other in sorted(texts.items(), key=lambda pair: pair[0].encode())]
    start = 28 + 16 * len(pairs)  # of the texts: after the head and two tables of lengths and places
    tables, data = [], b""
    for side in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<2I", len(pair[side]), start + len(data)))
            data += pair[side] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + b"".join(tables) + data


def update(code: str) -> list[str]:
    """Update a catalogue and its compiled file; returns the texts that have no translation."""
    path = CATALOGUES / f"{code}.po"
    known = read_catalogue(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(catalogue_text(code, known), encoding="utf-8", newline="\n")
    known = read_catalogue(path.read_text(encoding="utf-8"))
    path.with_suffix(".mo").write_bytes(compiled(code, known))
    return [key[0] for key, texts in known.items() if not all(texts)]


def main() -> None:
    """Update all catalogues, or begin those that are named."""
    for code in sys.argv[1:] or [one for one in LANGUAGES if one != ENGLISH]:
        missing = update(code)
        print(f"{code}: {len(missing)} texts without a translation")
        for text in missing:
            print(f"  {text}")


if __name__ == "__main__":
    main()
