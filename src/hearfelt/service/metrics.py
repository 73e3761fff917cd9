"""What the service tells Prometheus of itself, and a line in its log for each request and stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hearfelt.runtime.worker import place_of
from hearfelt.service.logs import LOG
from hearfelt.service.workers import WorkerFaultError, Workers

__all__ = ["Measures"]

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Close codes that are told apart: a client may send any of thousands, and each would be a count of its own.
_CODES: Final = (1000, 1001, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 3008)


class Measures:
    """Counts of one service.

    Args:
        workers: whose queue is watched; nothing where there are only streams.
    """

    def __init__(self, workers: Workers | None = None) -> None:
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
        self.faults = Counter("hearfelt_faults", "Errors that nobody foresaw.", registry=self._registry)
        self.streams = Counter(
            "hearfelt_streams", "Live streams that ended, by close code.", ("code",), registry=self._registry
        )
        self.open = Gauge("hearfelt_streams_open", "Live streams that are heard.", registry=self._registry)
        if workers is not None:
            self._watch(workers)

    def _watch(self, workers: Workers) -> None:
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

    @contextmanager
    def hearing_stream(self) -> Iterator[None]:
        """Count a live stream that was let in as open until the block ends, and write that it has begun."""
        LOG.info("stream begun")
        with self.open.track_inprogress():
            yield

    def note_stream(self, code: int, heard_s: float, begun: float) -> None:
        """Count a live stream that has ended, or was not let in, and write its line.

        Args:
            code: with which its socket closed.
            heard_s: seconds of sound.
            begun: when the socket was opened, by ``time.monotonic()``.
        """
        self.streams.labels(str(code) if code in _CODES else "other").inc()
        self.sound.inc(heard_s)
        facts = {"code": code, "s": round(time.monotonic() - begun, 4), "sound_s": round(heard_s, 4)}
        LOG.info("stream", extra={"facts": facts})

    def note_fault(self, fault: BaseException) -> None:
        """Count an error that nobody foresaw, and write where it arose."""
        self.faults.inc()
        place = fault.place if isinstance(fault, WorkerFaultError) else place_of(fault)
        LOG.error("fault", extra={"facts": place})

    def text(self) -> bytes:
        """Give all of it as Prometheus reads it."""
        return generate_latest(self._registry)
