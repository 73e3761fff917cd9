"""Silence that a container does not store: its sound begins late, or its time stamps leave a gap.

A recorder stores nothing while a microphone is muted or packets are lost, and a video's sound may begin after its
pictures. Closed up, every segment behind a gap would be told too early.
"""

from __future__ import annotations

from typing import Final

from hearfelt.errors import AudioError

__all__ = ["Gaps"]

_SHORTEST_S: Final = 0.05  # what is less is how exactly recorders tell the time; two frames of most codecs are longer
_RESTART_S: Final = 10.0  # from here on FFmpeg's own programs take a jump for another recording (dts_delta_threshold)
_MOST_S: Final = 24 * 3600.0  # of silence in one file; more is a damaged time stamp


class Gaps:
    """Finds gaps by when each frame should be heard.

    A frame that comes too early is heard late, when those before it are over; nothing is cut off. A jump back by more
    than 10 s is another recording, whose time goes on where the one before it ended.

    Args:
        start_s: the time stamp of the container's beginning; that of the first frame if nobody knows.
        restarts: whether a jump forward by more than 10 s is another recording too, as in what is broadcast.
        name: what messages call the file.

    Attributes:
        total_s: how long everything has lasted so far, with gaps.

    Example:
        >>> gaps = Gaps(0.0, restarts=False, name="a.webm")
        >>> gaps.before(0.0, 1.0), gaps.before(1.01, 1.0), gaps.before(5.0, 1.0)
        (0.0, 0.0, 3.0)
    """

    def __init__(self, start_s: float | None, *, restarts: bool, name: str) -> None:
        self.total_s = 0.0
        self._start_s, self._restarts, self._name = start_s, restarts, name
        self._silent_s = 0.0

    def before(self, at_s: float | None, lasts_s: float) -> float:
        """Tell how many seconds of silence stand before the next frame.

        Args:
            at_s: the frame's time stamp, if it has one.
            lasts_s: how long the frame is.

        Raises:
            AudioError: if the silence of the whole file would be longer than a day.
        """
        gap_s = self._jump_s(at_s)
        if gap_s < -_RESTART_S or (self._restarts and gap_s > _RESTART_S):
            self._start_s, gap_s = (self._start_s or 0.0) + gap_s, 0.0
        if gap_s < _SHORTEST_S:
            gap_s = 0.0
        self._silent_s += gap_s
        if self._silent_s > _MOST_S:
            raise AudioError(
                f"{self._name}: after {self.total_s:.2f} s a time stamp that cannot be right, {gap_s / 3600:,.0f} hours"
                " later; copy or record the file again"
            )
        self.total_s += gap_s + lasts_s
        return gap_s

    def _jump_s(self, at_s: float | None) -> float:
        if at_s is None:
            return 0.0
        if self._start_s is None:
            self._start_s = at_s - self.total_s
        return at_s - self._start_s - self.total_s
