"""Settings of the page: the address of its live service, and limits on uploads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hearfelt.errors import HearfeltError

__all__ = ["LIVE_VARIABLE", "LONGEST_VARIABLE", "UPLOAD_VARIABLE", "PageSettings", "page_settings"]

LIVE_VARIABLE: Final = "HEARFELT_PAGE_LIVE"
UPLOAD_VARIABLE: Final = "HEARFELT_PAGE_UPLOAD_MB"
LONGEST_VARIABLE: Final = "HEARFELT_PAGE_LONGEST_S"


@dataclass(frozen=True)
class PageSettings:
    """Settings of one running page.

    Attributes:
        live_address: of the service of the Live view, such as ``"http://127.0.0.1:8000/"``; None without one.
        upload_mb: how large a file may be, in MB.
        longest_s: the longest sound, in seconds.
    """

    live_address: str | None = None
    upload_mb: int = 50
    longest_s: int = 3_600


def page_settings(environment: Mapping[str, str] | None = None) -> PageSettings:
    """Read the settings that ``hearfelt app`` passes to the page.

    Args:
        environment: variables; by default those of this process.

    Raises:
        HearfeltError: if a limit is not a whole number above 0.

    Example:
        >>> page_settings({"HEARFELT_PAGE_UPLOAD_MB": "20"})
        PageSettings(live_address=None, upload_mb=20, longest_s=3600)
    """
    found = os.environ if environment is None else environment
    usual = PageSettings()
    return PageSettings(
        found.get(LIVE_VARIABLE) or None,
        _number(found, UPLOAD_VARIABLE, usual.upload_mb),
        _number(found, LONGEST_VARIABLE, usual.longest_s),
    )


def _number(found: Mapping[str, str], name: str, usual: int) -> int:
    text = found.get(name) or str(usual)
    if not text.isdecimal() or int(text) == 0:
        raise HearfeltError(f"{name}={text!r}; use a whole number above 0")
    return int(text)
