"""Docstrings on the site: the roles of Sphinx become plain code, and examples are shown as such."""

from __future__ import annotations

import re
from typing import Any

import griffe


class PlainRoles(griffe.Extension):
    """Write ``:class:`hearfelt.Audio``` as `Audio`, and code in double backticks in single ones."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = plain(obj.docstring.value)


def plain(text: str) -> str:
    """Rewrite roles.

    Example:
        >>> plain("A :class:`hearfelt.Audio`, as :meth:`recognize` takes ``(n,)`` samples.")
        'A `Audio`, as `recognize` takes `(n,)` samples.'
    """
    without_roles = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    with_examples = re.sub(r"^Example:$", "Examples:", without_roles, flags=re.MULTILINE)  # a section of that style
    return re.sub(r"``([^`]+)``", r"`\1`", with_examples)
