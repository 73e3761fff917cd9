"""The page's server: Streamlit with the settings that make it ours, run until somebody ends it."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from streamlit.web import bootstrap

from hearfelt.errors import HearfeltError
from hearfelt.reports.theme import ACCENT, GRID, INK, MUTED, PAGE, SURFACE

__all__ = ["PAGE_OPTIONS", "PORT", "Place", "free_place", "run_page"]

PORT: Final = 8501
"""Where the page is by default; if something else is there, on the next free port."""

_PORTS_TRIED: Final = 100
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
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": True,
    "logger.level": "warning",
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
class Place:
    """Where the page is served.

    Attributes:
        host: an address of this computer; others reach the page only where it is not loopback.
        port: of that address.
    """

    host: str
    port: int

    @property
    def address(self) -> str:
        """What to open in a browser on this computer."""
        local = self.host in ("127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104  # compared, not bound
        return f"http://{'localhost' if local else self.host}:{self.port}"


def free_place(host: str, port: int | None = None) -> Place:
    """Find where the page can be served.

    Args:
        host: an address of this computer.
        port: which port; left out, :data:`PORT` or the next that is free.

    Raises:
        HearfeltError: if the port, or every port tried, is taken, or the address is not this computer's.
    """
    tried = range(PORT, PORT + _PORTS_TRIED) if port is None else range(port, port + 1)
    for one in tried:
        try:
            with socket.create_server((host, one), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
                return Place(host, one)
        except OSError as error:
            reason = error.strerror
    which = f"port {port} of" if port is not None else f"no port from {PORT} to {tried[-1]} can be had at"
    raise HearfeltError(f"{which} {host}: {reason}; another --port is wanted, or another --host")


def run_page(place: Place, *, upload_mb: int, opens_browser: bool) -> None:
    """Serve the page until SIGINT or SIGTERM; once in a process.

    Args:
        place: where.
        upload_mb: how large a file may be that a visitor sends, in MB.
        opens_browser: whether the page is opened on this computer as soon as it is there.

    Raises:
        HearfeltError: if it is not called in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise HearfeltError("the page was started in a thread; only a program's main thread hears that it shall end")
    options = {
        **PAGE_OPTIONS,
        "server.address": place.host,
        "server.port": place.port,
        "server.headless": not opens_browser,
        "server.maxUploadSize": upload_mb,
        "browser.serverAddress": place.address.partition("://")[2].rpartition(":")[0],
    }
    flags = {name.replace(".", "_"): value for name, value in options.items()}
    bootstrap.load_config_options(flags)
    # Streamlit says that it stops before it does, and where nobody reads that any more it would never stop.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        bootstrap.run(str(_SCRIPT), False, [], flags)
