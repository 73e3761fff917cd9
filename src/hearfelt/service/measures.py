"""What the service tells Prometheus of itself, and one line of its log for each request; never what was heard."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hearfelt.service.workers import Workers

__all__ = ["LOG", "JsonLines", "Measures"]

LOG: Final = logging.getLogger("hearfelt.service")
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Measures:
    """Counts of one service.

    Args:
        workers: whose queue is watched.
    """

    def __init__(self, workers: Workers) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("hearfelt_requests", "Requests answered.", ("route", "status"), registry=self._registry)
        self.seconds = Histogram(
            "hearfelt_request_seconds",
            "From a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.sound = Counter("hearfelt_sound_seconds", "Seconds of sound answered.", registry=self._registry)
        watched: Mapping[str, tuple[str, Callable[[], float]]] = {
            "hearfelt_jobs_waiting": ("Sounds that wait for a process.", lambda: workers.waiting),
            "hearfelt_jobs_running": ("Sounds that are being answered.", lambda: workers.running),
            "hearfelt_workers_replaced": ("Processes replaced since the start.", lambda: workers.replaced),
        }
        for name, (meaning, value) in watched.items():
            Gauge(name, meaning, registry=self._registry).set_function(value)

    def note(self, route: str, method: str, status: int, begun: float) -> None:
        """Count a request and write its line.

        Args:
            route: the path as it was declared, never what was asked for.
            method: such as ``POST``.
            status: of the answer.
            begun: when its head had come, by ``time.monotonic()``.
        """
        took_s = time.monotonic() - begun
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(took_s)
        LOG.info(
            "request", extra={"facts": {"method": method, "route": route, "status": status, "s": round(took_s, 4)}}
        )

    def text(self) -> bytes:
        """Give all of it as Prometheus reads it."""
        return generate_latest(self._registry)


class JsonLines(logging.Formatter):
    """Writes each record as one JSON object on a line.

    Example:
        >>> record = logging.LogRecord("a", logging.INFO, "", 0, "started", (), None)
        >>> sorted(json.loads(JsonLines().format(record)))
        ['event', 'level', 'time']
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {"time": f"{at}Z", "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[1]:
            line |= _place(record.exc_info[1])
        return json.dumps(line)


def _place(fault: BaseException) -> dict[str, object]:
    """Tell where a fault arose; not its message, which may hold what a visitor sent."""
    frames = traceback.extract_tb(fault.__traceback__)
    return {"fault": type(fault).__name__, "at": [f"{Path(one.filename).name}:{one.lineno}" for one in frames[-8:]]}
