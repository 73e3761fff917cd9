"""The command that serves: ``hearfelt serve``, for programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hearfelt.cli.options import examples, expanded

if TYPE_CHECKING:
    from hearfelt.service.settings import ServiceSettings

__all__ = ["add_to"]

_KEYS: Final = "HEARFELT_API_KEYS"


def add_to(app: typer.Typer) -> None:
    """Add the command ``serve``."""
    app.command(
        "serve",
        epilog=examples(
            "hearfelt serve                                    # http://127.0.0.1:8000, for this computer alone",
            "curl -F file=@clip.wav http://127.0.0.1:8000/v1/recognize",
            "hearfelt serve --host 0.0.0.0 --keys keys.txt     # for others, who bring a key",
            "hearfelt serve --model tiny --workers 4 --rate 60",
        ),
    )(_serve)


def _limit(name: str, help: str) -> Any:
    return typer.Option(name, min=0.1, help=help)


def _serve(
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 127.0.0.1 is this computer alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port; 0 for any that is free.")] = 8000,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME|FILE", help="Offered; the first is the default.", show_default="all"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-w",
            min=1,
            help="Processes that answer short sounds, and as many for long ones.",
            show_default="one a core",
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", metavar="FILE", callback=expanded, help=f"Let in who brings a key of this file (or of {_KEYS})."
        ),
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option("--cors", metavar="ORIGIN", help="Pages from elsewhere that may ask.")
    ] = None,
    body_mb: Annotated[int, typer.Option("--body-mb", min=1, max=2_000, help="The largest request, in MB.")] = 50,
    longest_s: Annotated[float, typer.Option("--longest-s", min=1.0, help="Seconds of sound in a file.")] = 3600.0,
    explain_s: Annotated[float, _limit("--explain-s", "Seconds of sound in a file that is to be explained.")] = 30.0,
    short_s: Annotated[float, _limit("--short-s", "Up to this many seconds of sound go first.")] = 30.0,
    job_s: Annotated[
        float, _limit("--job-s", "Seconds to read a sound; as many to answer it, and more for a long one.")
    ] = 60.0,
    least_speed: Annotated[float, _limit("--least-speed", "Seconds of sound for each more second of time.")] = 4.0,
    patience_s: Annotated[float, _limit("--patience-s", "Seconds that a short sound may wait.")] = 30.0,
    long_patience_s: Annotated[
        float, _limit("--long-patience-s", "The same for a long one or an explanation.")
    ] = 300.0,
    grace_s: Annotated[float, _limit("--grace-s", "Seconds for what is running when the service ends.")] = 30.0,
    rate: Annotated[
        int, typer.Option("--rate", min=0, help="Requests a minute for each key or address; 0 for any.")
    ] = 0,
    streams: Annotated[int | None, typer.Option("--streams", min=1, help="Live streams at once.")] = None,
) -> None:
    """Answer over HTTP and WebSocket: sounds come, and what is heard in them goes.

    /docs describes every call, / listens to a microphone. Sounds are decoded
    and answered in processes of their own, in memory alone; neither they nor
    their names get into logs. SIGTERM or Ctrl-C ends it when running requests
    are done, or after --grace-s. Without keys whoever reaches the address may ask.
    """
    from hearfelt.errors import require

    require("fastapi", "serve")
    from hearfelt.service.auth import read_keys, split_keys
    from hearfelt.service.server import serve

    allowed = read_keys(keys) if keys else split_keys(os.environ.get(_KEYS, ""), _KEYS)
    given = {"host": host, "port": port, "keys": allowed, "cors_origins": tuple(cors or ())}
    given |= {"body_bytes": body_mb * 1_000_000, "longest_s": longest_s, "explain_s": explain_s}
    given |= {"per_minute": rate, "grace_s": grace_s}
    limits = {"short_s": short_s, "longest_job_s": job_s, "least_speed": least_speed}
    limits |= {"patience_s": patience_s, "long_patience_s": long_patience_s}
    settings = _settings(given, model, limits | ({"processes": workers} if workers else {}), streams)
    if not allowed and not settings.is_local:
        typer.echo(
            f"hearfelt: {host} can be reached by others, and no key is asked for; --keys FILE mends that", err=True
        )
    serve(settings, on_ready=lambda address: typer.echo(f"hearfelt serves at {address}; Ctrl-C ends it"))


def _settings(
    given: dict[str, Any], models: list[str] | None, workers: dict[str, Any], streams: int | None
) -> ServiceSettings:
    from hearfelt.service.settings import ServiceSettings, StreamSettings
    from hearfelt.service.workers import WorkerSettings

    if models:
        given["models"] = tuple(dict.fromkeys(models))
    given["workers"] = WorkerSettings(**workers)
    if streams:
        given["streams"] = StreamSettings(most=streams)
    return ServiceSettings(**given)
