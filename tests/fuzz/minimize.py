"""A smaller input that still does the same: pieces are taken out while they are not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_TRIES: Final = 3000


def minimized(data: bytes, same: Callable[[bytes], bool], *, tries: int = _TRIES) -> bytes:
    """Return the input without the pieces that do not matter.

    Args:
        data: for which `same` holds.
        same: tells whether a smaller input does what the whole one does.
        tries: most calls of `same`.
    """
    left, size = tries, max(len(data) // 2, 1)
    while size and left:
        start, shorter = 0, False
        while start < len(data) and left:
            smaller = data[:start] + data[start + size :]
            left -= 1
            if same(smaller):
                data, shorter = smaller, True
            else:
                start += size
        if not shorter:
            size //= 2
    return data
