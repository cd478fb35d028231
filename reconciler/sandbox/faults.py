"""Injected faults: which request they hit, and what happens to it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from reconciler.sandbox.validation import InvalidValueError, build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sandbox.database import Database

Event = Literal["head", "body", "committed", "half", "answer"]
Action = Literal[
    "drop_before",
    "drop_after",
    "delay",
    "hold",
    "status",
    "html",
    "garbage",
    "redirect",
    "raw",
    "truncate",
    "drip",
    "huge",
    "gzip",
    "gzip_bomb",
    "duplicate_keys",
    "nan",
]
ACTIONS: Mapping[Action, str] = {
    "drop_before": "close the connection without an answer, before anything is executed",
    "drop_after": "execute, then close the connection without an answer",
    "delay": "wait `seconds` of real time `when`: before, committed (inside the write) or after",
    "hold": "pause at `event` until the operator releases it",
    "status": "answer `status` with `headers` and a `kind` body, or with `body`; `processed` executes first",
    "html": "answer 200 with an HTML page; `processed` executes first",
    "garbage": "answer 200 application/json with bytes that are no JSON; `processed` executes first",
    "redirect": "answer `status` (307) with Location `url`; `processed` executes first",
    "raw": "write `text` to the socket instead of an HTTP answer and close; `processed` executes first",
    "truncate": "execute, send the head and half of the body, then close",
    "drip": "execute, send `size` bytes every `seconds`",
    "huge": "execute, pad the answer to `size` bytes; `chunked` leaves out Content-Length",
    "gzip": "execute, send the answer gzip-encoded `layers` times although nobody asked",
    "gzip_bomb": "execute, send `size` zero bytes gzip-encoded `layers` times",
    "duplicate_keys": "execute, send every top-level key of the answer twice",
    "nan": "execute, replace the numbers of the answer by NaN",
}

# Field defaults that only one action has.
DEFAULTS: Mapping[str, dict[str, object]] = {
    "redirect": {"status": 307},
    "drip": {"size": 1},
    "huge": {"size": 6_000_000},
    "gzip_bomb": {"size": 50_000_000},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule: the matching requests from the `nth` on, `times` of them, suffer the action.

    Attributes:
        action: what happens, see `ACTIONS`.
        method: the method it matches; "*" is any.
        path: a regular expression searched in the path and query.
        account: the label of the account it matches; null is any.
        nth: the first matching request that is hit, counted from 1.
        times: how many are hit; null is all from then on.
        reset: whether a dropped connection ends in RST instead of FIN.
    """

    action: Action
    method: str = "*"
    path: str = ""
    account: str | None = None
    nth: int = 1
    times: int | None = 1
    when: Literal["before", "committed", "after"] = "before"
    event: Event = "body"
    seconds: float = 1.0
    status: int = 500
    kind: Literal["json", "html", "empty"] = "json"
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    processed: bool = False
    url: str = ""
    text: str = "\x16\x03\x01 this is no HTTP\r\n\r\n"
    size: int = 0
    layers: int = 1
    chunked: bool = False
    reset: bool = False

    def matches(self, *, method: str, path: str, account: str | None) -> bool:
        """Tell whether this rule is about such a request."""
        return (
            self.method in {"*", method}
            and self.account in {None, account}
            and re.search(self.path, path) is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFault:
    """A rule with its number, how many requests it matched and how many it hit."""

    number: int
    fault: Fault
    seen: int
    fired: int


class FaultBook:
    """The table of faults."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, values: Mapping[str, object]) -> StoredFault:
        """Add a rule.

        Raises:
            InvalidValueError: a field is unknown or has a wrong value.
        """
        fault = build(Fault, DEFAULTS.get(str(values.get("action")), {}) | dict(values))
        try:
            re.compile(fault.path)
        except re.error as error:
            message = f"path is no regular expression ({error}); escape special characters"
            raise InvalidValueError(message) from error
        number = self._database.execute("INSERT INTO faults (rule) VALUES (?)", json.dumps(asdict(fault)))
        return StoredFault(number=number, fault=fault, seen=0, fired=0)

    def all(self) -> list[StoredFault]:
        """Return every rule, in the order of adding."""
        rows = self._database.rows("SELECT * FROM faults ORDER BY number")
        return [
            StoredFault(number=row["number"], fault=_fault(row["rule"]), seen=row["seen"], fired=row["fired"])
            for row in rows
        ]

    def clear(self, number: int | None = None) -> None:
        """Remove one rule, or all."""
        if number is None:
            self._database.execute("DELETE FROM faults")
        else:
            self._database.execute("DELETE FROM faults WHERE number = ?", number)

    def fire(self, *, method: str, path: str, account: str | None) -> list[Fault]:
        """Return the faults that hit this request, and count it for every rule that matches."""
        hits = []
        with self._database.transaction():
            for stored in self.all():
                if not stored.fault.matches(method=method, path=path, account=account):
                    continue
                seen = stored.seen + 1
                due = seen >= stored.fault.nth
                left = stored.fault.times is None or stored.fired < stored.fault.times
                if due and left:
                    hits.append(stored.fault)
                self._database.execute(
                    "UPDATE faults SET seen = ?, fired = ? WHERE number = ?",
                    seen,
                    stored.fired + (due and left),
                    stored.number,
                )
        return hits


def _fault(rule: str) -> Fault:
    values: dict[str, Any] = json.loads(rule)
    return build(Fault, values)
