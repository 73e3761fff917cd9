"""A client that speaks WebSocket by hand, so that it can do what no library does: send, and read nothing."""

from __future__ import annotations

import os
import socket
import time

_SMALL = 4_096  # of a buffer, so that what is not read stays with the service
_PING = bytes([0x89, 0x80 | 125, 0, 0, 0, 0]) + b"p" * 125


def connected(port: int) -> socket.socket:
    """Connect with a small buffer for what comes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    return connection


def opened(port: int) -> socket.socket:
    """Open ``/v1/stream``, and read the answer to that alone."""
    connection = connected(port)
    connection.sendall(
        b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return connection


def frame(opcode: int, data: bytes, *, is_last: bool = True) -> bytes:
    """Make a frame of less than 65,536 bytes, masked with zeros."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return bytes([(0x80 if is_last else 0) | opcode]) + length + bytes(4) + data


def fill(connection: socket.socket, most: int = 60_000_000, quiet_s: float = 1.0) -> int:
    """Ask for answers and read none of them, until the service takes no more questions; how many bytes it took.

    Stops after so many bytes, too.
    """
    connection.setblocking(False)
    questions, sent, last = _PING * 500, 0, time.monotonic()
    while sent < most and time.monotonic() - last < quiet_s:
        try:
            count = os.write(connection.fileno(), questions[sent % len(_PING) :])
        except BlockingIOError:
            time.sleep(0.01)
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
        sent, last = sent + count, time.monotonic()
    return sent
