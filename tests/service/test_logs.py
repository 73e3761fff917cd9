from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from typing import Any

from hearfelt.service.logs import JsonLines

PROGRAM = """
import asyncio, logging, sys, warnings
from hearfelt.service.logs import LOG, log_as_json
log_as_json(sys.stderr)
LOG.info("started")
try:
    raise ValueError("my secret.wav")
except ValueError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application\\n")
logging.getLogger("uvicorn.error").info('10.0.0.1 - "WebSocket /v1/stream?secret" [accepted]')
warnings.warn("old")

async def forgotten():
    raise KeyError("my secret.wav")

async def main():
    asyncio.get_running_loop().create_task(forgotten())
    await asyncio.sleep(0.01)

asyncio.run(main())
"""


def test_what_uvicorn_and_asyncio_tell_is_one_line_of_json_each_without_content() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = [(one.get("logger"), one["level"], one["event"], one.get("fault")) for one in lines]
    assert told[0] == (None, "info", "started", None)
    assert told[1] == ("uvicorn.error", "error", "Exception in ASGI application", "ValueError")
    assert told[2][:2] == ("py.warnings", "warning")
    assert told[3] == ("asyncio", "error", "Task exception was never retrieved", "KeyError")
    assert len(told) == 4
    assert lines[1]["at"] == ["<string>:7"]
    assert "secret" not in done.stderr


def test_what_a_loop_was_doing_is_not_repeated() -> None:
    file = io.StringIO()
    handler = logging.StreamHandler(file)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    try:
        loop = asyncio.new_event_loop()
        context: dict[str, Any] = {"message": "it failed", "transport": "my secret.wav"}
        loop.default_exception_handler(context)
        loop.close()
    finally:
        logger.removeHandler(handler)
    (line,) = file.getvalue().splitlines()
    assert json.loads(line)["event"] == "it failed"
    assert "secret" not in line
