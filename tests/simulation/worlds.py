"""The kinds of world: provider class, floor, idempotency, sink and list lag."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import MICRO
from reconciler.providers.memory import CLASS_A, CLASS_B, CLASS_C, CLASS_D, CLASS_E
from reconciler.sinks.memory import Kind as SinkKind
from tests.simulation.vendor import Header, Vendor

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.providers.memory import Behaviour
    from tests.simulation.virtual_clock import VirtualClock

INERT: Final = {"limits.daily_usd": 0, "limits.total_usd": 0, "limits.concurrency": 0}
NEAR_INERT: Final = {"limits.daily_usd": MICRO, "limits.total_usd": MICRO, "limits.concurrency": 1}
DAY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """A provider class of reliability's section 1.1, or QCode's with idempotency in doubt.

    Attributes:
        name: one letter, or Q and what becomes of the idempotency key.
        behaviour: what a create does.
        floor: with which a key is born; inert where it can be used for nothing.
        header: what becomes of the idempotency key.
        claims_replays: the adapter believes in replays.
    """

    name: str
    behaviour: Behaviour
    floor: Spec
    header: Header = Header.HONOURED
    claims_replays: bool = False

    @property
    def letter(self) -> str:
        """The class as the promises name it."""
        return self.name[0]


CLASSES: Final = (
    Class(name="A", behaviour=replace(CLASS_A, replay_ttl=DAY), floor=INERT),
    Class(name="B", behaviour=replace(CLASS_B, replay_ttl=DAY), floor=INERT),
    Class(name="C", behaviour=CLASS_C, floor=INERT),
    Class(name="D", behaviour=CLASS_D, floor=INERT),
    Class(name="E", behaviour=CLASS_E, floor=INERT),
    Class(name="Q-honoured", behaviour=replace(CLASS_A, replay_ttl=DAY), floor=NEAR_INERT),
    Class(name="Q-ignored", behaviour=CLASS_E, floor=NEAR_INERT, header=Header.IGNORED, claims_replays=True),
    Class(
        name="Q-expired",
        behaviour=replace(CLASS_A, replay_ttl=timedelta(minutes=5)),
        floor=NEAR_INERT,
        claims_replays=True,
    ),
    Class(
        name="Q-stripped",
        behaviour=replace(CLASS_A, replay_ttl=DAY),
        floor=NEAR_INERT,
        header=Header.STRIPPED,
        claims_replays=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One kind of world; `name` is what the replay command says."""

    of: Class
    sink: SinkKind
    lag: float = 0.0
    creates_per_hour: int | None = None
    reads_lag: bool = False

    @property
    def name(self) -> str:
        """Class, sink, lag and create limit in one word."""
        extra = f"/lag{self.lag:g}" if self.lag else ""
        extra += "/reads" if self.reads_lag else ""
        extra += f"/cph{self.creates_per_hour}" if self.creates_per_hour else ""
        return f"{self.of.name}/{self.sink}{extra}"

    @classmethod
    def parse(cls, text: str) -> World:
        """Return the world that `name` stands for."""
        name, sink, *extra = text.split("/")
        world = cls(of=next(item for item in CLASSES if item.name == name), sink=SinkKind(sink))
        for part in extra:
            if part.startswith("lag"):
                world = replace(world, lag=float(part.removeprefix("lag")))
            elif part == "reads":
                world = replace(world, reads_lag=True)
            else:
                world = replace(world, creates_per_hour=int(part.removeprefix("cph")))
        return world

    @property
    def replays(self) -> bool:
        """Whether the secret of a create can be had again by repeating it."""
        return self.of.name in {"A", "Q-honoured"}

    @property
    def most_without_lease(self) -> int:
        """How many runs at once need no lease.

        Any number where every create gives the same key and receipts tell what became of it; two where
        the sink is locked, or where it shows receipts and the provider shows secrets again; one otherwise.
        """
        if self.sink is SinkKind.WRITE_ONLY:
            return 1
        if self.replays:
            return 99
        return 2 if self.sink is SinkKind.READABLE or self.of.behaviour.reveals else 1

    @property
    def minted_once(self) -> bool:
        """Whether a secret is shown once, to a sink that shows nothing: the program asks for a lease then."""
        return self.sink is SinkKind.WRITE_ONLY and not (self.of.behaviour.reveals or self.replays)

    def vendor(self, clock: VirtualClock) -> Vendor:
        """Return a new provider of this kind."""
        return Vendor(
            behaviour=self.of.behaviour,
            clock=clock,
            floor=self.of.floor,
            header=self.of.header,
            claims_replays=self.of.claims_replays,
            lag=self.lag,
            creates_per_hour=self.creates_per_hour,
            reads_lag=self.reads_lag,
        )


WORLDS: Final = tuple(World(of=item, sink=sink) for item in CLASSES for sink in SinkKind)
LAGGING: Final = tuple(
    replace(world, lag=20.0, reads_lag=reads) for world in WORLDS for reads in (False, True)
)
METERED: Final = tuple(replace(world, creates_per_hour=5) for world in WORLDS)
GAPS: Final = {"10s": 10.0, "20m": 1_200.0, "25h": 90_000.0}
REPLAYABLE: Final = 3_600.0
"""Seconds for which the program trusts a replay."""
T_MAX: Final = 60.0
"""Seconds that a request may still be on its way after its sender died."""
