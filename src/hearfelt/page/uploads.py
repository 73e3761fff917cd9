"""Sounds that a visitor sends are in memory alone, from their first byte on."""

from __future__ import annotations

from starlette.formparsers import MultiPartParser

__all__ = ["keep_uploads_in_memory"]


def keep_uploads_in_memory() -> None:
    """Let the server beneath Streamlit write nothing to a file while a sound comes in; beyond 1 MB it would.

    Streamlit ends what is larger than its limit, ``server.maxUploadSize``.
    """
    MultiPartParser.spool_max_size = 0  # for the file beneath, 0 means that there is no size at which it goes to disk
