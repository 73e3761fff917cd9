"""How the processes that answer are run: how many, and what each may take."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

__all__ = ["WorkerSettings"]


@dataclass(frozen=True)
class WorkerSettings:
    """Limits on the processes that decode and answer.

    Attributes:
        processes: how many answer short sounds; each has one thread and every model that is offered. As many more, of
            lower priority, answer long sounds and explanations; these are started when the first one comes.
        short_s: a sound up to this long is short.
        longest_job_s: how long it may take to read a sound, and to answer one of no length.
        least_speed: seconds of sound that are answered in a second at least; a longer sound may take more time.
        memory_bytes: what a job may take beside what the process has when its models are loaded.
        queue: jobs that may wait, short ones and long ones each; one more is turned away.
        patience_s: how long a short job may wait for a process.
        long_patience_s: the same for a long job.

    Example:
        >>> WorkerSettings(longest_job_s=60, least_speed=4).limit_s(1200)
        360.0
    """

    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    short_s: float = 30.0
    longest_job_s: float = 60.0
    least_speed: float = 4.0
    memory_bytes: int = 1 << 30
    queue: int = 64
    patience_s: float = 30.0
    long_patience_s: float = 300.0

    def limit_s(self, sound_s: float) -> float:
        """Say how long a job may take when its sound was read.

        Args:
            sound_s: seconds of sound that are to be answered.
        """
        return self.longest_job_s + sound_s / self.least_speed
