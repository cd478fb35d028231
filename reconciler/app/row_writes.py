"""Writes to one existing row, each read back: a 200 is not proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, Direction, direction
from reconciler.errors import AnswerError, KeyNotFoundError, OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.core.fields import Spec
    from reconciler.core.model import ObservedKey
    from reconciler.ports.clock import Clock
    from reconciler.ports.provider import Provider

READ_BACK_WAITS: Final = (1.0, 2.0, 3.0)
"""Seconds between reads while a provider may still show the old value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A row as it was read back, and the managed fields that the provider does not show."""

    key: ObservedKey
    unseen: tuple[str, ...]


def settle(provider: Provider, clock: Clock, key: ObservedKey, wanted: Spec) -> Settled:
    """Bring one row to some managed fields and read it back.

    What narrows comes first: a key that is to be off is switched off before its caps move, and one
    that is to be on is switched on after, unless its caps only rise.

    Args:
        provider: of the row.
        clock: for the waits between reads.
        key: the row as it was last seen.
        wanted: the managed fields.

    Raises:
        AnswerError: when a field did not take, naming it.
    """
    _write(provider, key, wanted)
    current, off = _read_back(provider, clock, key, wanted)
    if off:
        _write(provider, current, wanted)
        current, off = _read_back(provider, clock, current, wanted)
    if off:
        msg = f"the provider accepted the change but {', '.join(off)} did not take; check what it allows"
        raise AnswerError(msg)
    return Settled(key=current, unseen=tuple(sorted(wanted.keys() - current.spec.keys())))


def rename(provider: Provider, clock: Clock, key: ObservedKey, name: str) -> None:
    """Give one row another name and read it back.

    Args:
        provider: of the row.
        clock: for the waits between reads.
        key: the row as it was last seen.
        name: its new remote name.

    Raises:
        AnswerError: when the name did not take.
    """
    _twice_if_unknown(lambda: provider.rename_key(key, name))
    for seconds in READ_BACK_WAITS:
        if look(provider, clock, key.id).name == name:
            return
        clock.sleep(seconds)
    msg = f"the provider accepted the new name {name}, and it did not take; rename the key there"
    raise AnswerError(msg)


def look(provider: Provider, clock: Clock, key_id: str) -> ObservedKey:
    """Return one row, waiting a little for a provider whose reads lag behind its writes.

    Raises:
        KeyNotFoundError: when the row does not appear.
    """
    for seconds in READ_BACK_WAITS:
        try:
            return provider.get_key(key_id)
        except KeyNotFoundError:
            clock.sleep(seconds)
    return provider.get_key(key_id)


def _write(provider: Provider, key: ObservedKey, wanted: Spec) -> None:
    off = mismatches(key, wanted, unseen=True)
    caps = {name: wanted[name] for name in off if name != ENABLED}
    if ENABLED in off and wanted[ENABLED] is False:
        _twice_if_unknown(lambda: provider.set_enabled(key, enabled=False))
    on = ENABLED in off and wanted[ENABLED] is True
    first = on and _only_widens(key, caps)
    # Switched on with less than it will have, a key whose run dies here shows a drift and is finished.
    if first:
        _twice_if_unknown(lambda: provider.set_enabled(key, enabled=True))
    if caps:
        _twice_if_unknown(lambda: provider.update_key(key, caps))
    if on and not first:
        _twice_if_unknown(lambda: provider.set_enabled(key, enabled=True))


def _only_widens(key: ObservedKey, caps: Spec) -> bool:
    """Tell whether what a row allows now is shown, and is nowhere more than it will be."""
    return all(
        name in key.spec and direction(key.spec, {name: value}) is not Direction.NARROWS
        for name, value in caps.items()
    )


def mismatches(key: ObservedKey, wanted: Spec, *, unseen: bool = False) -> list[str]:
    """Return the managed fields that differ; with `unseen`, also those that the provider does not show."""
    shown = key.held_against(wanted).spec
    return [
        name for name, value in sorted(wanted.items()) if (shown[name] != value if name in shown else unseen)
    ]


def _read_back(
    provider: Provider, clock: Clock, key: ObservedKey, wanted: Spec
) -> tuple[ObservedKey, list[str]]:
    current = look(provider, clock, key.id)
    for seconds in READ_BACK_WAITS:
        if not mismatches(current, wanted):
            break
        clock.sleep(seconds)
        current = provider.get_key(key.id)
    return current, mismatches(current, wanted)


def _twice_if_unknown(write: Callable[[], None]) -> None:
    """Repeat a write whose outcome is unknown; it sets absolute values, so twice is the same as once."""
    try:
        write()
    except OutcomeUnknownError:
        write()
