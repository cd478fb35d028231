"""What is declared before and after: the plans that the faulted runs carry out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, MICRO
from reconciler.core.model import Delivery, DesiredKey, Lifecycle, SourceMark

if TYPE_CHECKING:
    from reconciler.core.fields import Spec

ACCOUNT: Final = "main"
MARK: Final = SourceMark(file="keys.yaml", line=1, column=1)


def spec(size: int) -> Spec:
    """Return a spec of some size; every field grows with it."""
    return {
        "limits.daily_usd": (size + 1) * MICRO,
        "limits.total_usd": (size + 1) * 100 * MICRO,
        "limits.concurrency": size + 1,
    }


def key(
    name: str, size: int = 5, *, enabled: bool | None = None, sinks: int = 1, **lifecycle: object
) -> DesiredKey:
    """Return a declared key that goes to one entry in each of the first sinks."""
    switch = {} if enabled is None else {ENABLED: enabled}
    return DesiredKey(
        account=ACCOUNT,
        name=name,
        spec={**spec(size), **switch},
        deliver=tuple(Delivery(sink=f"s{number}", name=name.upper()) for number in range(sinks)),
        lifecycle=replace(Lifecycle(), **lifecycle),  # type: ignore[arg-type]  # the scenarios' own keywords
        mark=MARK,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Two sets of declarations; what was declared before is there when the faults begin."""

    name: str
    before: tuple[DesiredKey, ...] = ()
    after: tuple[DesiredKey, ...]
    sum_bounded: bool = False

    @property
    def sinks(self) -> int:
        """How many sinks the keys are delivered to."""
        return max(len(item.deliver) for item in self.after)


def _new(count: int) -> tuple[DesiredKey, ...]:
    return tuple(key(f"k{number}") for number in range(count))


SCENARIOS: Final = (
    Scenario(name="new1", after=_new(1)),
    Scenario(name="new2", after=_new(2)),
    Scenario(name="new3", after=_new(3)),
    Scenario(name="new1-two-sinks", after=(key("k0", sinks=2),)),
    Scenario(name="new1-off", after=(key("k0", enabled=False),)),
    Scenario(name="rotate", before=_new(1), after=(key("k0", generation=2),)),
    Scenario(
        name="update",
        before=(key("b", 9), key("a", 3)),
        after=(key("b", 4), key("a", 8)),
        sum_bounded=True,
    ),
    Scenario(name="off", before=(key("k0", enabled=True),), after=(key("k0", enabled=False),)),
    Scenario(name="on", before=(key("k0", enabled=False),), after=(key("k0", enabled=True),)),
    Scenario(name="absent", before=_new(2), after=(key("k0", absent=True), key("k1"))),
    Scenario(
        name="protected",
        before=(key("k0", enabled=True, protected=True), key("k1")),
        after=(key("k0", enabled=False, protected=True), key("k1", 7)),
    ),
    Scenario(
        name="mixed",
        before=(key("a", 9), key("b", 3)),
        after=(key("a", 4), key("b", 3, generation=2), key("c")),
    ),
)
NEW6: Final = Scenario(name="new6", after=_new(6))
"""More creates than a metered account allows in an hour; the mutants need it."""
BY_NAME: Final = {scenario.name: scenario for scenario in (*SCENARIOS, NEW6)}
SMALLEST: Final = "new1"
