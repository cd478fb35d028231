"""Which lines of the program inputs have reached; code that has nothing new to show is not traced again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from types import CodeType, FrameType

_PROGRAM: Final = f"{Path(__file__).resolve().parents[2] / 'reconciler'}/"

Result = TypeVar("Result")
Line = tuple["CodeType", int]


class ReachedLines:
    """The lines of `reconciler/` that no input has run yet, by the code that was entered.

    Args:
        wanted: the only lines to look for; None for all.
    """

    def __init__(self, wanted: AbstractSet[Line] | None = None) -> None:
        self._wanted = wanted
        self._left: dict[CodeType, set[int]] = {}
        self._new: set[Line] = set()

    def run(self, call: Callable[[], Result]) -> tuple[Result, frozenset[Line]]:
        """Return what a call returns, and the lines that it reached for the first time."""
        self._new, tracer = set(), sys.gettrace()
        sys.settrace(self._entered)
        try:
            return call(), frozenset(self._new)
        finally:
            sys.settrace(tracer)

    def _entered(self, frame: FrameType, _event: str, _value: object) -> Any:
        code = frame.f_code
        left = self._left.get(code)
        if left is None:
            left = self._left[code] = self._lines_of(code)
        return self._stepped if left else None

    def _lines_of(self, code: CodeType) -> set[int]:
        if not code.co_filename.startswith(_PROGRAM):
            return set()
        # The line of a `def` is entered and never run.
        lines = {line for *_, line in code.co_lines() if line} - {code.co_firstlineno}
        return lines if self._wanted is None else {line for line in lines if (code, line) in self._wanted}

    def _stepped(self, frame: FrameType, event: str, _value: object) -> Any:
        code, line = frame.f_code, frame.f_lineno
        left = self._left[code]
        if event == "line" and line in left:
            left.remove(line)
            self._new.add((code, line))
        return self._stepped if left else None
