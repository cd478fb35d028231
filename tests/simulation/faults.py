"""What can go wrong at one call of a port, and at which calls it can."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Port(StrEnum):
    """Every call that the production code makes to the outside, by what it is."""

    LIST = "list"
    GET = "get"
    CREATE = "create"
    REVEAL = "reveal"
    UPDATE = "update"
    SWITCH = "switch"
    DELETE = "delete"
    STAT = "stat"
    PREFLIGHT = "preflight"
    PUT = "put"
    PUT_PENDING = "put/pending"
    PUT_VALUE = "put/value"
    VERIFY = "verify"
    SLEEP = "sleep"
    LEASE = "lease"


class Fault(StrEnum):
    """One thing that happens at one call."""

    KILL_BEFORE = "kill-before"
    KILL_AFTER = "kill-after"
    KILL_LATE = "kill-late"
    ERROR_BEFORE = "error-before"
    LOST_ANSWER = "lost-answer"
    NO_ANSWER = "no-answer"
    LATE = "late"
    GARBAGE = "garbage"
    HOSTILE = "hostile"
    NOT_STORED = "not-stored"
    STALE_LIST = "stale-list"
    PAGE_SHIFT = "page-shift"
    RATE_LIMIT = "rate-limit"
    CLOCK_FORWARD = "clock-forward"
    CLOCK_BACK = "clock-back"
    STALL = "stall"
    TORN = "torn"
    OPERATOR_DISABLES = "operator-disables"
    OPERATOR_LIMITS = "operator-limits"
    OPERATOR_RENAMES = "operator-renames"
    OPERATOR_DELETES = "operator-deletes"
    OPERATOR_CLONES = "operator-clones"


class KilledError(BaseException):
    """The process died here; not an `Exception`, so that nothing in the program survives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One fault at the n-th call of a run; `landing` counts the calls until a late request arrives."""

    call: int
    fault: Fault
    landing: int = 0

    def __str__(self) -> str:
        return f"{self.call}:{self.fault}" + (f"+{self.landing}" if self.landing else "")

    @classmethod
    def parse(cls, text: str) -> Injection:
        """Return the injection that `str` wrote."""
        call, _, rest = text.partition(":")
        fault, _, landing = rest.partition("+")
        return cls(call=int(call), fault=Fault(fault), landing=int(landing or 0))


OPERATOR: Final = frozenset(fault for fault in Fault if fault.startswith("operator-"))
KILLS: Final = frozenset({Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.KILL_LATE})
LATE: Final = frozenset({Fault.KILL_LATE, Fault.LATE})
LANDINGS: Final = (1, 4, 8, 13, 19)
"""Calls until a late request lands, where the next run begins before it has."""

WRITES: Final = frozenset({Port.CREATE, Port.UPDATE, Port.SWITCH, Port.DELETE, Port.PUT})
_ANYWHERE: Final = (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.CLOCK_FORWARD, Fault.CLOCK_BACK, Fault.STALL)
_OPERATED: Final = tuple(sorted(OPERATOR))
_READ: Final = (*_ANYWHERE, Fault.ERROR_BEFORE, Fault.GARBAGE, Fault.RATE_LIMIT)
_WRITE: Final = (
    *_READ,
    Fault.KILL_LATE,
    Fault.LOST_ANSWER,
    Fault.NO_ANSWER,
    Fault.LATE,
    *_OPERATED,
)
_SINK: Final = (*_ANYWHERE, Fault.ERROR_BEFORE)
_STEP: Final = (Fault.KILL_AFTER, Fault.LOST_ANSWER)

APPLICABLE: Final[dict[Port, tuple[Fault, ...]]] = {
    Port.LIST: (*_READ, Fault.STALE_LIST, Fault.PAGE_SHIFT, *_OPERATED),
    Port.GET: (*_READ, *_OPERATED),
    Port.CREATE: (*_WRITE, Fault.HOSTILE),
    Port.REVEAL: (*_READ, *_OPERATED),
    Port.UPDATE: (*_WRITE, Fault.NOT_STORED),
    Port.SWITCH: (*_WRITE, Fault.NOT_STORED),
    Port.DELETE: (*_WRITE, Fault.NOT_STORED),
    Port.STAT: (*_SINK, *_OPERATED),
    Port.PREFLIGHT: _SINK,
    Port.PUT: (*_SINK, Fault.KILL_LATE, Fault.LOST_ANSWER, Fault.NOT_STORED, *_OPERATED),
    Port.PUT_PENDING: _STEP,
    Port.PUT_VALUE: (*_STEP, Fault.TORN),
    Port.VERIFY: (*_SINK, *_OPERATED),
    Port.LEASE: (*_SINK, Fault.RATE_LIMIT),
    Port.SLEEP: (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.CLOCK_FORWARD, Fault.CLOCK_BACK, Fault.STALL),
}
"""The faults that each call can suffer; the coverage gate counts every pair of this table."""


FEW_LANDINGS: Final = (4, 13)
"""Where there are pairs of faults: early in the next run, and about its delivery."""


def injections(calls: list[Port], lands: tuple[int, ...] = LANDINGS) -> list[Injection]:
    """Return every single fault of a run whose calls are known."""
    found = []
    for number, port in enumerate(calls):
        for fault in APPLICABLE[port]:
            landings = lands if fault in LATE else (0,)
            found += [Injection(call=number, fault=fault, landing=landing) for landing in landings]
    return found
