"""The safeguards of the protocol, and what takes the place of each when it is switched off.

Nothing in the program can switch them off; what is replaced here is replaced in this process only.
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from reconciler.app import birth, executor, minting, row_writes, targets
from reconciler.core import diff, key_actions
from reconciler.core.decision import DO
from reconciler.core.fields import ENABLED
from reconciler.core.plan import in_order
from reconciler.core.resolution import resolve
from reconciler.ports.sink import Entry
from reconciler.providers import _budget, _newapi_listing
from tests.simulation import ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True, kw_only=True)
class Safeguard:
    """One safeguard and what takes its place.

    Attributes:
        name: of the safeguard.
        without: replaces it until the block ends.
        worlds: where it is missed, the likeliest first.
        scenarios: whose single faults are played there; none for random histories.
        histories: spelled ones that are played before anything else.
        kept: why it stays although no history needs it.
    """

    name: str
    without: Callable[[], AbstractContextManager[Any]]
    worlds: tuple[str, ...]
    scenarios: tuple[str, ...] = ()
    histories: tuple[str, ...] = ()
    kept: str = ""


def _activates_first() -> AbstractContextManager[Any]:
    real = birth.Birth._deliver

    def deliver(self: birth.Birth, incarnation: Any, held: Any) -> Any:
        row_writes.settle(self.mint.provider, self.mint.clock, held.key, self.action.after or {})
        return real(self, incarnation, held)

    return patch.object(birth.Birth, "_deliver", deliver)


def _random_idempotency_key() -> AbstractContextManager[Any]:
    numbers = itertools.count()
    return patch.object(minting, "idempotency_key", lambda *_, **__: f"key {next(numbers)}")


def _no_replay_window() -> AbstractContextManager[Any]:
    real = minting.Mint.recover

    def recover(self: minting.Mint, incarnation: Any, row: Any) -> Any:
        return real(self, incarnation, replace(row, age=None))

    return patch.object(minting.Mint, "recover", recover)


def _creates_blindly() -> AbstractContextManager[Any]:
    def settle_unknown(self: minting.Mint, request: Any, _: Any) -> Any:
        return self.provider.create_key(replace(request, idempotency_key=f"{request.idempotency_key}2"))

    return patch.object(minting.Mint, "_settle_unknown", settle_unknown)


def _first_read_is_believed() -> AbstractContextManager[Any]:
    def read_back(_: Any, __: Any, key: Any, wanted: Any) -> Any:
        return replace(key, spec={**key.spec, **wanted}), []

    return patch.object(row_writes, "_read_back", read_back)


def _pages_are_believed() -> AbstractContextManager[Any]:
    def counted(self: _newapi_listing.Pager, first: Any) -> Any:
        found: dict[int, Any] = {}
        _newapi_listing._collect(found, first.rows)
        pages = range(2, -(-(first.total or 0) // max(1, len(first.rows))) + 1)
        for page in self._pages(pages):
            _newapi_listing._collect(found, page.rows)
        return list(found.values())

    return patch.object(_newapi_listing.Pager, "_counted", counted)


def _orphans_stay() -> AbstractContextManager[Any]:
    def without(*arguments: Any, **named: Any) -> Any:
        return replace(resolve(*arguments, **named), orphans=())

    return _both(patch.object(key_actions, "resolve", without), patch.object(targets, "resolve", without))


def _no_condemning() -> AbstractContextManager[Any]:
    return patch.object(birth.Birth, "_condemn", lambda *_: None)


def _condemns_blindly() -> AbstractContextManager[Any]:
    def condemn(self: minting.Mint, row: Any) -> None:
        self._condemned.add(row.id)
        row_writes.settle(self.provider, self.clock, row, {ENABLED: False})

    return patch.object(minting.Mint, "condemn", condemn)


def _nobody_looks_before_a_put() -> AbstractContextManager[Any]:
    return _both(
        patch.object(birth, "overtaken", lambda *_: None),
        patch.object(Entry, "refuse_overtaken", lambda *_: None),
    )


def _whoever_comes_last() -> AbstractContextManager[Any]:
    turns = itertools.count()
    return patch.object(
        minting, "elect", lambda rows, _: sorted(rows, key=lambda row: row.id)[-(next(turns) % 2)]
    )


def _in_any_order() -> AbstractContextManager[Any]:
    return patch.object(diff, "in_order", lambda actions: tuple(reversed(in_order(actions))))


def _always(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


@contextmanager
def _both(*patches: AbstractContextManager[Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for item in patches:
            stack.enter_context(item)
        yield


SAFEGUARDS: Final = (
    Safeguard(
        name="deliver before activate", without=_activates_first, worlds=("A/readable",), scenarios=("new1",)
    ),
    Safeguard(
        name="deterministic idempotency key",
        without=_random_idempotency_key,
        worlds=("A/readable",),
        scenarios=("new1",),
    ),
    Safeguard(
        name="replay window",
        without=_no_replay_window,
        worlds=(),
        histories=("x:A/readable:new1:25h+10s=5:kill-after,5:kill-after",),
    ),
    Safeguard(
        name="unknown outcome: no other create",
        without=_creates_blindly,
        worlds=("A/readable", "E/readable"),
        scenarios=("new1",),
    ),
    Safeguard(
        name="twin rule",
        without=_whoever_comes_last,
        worlds=("D/receipt-only", "C/receipt-only", "D/readable"),
    ),
    Safeguard(
        name="receipt check: a vanished row is not minted anew",
        without=lambda: _both(
            patch.object(targets, "vanished", _always(None)),
            patch.object(key_actions, "vanished", _always(None)),
        ),
        worlds=("E/readable/lag20/reads",),
    ),
    Safeguard(
        name="receipt check: an overtaken entry is not overwritten",
        without=_nobody_looks_before_a_put,
        worlds=("E/readable", "B/readable", "D/receipt-only", "D/readable"),
    ),
    Safeguard(
        name="protection in the executor",
        without=lambda: patch.object(executor, "protection", _always(None)),
        worlds=("A/readable",),
        scenarios=("protected",),
    ),
    Safeguard(
        name="read-back",
        without=_first_read_is_believed,
        worlds=("A/readable",),
        scenarios=("new1", "update"),
    ),
    Safeguard(
        name="complete-listing check",
        without=_pages_are_believed,
        worlds=("A/write-only", "E/write-only"),
        scenarios=("update", "mixed"),
    ),
    Safeguard(
        name="budget gate",
        without=lambda: patch.object(
            _budget.RequestBudget, "reserve", _always(_budget.Reservation((), _budget._Stamp(0.0)))
        ),
        worlds=("A/readable/cph5",),
        scenarios=("new6",),
    ),
    Safeguard(
        name="condemn before the next attempt",
        without=_no_condemning,
        worlds=("E/readable",),
        scenarios=("new1",),
    ),
    Safeguard(name="condemn looks twice", without=_condemns_blindly, worlds=("A/readable",)),
    Safeguard(
        name="clean-up of orphans", without=_orphans_stay, worlds=("E/readable",), scenarios=("new1", "new2")
    ),
    Safeguard(
        name="what two runs cut short is revived",
        without=lambda: patch.object(key_actions, "_revive", _always([])),
        worlds=("A/readable", "B/readable"),
    ),
    Safeguard(
        name="stale check of each action",
        without=lambda: patch.object(targets, "decide", _always(DO)),
        worlds=("A/readable",),
        scenarios=("update", "off"),
    ),
    Safeguard(
        name="verification of the sink",
        without=lambda: patch.object(ports.SimulatedSink, "verify", _always(None)),
        worlds=("A/readable",),
        scenarios=("new1",),
    ),
    Safeguard(
        name="order across the plan",
        without=_in_any_order,
        worlds=("A/readable",),
        scenarios=("update", "mixed"),
    ),
    Safeguard(
        name="lease",
        without=lambda: patch.multiple(ports.SimulatedLease, acquire=_always(None), check=_always(None)),
        worlds=("E/write-only", "B/write-only"),
    ),
    Safeguard(
        name="deadline",
        without=lambda: patch("reconciler.app.control.RunControl.expired", new=False),
        worlds=("A/readable",),
        scenarios=("new2",),
    ),
    Safeguard(
        name="safety gate in the executor",
        without=lambda: patch.object(executor, "over", _always(None)),
        worlds=("A/readable",),
        scenarios=("new3", "off", "mixed"),
        kept="the same limits refuse the plan as a whole before it; this is the last line before the socket",
    ),
)
