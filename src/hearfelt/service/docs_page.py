"""The page ``/docs``: the service's description of itself as a page to read, of our own, without a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

__all__ = ["docs_page"]

_GROUPS: Final = {"hear": "Hear", "models": "Models", "watch": "Watch over it"}
_METHODS: Final = ("get", "post")


def docs_page(description: Mapping[str, Any], address: str) -> str:
    """Write the page.

    Args:
        description: the service's OpenAPI document.
        address: where the service was reached, such as ``"http://127.0.0.1:8000/"``.
    """
    calls = [
        (path, method, call)
        for path, methods in description["paths"].items()
        for method, call in methods.items()
        if method in _METHODS
    ]
    parts = [
        f"<section><h2>{title}</h2>{''.join(_call(*one) for one in calls if tag in one[2].get('tags', ()))}</section>"
        for tag, title in _GROUPS.items()
    ]
    curl = f"curl -F file=@clip.wav {address}v1/recognize"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>hearfelt: the service</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/live/docs.css"></head><body><main>'
        f"<h1>hearfelt</h1><p>{escape(description['info']['description'])}</p>"
        f'<pre tabindex="0"><code>{escape(curl)}</code></pre>'
        '<p><a href="/">Listen live</a> · <a href="/openapi.json">OpenAPI description</a></p>'
        f"{''.join(parts)}{_stream()}</main></body></html>"
    )


def _call(path: str, method: str, call: Mapping[str, Any]) -> str:
    return (
        f'<article><h3><span class="method">{method.upper()}</span> <code>{escape(path)}</code></h3>'
        f"<p>{escape(call.get('summary', ''))}. {escape(call.get('description', '')).replace('``', '')}</p>"
        f"{_table('What may be asked', _parameters(call))}{_body(call)}{_table('Answers', _answers(call))}</article>"
    )


def _parameters(call: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in call.get("parameters", ()):
        schema = one["schema"]
        choices = schema.get("enum") or ([str(schema["default"]).lower()] if "default" in schema else [])
        told = one.get("description", "") + (f" ({' | '.join(map(str, choices))})" if choices else "")
        yield f"?{one['name']}=" if one["in"] == "query" else one["name"], told


def _answers(call: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for status, answer in sorted(call["responses"].items()):
        kinds = ", ".join(answer.get("content", {}))
        told = "what was asked for" if status == "200" else answer["description"]
        yield status, f"{told}{f' ({kinds})' if kinds else ''}"


def _body(call: Mapping[str, Any]) -> str:
    body = call.get("requestBody")
    if body is None:
        return ""
    return (
        f"<p>Body: {escape(body['description'])} ({escape(', '.join(body['content']))}, any audio/ or video/ type).</p>"
    )


def _table(title: str, rows: Iterator[tuple[str, str]]) -> str:
    lines = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{escape(told)}</td></tr>' for name, told in rows
    )
    return f"<table><caption>{title}</caption><tbody>{lines}</tbody></table>" if lines else ""


def _stream() -> str:
    return (
        "<section><h2>Live</h2><article><h3><span class='method'>WS</span> <code>/v1/stream</code></h3>"
        "<p>First a text message such as <code>{&quot;rate_hz&quot;: 48000, &quot;encoding&quot;: &quot;pcm16&quot;}"
        "</code> (or float32), then binary messages of samples, one channel, little end first. Back come"
        " <code>now</code> (the last seconds) and <code>segment</code> (final)."
        " <code>{&quot;type&quot;: &quot;end&quot;}</code> asks for what is left.</p></article></section>"
    )
