"""What is to be done with every sound of a job."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Channels", "Task"]

Channels = Literal["mix", "separate"]


@dataclass(frozen=True)
class Task:
    """What a worker has to know.

    Attributes:
        model: path of the model file.
        timeline: whether segments are wanted, and not one answer for the whole.
        channels: for segments: of all channels mixed, or of each.
        track: which audio track of a file is heard; None for the file's own choice.
    """

    model: str
    timeline: bool = False
    channels: Channels = "mix"
    track: int | None = None

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Task:
        """Read what :meth:`to_json` wrote.

        Example:
            >>> task = Task("/models/mine.onnx", timeline=True)
            >>> Task.from_json(task.to_json()) == task
            True
        """
        return cls(**json.loads(line))
