"""What a job tells about itself while it goes on."""

from __future__ import annotations

__all__ = ["Watcher"]


class Watcher:
    """Is told how a job goes; this one keeps it to itself, a command line's shows it."""

    def remark(self, sentence: str) -> None:
        """Hear a sentence that somebody may want to know."""

    def listed(self, count: int) -> None:
        """Hear how many sounds were found so far."""

    def begin(self, sources: int, seconds: float, *, done: int, done_seconds: float) -> None:
        """Hear how much there is to do, and how much of it was done before; seconds of sound are guessed."""

    def answered(self, sources: int, seconds: float) -> None:
        """Hear how much was answered since the last time."""

    def assembling(self) -> None:
        """Hear that everything is answered, and the table is being written."""
