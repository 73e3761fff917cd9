"""Prometheus metrics of the service, and one log line for each request and stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hearfelt.runtime.worker import place_of
from hearfelt.service.logs import LOG
from hearfelt.service.workers import WorkerFaultError, Workers

__all__ = ["Metrics"]

_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Close codes with a count of their own; a client may send any of thousands.
_CODES: Final = (1000, 1001, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 3008)


class Metrics:
    """Counters, histograms and gauges of one service.

    Args:
        workers: whose queue is measured; None where there are only streams.
    """

    def __init__(self, workers: Workers | None = None) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("hearfelt_requests", "Requests answered.", ("route", "status"), registry=self._registry)
        self.seconds = Histogram(
            "hearfelt_request_seconds",
            "From the head of a request to the end of its response.",
            ("route",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self.sound = Counter("hearfelt_sound_seconds", "Seconds of sound processed.", registry=self._registry)
        self.faults = Counter("hearfelt_faults", "Unexpected errors.", registry=self._registry)
        self.streams = Counter(
            "hearfelt_streams", "Live streams that ended, by close code.", ("code",), registry=self._registry
        )
        self.open = Gauge("hearfelt_streams_open", "Live streams that are open.", registry=self._registry)
        if workers is not None:
            self._measure(workers)

    def _measure(self, workers: Workers) -> None:
        gauges: Mapping[str, tuple[str, Callable[[], float]]] = {
            "hearfelt_jobs_waiting": ("Sounds that wait for a process.", lambda: workers.waiting),
            "hearfelt_jobs_running": ("Sounds that are being processed.", lambda: workers.running),
            "hearfelt_workers_replaced": ("Processes replaced since the start.", lambda: workers.replaced),
        }
        for name, (meaning, value) in gauges.items():
            Gauge(name, meaning, registry=self._registry).set_function(value)

    def count_request(self, route: str, method: str, status: int, begun: float) -> None:
        """Count a request, and log it.

        Args:
            route: the path as it was declared, never the one that was requested.
            method: such as ``POST``.
            status: of the response.
            begun: when the request arrived, by ``time.monotonic()``.
        """
        took_s = time.monotonic() - begun
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(took_s)
        facts = {"method": method, "route": route, "status": status, "s": round(took_s, 4)}
        LOG.info("request", extra={"facts": facts})

    @contextmanager
    def open_stream(self) -> Iterator[None]:
        """Count a live stream as open until the block ends, and log that it has started."""
        LOG.info("stream started")
        with self.open.track_inprogress():
            yield

    def count_stream(self, code: int, sound_s: float, begun: float) -> None:
        """Count a live stream that has ended or was refused, and log it.

        Args:
            code: with which its socket closed.
            sound_s: seconds of sound.
            begun: when the socket was opened, by ``time.monotonic()``.
        """
        self.streams.labels(str(code) if code in _CODES else "other").inc()
        self.sound.inc(sound_s)
        facts = {"code": code, "s": round(time.monotonic() - begun, 4), "sound_s": round(sound_s, 4)}
        LOG.info("stream", extra={"facts": facts})

    def count_fault(self, fault: BaseException) -> None:
        """Count an unexpected error, and log its type and place."""
        self.faults.inc()
        place = fault.place if isinstance(fault, WorkerFaultError) else place_of(fault)
        LOG.error("fault", extra={"facts": place})

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)
