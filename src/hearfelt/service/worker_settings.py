"""How the processes that answer are run: how many, and what each may take."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

__all__ = ["WorkerSettings"]


@dataclass(frozen=True)
class WorkerSettings:
    """Limits on the processes that decode and answer.

    Attributes:
        processes: how many; each has one thread and every model that is offered.
        longest_job_s: after that a job is given up and its process replaced.
        memory_bytes: what a job may take beside what the process has when its models are loaded.
        queue: jobs that may wait; one more is turned away.
        patience_s: how long a job may wait for a process.
    """

    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    longest_job_s: float = 60.0
    memory_bytes: int = 1 << 30
    queue: int = 64
    patience_s: float = 30.0
