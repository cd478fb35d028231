"""What a preflight finds wrong with entries, collected into one refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import SinkError, SinkRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reconciler.ports.sink import Entry


def problems_of(entries: Iterable[Entry], judge: Callable[[Entry], str | None]) -> Iterator[str]:
    """Yield what stands in the way of each entry; an error of a sink stops its own entry and no other."""
    for entry in entries:
        try:
            problem = judge(entry)
        except SinkError as error:
            problem = str(error)
        if problem:
            yield problem


def refuse(problems: Iterable[str]) -> None:
    """Raise when there is any problem, or an error while they are looked for.

    Raises:
        SinkRefusedError: with all of them, a line each.
    """
    try:
        found = list(problems)
    except SinkError as error:
        found = [str(error)]
    if found:
        raise SinkRefusedError("\n".join(found))
