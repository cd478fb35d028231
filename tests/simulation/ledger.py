"""What the simulation knows and the program does not: who made a row, and what was ever declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.identity import Incarnation
    from reconciler.core.model import DesiredKey


class Violation(BaseException):  # it is the result that a history is run for
    """An invariant does not hold; nothing in the program may catch it."""

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant
        self.message = message
        self.trace: list[str] = []


@dataclass(slots=True)
class Ledger:
    """The history of one world, as far as an invariant needs it.

    Attributes:
        ours: incarnations of the rows that the program minted, by id.
        touched: rows that an operator changed or made, or that a late answer of a dead process changed.
        foreign: rows of somebody else.
        faults: how many there were.
        harsh: labels of the faults that the table of allowances knows.
        declared: every spec that a key was ever declared with, by name.
        mints: incarnations without their attempts that the declarations ask for.
        protected: declared names whose keys are protected.
        active: rows that were ever live above the floor.
        writers: the most that ran at the same time.
        runs: processes that were started.
        burns: rows beside the declared ones that the faults excuse.
        struck_at: when each fault happened, in seconds.
        sum_bound: the most that all keys together may ever allow, in micro-USD; None where it is not counted.
    """

    ours: dict[str, Incarnation] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    faults: int = 0
    harsh: set[str] = field(default_factory=set)
    declared: dict[str, list[Spec]] = field(default_factory=dict)
    mints: set[tuple[str, int]] = field(default_factory=set)
    protected: set[str] = field(default_factory=set)
    active: set[str] = field(default_factory=set)
    writers: int = 1
    runs: int = 0
    burns: int = 0
    struck_at: list[float] = field(default_factory=list)
    sum_bound: int | None = None

    def declare(self, keys: tuple[DesiredKey, ...]) -> None:
        """Note what is declared from now on."""
        for key in keys:
            self.declared.setdefault(key.name, []).append(key.spec)
            if not key.lifecycle.absent:
                self.mints.add((key.name, key.lifecycle.generation))
        self.protected = {key.name for key in keys if key.lifecycle.protected}

    def copy(self) -> Ledger:
        """Return an independent copy."""
        return Ledger(
            ours=dict(self.ours),
            touched=set(self.touched),
            foreign=set(self.foreign),
            faults=self.faults,
            harsh=set(self.harsh),
            declared={name: list(specs) for name, specs in self.declared.items()},
            mints=set(self.mints),
            protected=set(self.protected),
            active=set(self.active),
            writers=self.writers,
            runs=self.runs,
            burns=self.burns,
            struck_at=list(self.struck_at),
            sum_bound=self.sum_bound,
        )

    def state(self) -> tuple[Any, ...]:
        """Return what decides whether a later history holds the invariants."""
        return (
            tuple(self.ours),
            frozenset(self.touched),
            frozenset(self.active),
            self.faults,
            self.burns,
            frozenset(self.harsh),
            self.writers,
        )
