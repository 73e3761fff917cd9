"""Run the page: Streamlit with its settings, until SIGINT or SIGTERM."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from streamlit.web import bootstrap

from hearfelt.errors import HearfeltError
from hearfelt.page.jobs import stop_all
from hearfelt.reports.theme import ACCENT, GRID, INK, MUTED, PAGE, SURFACE

__all__ = ["PAGE_OPTIONS", "PORT", "Address", "end_process", "free_address", "run_page"]

PORT: Final = 8501
"""The default port; if it is taken, the next free one is used."""

_PORTS_TRIED: Final = 100
_PATIENCE_S: Final = 0.5  # for threads when the page ends
_TRIED_EVERY_S: Final = 0.05
_SCRIPT: Final = Path(__file__).with_name("start.py")
_SANS: Final = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Liberation Sans, sans-serif"
_COLOURS: Final = {
    "primaryColor": ACCENT,
    "backgroundColor": PAGE,
    "secondaryBackgroundColor": SURFACE,
    "textColor": INK,
    "linkColor": ACCENT,
    "borderColor": GRID,
    "grayTextColor": MUTED,
}

# What `.streamlit/config.toml` says too, for those who start the page with Streamlit itself.
PAGE_OPTIONS: Final[dict[str, Any]] = {
    "browser.gatherUsageStats": False,
    "browser.serverAddress": "localhost",  # or Streamlit would ask the network what this computer is called
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "logger.level": "warning",
    "runner.postScriptGC": False,  # most of the time of showing a recording again while it is read
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 50,
    "theme.baseFontSize": 16,
    "theme.baseRadius": "0.75rem",
    "theme.buttonRadius": "full",
    "theme.font": _SANS,
    "theme.showWidgetBorder": True,
    **{f"theme.light.{name}": tone.light for name, tone in _COLOURS.items()},
    **{f"theme.dark.{name}": tone.dark for name, tone in _COLOURS.items()},
}


@dataclass(frozen=True)
class Address:
    """Where the page is served.

    Attributes:
        host: an address of this computer; other computers reach the page only if it is not loopback.
        port: the port.
    """

    host: str
    port: int

    @property
    def host_here(self) -> str:
        """The host as seen from this computer."""
        local = self.host in ("127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104  # compared, not bound
        return "localhost" if local else self.host

    @property
    def url(self) -> str:
        """What to open in a browser on this computer."""
        return f"http://{self.host_here}:{self.port}"


def free_address(host: str, port: int | None = None) -> Address:
    """Find a free port.

    Args:
        host: an address of this computer.
        port: the port; by default :data:`PORT` or the next that is free.

    Raises:
        HearfeltError: if the port, or every port tried, is taken, or the address is not this computer's.
    """
    tried = range(PORT, PORT + _PORTS_TRIED) if port is None else range(port, port + 1)
    for one in tried:
        try:
            with socket.create_server((host, one), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
                return Address(host, one)
        except OSError as error:
            reason = error.strerror
    which = f"port {port} of" if port is not None else f"no port from {PORT} to {tried[-1]} is free at"
    raise HearfeltError(f"{which} {host}: {reason}; choose another --port or --host")


def end_process() -> None:
    """End the process when the page has ended, with exit code 0; returns if no other thread runs any more.

    Jobs are asked to stop. A thread that computes nevertheless, deep inside a network, is not waited for: Python would
    abort the process as soon as that thread went on.
    """
    stop_all()
    end = time.monotonic() + _PATIENCE_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, end - time.monotonic()))
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def run_page(address: Address, *, upload_mb: int, opens_browser: bool, on_ready: Callable[[], None]) -> None:
    """Serve the page until SIGINT or SIGTERM; once in a process.

    Args:
        address: where.
        upload_mb: the largest file, in MB.
        opens_browser: whether to open the page in a browser on this computer.
        on_ready: called, in a thread, as soon as connections are accepted.

    Raises:
        HearfeltError: if it is not called in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise HearfeltError("the page was started in a thread; only a program's main thread receives signals")
    options = {
        **PAGE_OPTIONS,
        "server.address": address.host,
        "server.port": address.port,
        "server.headless": not opens_browser,
        "server.maxUploadSize": upload_mb,
        "browser.serverAddress": address.host_here,
    }
    flags = {name.replace(".", "_"): value for name, value in options.items()}
    bootstrap.load_config_options(flags)
    threading.Thread(target=_wait_for, args=(address, on_ready), name="ready", daemon=True).start()
    # Streamlit prints that it stops before it does; where nobody reads that any more, it would never stop.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        bootstrap.run(str(_SCRIPT), False, [], flags)


def _wait_for(address: Address, on_ready: Callable[[], None]) -> None:
    while True:
        try:
            socket.create_connection((address.host_here, address.port), timeout=1).close()
        except OSError:
            time.sleep(_TRIED_EVERY_S)
        else:
            on_ready()
            return
