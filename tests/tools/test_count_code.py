from __future__ import annotations

from pathlib import Path

from count_code import counts

FILES = {
    "src/hearfelt/__init__.py": '"""Nothing but a docstring."""\n',
    "src/hearfelt/reader.py": '"""Read."""\n\nfrom hearfelt.audio import Audio\n\n\ndef read():\n    return Audio()\n',
    "src/hearfelt/audio.py": (
        '"""Audio.\n\nTwo more lines.\n"""\n\n# a comment\nclass Audio:\n    """A sound."""\n\n    def again(self):\n'
        "        from hearfelt import reader\n\n        return reader.read()\n"
    ),
    "tests/test_reader.py": "assert True\n",
}


def test_lines_importers_and_cycles_are_those_of_the_files(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = counts(tmp_path)
    assert found["modules"] == "2"
    assert found["lines of code"] == "7"  # 3 of reader, 4 of audio
    assert found["lines of docstrings"] == "6"  # without that of __init__, which is no module of its own
    assert found["modules with exactly one importer"] == "2"
    assert found["public names without docstring"] == "2 of 5"  # read() and again()
    assert found["lines of tests per line of code"] == "0.14"
    assert found["modules in import cycles, at the top"] == "0"
    assert found["modules in import cycles, with deferred imports"] == "2"
