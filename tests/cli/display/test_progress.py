from __future__ import annotations

import io
import sys

import pytest

from hearfelt.cli.display.progress import progress, sound_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_where_nobody_looks_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with sound_bar("call.wav") as bar:
        bar.expect(60)
        bar.reached(30)
    assert capsys.readouterr() == ("", "")


def test_at_a_terminal_it_shows_how_much_was_heard_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, printed = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with sound_bar("[call].wav") as bar:
        bar.expect(3_600)
        bar.reached(90)
        print("a line for a pipe")
    shown = screen.getvalue()
    assert "[call].wav" in shown
    assert "0:01:30 of 1:00:00" in shown
    assert "× real time" in shown
    assert printed.getvalue() == "a line for a pipe\n"


def test_without_a_known_length_it_shows_how_much_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with sound_bar("-") as bar:
        bar.expect(0)
        bar.reached(61)
    assert "1:01" in screen.getvalue()
    assert " of " not in screen.getvalue()


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("working", 3) as done:
        done(3)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("unit", ["items", "bytes"])
def test_progress_is_a_bar_at_a_terminal(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    with progress("working", 3_000_000, unit=unit) as done:  # type: ignore[arg-type]
        done(3_000_000)
    assert "working" in screen.getvalue()
    assert ("3.0/3.0 MB" if unit == "bytes" else "3000000/3000000") in screen.getvalue()
