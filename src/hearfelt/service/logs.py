"""The log of the service: one JSON object a line, without any content of requests."""

from __future__ import annotations

import json
import logging
import time
from typing import Final, TextIO

from hearfelt.runtime.worker import place_of

__all__ = ["LOG", "JsonLines", "log_as_json"]

LOG: Final = logging.getLogger("hearfelt.service")


class JsonLines(logging.Formatter):
    """Formats each record as one JSON object on a line.

    Example:
        >>> record = logging.LogRecord("a", logging.INFO, "", 0, "started", (), None)
        >>> sorted(json.loads(JsonLines().format(record)))
        ['event', 'level', 'logger', 'time']
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; of a message only the first line, since asyncio's go on with details of the loop."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        event = record.getMessage().strip().partition("\n")[0]
        line: dict[str, object] = {"time": f"{at}Z", "level": record.levelname.lower(), "event": event}
        if record.name != LOG.name:
            line["logger"] = record.name
        line |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[1]:
            line |= place_of(record.exc_info[1])
        return json.dumps(line)


def log_as_json(file: TextIO) -> None:
    """Write the log of this process to a file as JSON lines: the service's own, and warnings of all libraries.

    uvicorn and asyncio log tracebacks, too; without this each would be many lines.
    """
    handler = logging.StreamHandler(file)
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    LOG.setLevel(logging.INFO)
