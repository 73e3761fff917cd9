"""The command that shows: ``hearfelt app``, the page in the browser."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from hearfelt.cli.options import examples

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command ``app``."""
    app.command(
        "app",
        epilog=examples(
            "hearfelt app                           # opens in the browser; Ctrl-C ends it",
            "hearfelt app --port 9000 --no-browser  # at http://localhost:9000, for you to open",
            "hearfelt app --upload-mb 200           # larger files",
        ),
    )(_app)


def _app(
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to serve; 127.0.0.1 is this computer alone.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=1,
            max=65_535,
            help="At which port.",
            show_default="8501, or the next that is free",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", show_default=False, help="Open the page in the browser.")
    ] = True,
    live: Annotated[
        bool, typer.Option("--live/--no-live", show_default=False, help="Hear the microphone live, beside recordings.")
    ] = True,
    upload_mb: Annotated[
        int, typer.Option("--upload-mb", metavar="MB", min=1, max=2_000, help="How large a file may be.")
    ] = 50,
) -> None:
    """Show hearfelt as a page in the browser: listen, live, and what the model is worth.

    Drop files, record, or speak live; everything is answered on this computer
    and nothing is kept. The live microphone is heard by a small service on a
    port of its own, which ends with the page. Ctrl-C ends both. With another
    --host others reach the page too; their browsers give a microphone only to
    pages that come by https.
    """
    from hearfelt.errors import require

    require("streamlit", "page")
    from hearfelt.page.server import free_address, run_page
    from hearfelt.page.settings import LIVE_VARIABLE, UPLOAD_VARIABLE

    page = free_address(host, port)
    with _live_service(live) as address:
        os.environ |= {LIVE_VARIABLE: address, UPLOAD_VARIABLE: str(upload_mb)}
        typer.echo(f"hearfelt is at {page.url}; Ctrl-C ends it")
        run_page(page, upload_mb=upload_mb, opens_browser=browser and _has_screen())


@contextmanager
def _live_service(wanted: bool) -> Iterator[str]:
    """Give the address of the live service while the page runs; empty without one."""
    from hearfelt.errors import ExtraMissingError, require

    try:
        if wanted:
            require("fastapi", "serve")
    except ExtraMissingError as error:
        typer.echo(f"without the live microphone: {error}", err=True)
        wanted = False
    if not wanted:
        yield ""
        return
    from hearfelt.inference.recognizer import DEFAULT_MODEL
    from hearfelt.service.server import live_server

    with live_server([DEFAULT_MODEL]) as address:
        yield address


def _has_screen() -> bool:
    """Whether a browser that opened would be seen; a terminal's browser would only be in the way."""
    if not sys.platform.startswith(("linux", "freebsd")):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
