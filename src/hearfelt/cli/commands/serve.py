"""Servers: ``hearfelt app``, the page in the browser, and ``hearfelt serve``, the service for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hearfelt.cli.options import examples, expanded

if TYPE_CHECKING:
    from hearfelt.service.settings import ServiceSettings

__all__ = ["add_to"]

_KEYS: Final = "HEARFELT_API_KEYS"

_HostOption = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Address to listen at; 127.0.0.1 is this computer only.")
]
_ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model", "-m", metavar="NAME|FILE", help="A model to serve; the first is the default.", show_default="all"
    ),
]
_WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        min=1,
        help="Worker processes for short sounds, and as many for long ones.",
        show_default="one a core",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands ``app`` and ``serve``."""
    app.command(
        "app",
        epilog=examples(
            "hearfelt app                           # opens the browser; Ctrl-C ends it",
            "hearfelt app --port 9000 --no-browser  # at http://localhost:9000",
            "hearfelt app --upload-mb 200           # larger files",
        ),
    )(_app)
    app.command(
        "serve",
        epilog=examples(
            "hearfelt serve                                    # http://127.0.0.1:8000, for this computer only",
            "curl -F file=@clip.wav http://127.0.0.1:8000/v1/recognize",
            "hearfelt serve --host 0.0.0.0 --keys keys.txt     # for others, with keys",
            "hearfelt serve --model tiny --workers 4 --rate 60",
        ),
    )(_serve)


def _app(
    host: _HostOption = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=1,
            max=65_535,
            help="The port.",
            show_default="8501, or the next that is free",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", show_default=False, help="Open the page in the browser.")
    ] = True,
    live: Annotated[
        bool, typer.Option("--live/--no-live", show_default=False, help="Offer the live microphone.")
    ] = True,
    upload_mb: Annotated[
        int, typer.Option("--upload-mb", metavar="MB", min=1, max=2_000, help="Largest file, in MB.")
    ] = 50,
) -> None:
    """Open hearfelt as a page in the browser: recognize files, listen live, and see how good the models are.

    Drop files, record, or speak live; everything is computed on this computer and nothing is kept. The live microphone
    uses a small service on a port of its own, which ends with the page. Ctrl-C ends both. With another --host others
    reach the page too; their browsers allow a microphone only on pages that come by https.
    """
    from hearfelt.errors import require

    require("streamlit", "page")
    from hearfelt.page.server import end_process, free_address, run_page
    from hearfelt.page.settings import LIVE_VARIABLE, UPLOAD_VARIABLE

    page = free_address(host, port)
    with _live_service(live) as address:
        os.environ |= {LIVE_VARIABLE: address, UPLOAD_VARIABLE: str(upload_mb)}
        on_ready = partial(typer.echo, f"hearfelt is at {page.url}; Ctrl-C ends it", file=sys.stdout)
        run_page(page, upload_mb=upload_mb, opens_browser=browser and _has_screen(), on_ready=on_ready)
    end_process()


@contextmanager
def _live_service(wanted: bool) -> Iterator[str]:
    """Run the live service while the page runs; give its address, or an empty text."""
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
    from hearfelt.service.app import live_server

    with live_server([DEFAULT_MODEL]) as address:
        yield address


def _has_screen() -> bool:
    """Whether there is a screen for a browser; a text browser in the terminal would be in the way."""
    if not sys.platform.startswith(("linux", "freebsd")):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _limit(name: str, help: str) -> Any:
    return typer.Option(name, min=0.1, help=help)


def _serve(
    host: _HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port; 0 for any free one.")] = 8000,
    model: _ModelsOption = None,
    workers: _WorkersOption = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="FILE", callback=expanded, help=f"Require a key of this file (or of {_KEYS})."),
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option("--cors", metavar="ORIGIN", help="Origin of other pages that may send requests.")
    ] = None,
    body_mb: Annotated[int, typer.Option("--body-mb", min=1, max=2_000, help="The largest request, in MB.")] = 50,
    longest_s: Annotated[
        float, typer.Option("--longest-s", min=1.0, help="Longest sound in a file, in seconds.")
    ] = 3600.0,
    explain_s: Annotated[float, _limit("--explain-s", "Longest sound to be explained, in seconds.")] = 30.0,
    short_s: Annotated[float, _limit("--short-s", "Sounds up to this many seconds have priority.")] = 30.0,
    job_s: Annotated[
        float, _limit("--job-s", "Seconds to read a sound, and as many to recognize it; more for a long one.")
    ] = 60.0,
    least_speed: Annotated[
        float, _limit("--least-speed", "Least speed for long sounds, in seconds of sound per second.")
    ] = 4.0,
    patience_s: Annotated[float, _limit("--patience-s", "Seconds that a short sound may wait in the queue.")] = 30.0,
    long_patience_s: Annotated[
        float, _limit("--long-patience-s", "The same for a long one or an explanation.")
    ] = 300.0,
    grace_s: Annotated[float, _limit("--grace-s", "Seconds for running requests when the service ends.")] = 30.0,
    rate: Annotated[
        int, typer.Option("--rate", min=0, help="Requests a minute for each key or address; 0 for no limit.")
    ] = 0,
    streams: Annotated[int | None, typer.Option("--streams", min=1, help="Most live streams at once.")] = None,
) -> None:
    """Serve predictions over HTTP and WebSocket.

    /docs describes every call, / listens to a microphone. Sounds are decoded and recognized in worker processes, in
    memory alone; neither they nor their names are logged. SIGTERM or Ctrl-C ends the service when running requests are
    done, or after --grace-s. Without keys, everybody who reaches the address may use it.
    """
    from hearfelt.errors import require

    require("fastapi", "serve")
    from hearfelt.service.app import serve
    from hearfelt.service.auth import read_keys, split_keys

    allowed = read_keys(keys) if keys else split_keys(os.environ.get(_KEYS, ""), _KEYS)
    given = {"host": host, "port": port, "keys": allowed, "cors_origins": tuple(cors or ())}
    given |= {"body_bytes": body_mb * 1_000_000, "longest_s": longest_s, "explain_s": explain_s}
    given |= {"per_minute": rate, "grace_s": grace_s}
    limits = {"short_s": short_s, "longest_job_s": job_s, "least_speed": least_speed}
    limits |= {"patience_s": patience_s, "long_patience_s": long_patience_s}
    settings = _settings(given, model, limits | ({"processes": workers} if workers else {}), streams)
    if not allowed and not settings.is_local:
        typer.echo(f"hearfelt: {host} can be reached by others without a key; --keys FILE requires one", err=True)
    serve(settings, on_ready=lambda address: typer.echo(f"hearfelt serves at {address}; Ctrl-C ends it"))


def _settings(
    given: dict[str, Any], models: list[str] | None, workers: dict[str, Any], streams: int | None
) -> ServiceSettings:
    from hearfelt.service.recognition import WorkerSettings
    from hearfelt.service.settings import ServiceSettings, StreamSettings

    if models:
        given["models"] = tuple(dict.fromkeys(models))
    given["workers"] = WorkerSettings(**workers)
    if streams:
        given["streams"] = StreamSettings(most=streams)
    return ServiceSettings(**given)
