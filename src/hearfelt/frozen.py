"""A dictionary that never changes, for the values that predictions and warnings hold."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

__all__ = ["FrozenDict"]

Key = TypeVar("Key")
Value = TypeVar("Value")


class FrozenDict(dict[Key, Value]):
    """A dictionary that cannot be changed and can be hashed; to JSON, ``==`` and copies it is like any other.

    Example:
        >>> shares = FrozenDict({"calm": 0.25, "sad": 0.75})
        >>> shares == {"sad": 0.75, "calm": 0.25}, len({shares, FrozenDict(shares)})
        (True, 1)
        >>> shares["sad"] = 1.0
        Traceback (most recent call last):
            ...
        TypeError: this dictionary cannot be changed; make a dict of it first
    """

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)  # otherwise it would be filled item by item

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this dictionary cannot be changed; make a dict of it first")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse
