"""The whole service on a free port of loopback, for tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from tests.service.live_server import until

from hearfelt.service.app import create_app
from hearfelt.service.recognition import WorkerSettings
from hearfelt.service.settings import ServiceSettings


def example(number: int = 0) -> Path:
    folder = resources.files("hearfelt.examples")
    return sorted(Path(str(one)) for one in folder.iterdir() if one.name.endswith(".flac"))[number]


CLIP = example()


@dataclass(frozen=True)
class Serving:
    app: FastAPI
    address: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60, trust_env=False)


@contextmanager
def serving(**changes: Any) -> Iterator[Serving]:
    given: dict[str, Any] = {"models": ("tiny", "svm"), "workers": WorkerSettings(processes=1), "grace_s": 5.0}
    settings = ServiceSettings(**(given | changes))
    app = create_app(settings)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=5, **settings.uvicorn_options()))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        until(lambda: server.started and app.state.workers.is_ready, 60)
        yield Serving(app, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
