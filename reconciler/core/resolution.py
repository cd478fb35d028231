"""Which of a key's rows is the key, and what state of birth it is in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.core.fields import differs
from reconciler.core.identity import Incarnation, parse_remote_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from reconciler.core.fields import Spec
    from reconciler.core.model import Delivery, DesiredAccount, DesiredKey, Listing, ObservedKey, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the provider's list that carries a name of ours."""

    incarnation: Incarnation
    key: ObservedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The rows of one declared key, told apart.

    Attributes:
        current: the row that is the key; None when one has to be minted.
        in_custody: whether every sink holds the current row's secret, or none has to.
        unborn: the current row was minted by us, never delivered to every sink and never used.
        orphans: live rows that nobody can be using, to be disabled.
        rivals: live rows of which more than one may be in use; a person has to decide.
        newer: live rows of a later generation than the declared one, latest first.
        predecessors: live rows of earlier generations.
        last_attempt: the highest attempt seen at the declared generation; 0 when there is none.
    """

    current: Row | None
    in_custody: bool
    unborn: bool
    orphans: tuple[Row, ...]
    rivals: tuple[Row, ...]
    newer: tuple[Row, ...]
    predecessors: tuple[Row, ...]
    last_attempt: int


def resolve(
    key: DesiredKey, rows: Sequence[Row], *, origin: str, floor: Spec, receipts: Mapping[Delivery, Receipt]
) -> Resolution:
    """Tell the rows of one key apart.

    Args:
        key: as declared.
        rows: every row that carries one of its names.
        origin: the provider that the receipts must name.
        floor: the provider's floor, which an unborn row still has.
        receipts: what the sinks hold.
    """
    generation = key.lifecycle.generation
    same = sorted((row for row in rows if row.incarnation.generation == generation), key=_rank)
    needs_custody = wants_custody(key)
    held = [row for row in same if needs_custody and holds_custody(key, row.key, origin, receipts)]
    rest = [row for row in same if row not in held]
    unborn = [row for row in rest if needs_custody and is_unborn(row.key, floor)]
    lone = _lone(unborn, _named(key, origin, receipts)) if len(unborn) == len(same) else None
    orphaned = [row for row in unborn if row is not lone and is_unusable(row.key)]
    in_use = [row for row in rest if row is not lone and row not in orphaned]
    rivals = [row for row in held + in_use if row.key.live]
    current = lone or _settled(key.spec, held, in_use)
    others = sorted(
        (row for row in rows if row.key.live), key=lambda row: (-row.incarnation.generation, *_rank(row))
    )
    return Resolution(
        current=current,
        in_custody=current is not None and (not needs_custody or current in held),
        unborn=lone is not None,
        orphans=tuple(row for row in orphaned if row.key.live),
        rivals=tuple(rivals) if len(rivals) > 1 else (),
        newer=tuple(row for row in others if row.incarnation.generation > generation),
        predecessors=tuple(row for row in others if row.incarnation.generation < generation),
        last_attempt=max((row.incarnation.attempt for row in same), default=0),
    )


def moved_keys(keys: Iterable[DesiredKey]) -> dict[tuple[str, str], DesiredKey]:
    """Return the keys that another account minted before, by that account and their name there."""
    return {key.moved_from: key for key in keys if key.lifecycle.renamed_from and key.moved_from}


def governed_rows(
    account: DesiredAccount, keys: list[DesiredKey], listing: Listing, *, left: Collection[str] = ()
) -> dict[str, list[Row]]:
    """Return the rows whose names this repository answers for, by declared name.

    Args:
        account: whose rows.
        keys: its declared keys.
        listing: its complete list.
        left: names of keys that are declared for another account now.
    """
    declared = {key.name: key for key in keys}
    adopted = {key.lifecycle.adopt: key for key in keys if key.lifecycle.adopt}
    # A renamed key goes on under its former remote name; minting the new name would make a second live key.
    renamed = {
        key.lifecycle.renamed_from: key.name
        for key in keys
        if key.lifecycle.renamed_from and not key.moved_from
    }
    rows: dict[str, list[Row]] = {}
    for observed in listing.keys:
        if observed.foreign:
            continue
        if adopted and (adopter := adopted.get(observed.id)):
            incarnation = Incarnation(name=adopter.name)
        elif observed.name is None or (parsed := parse_remote_name(observed.name, account.namespace)) is None:
            continue
        else:
            former = parsed.name not in declared and renamed.get(parsed.name)
            incarnation = replace(parsed, name=former) if former else parsed
        wanted = declared.get(incarnation.name)
        if account.namespace or wanted is not None or incarnation.name in left:
            key = observed if wanted is None else observed.held_against(wanted.spec)
            rows.setdefault(incarnation.name, []).append(Row(incarnation=incarnation, key=key))
    return rows


def wants_custody(key: DesiredKey) -> bool:
    """Tell whether the key's secret has to be in a sink; an adopted key's first generation has none."""
    return bool(key.deliver) and not (key.lifecycle.adopt and key.lifecycle.generation == 1)


def holds_custody(
    key: DesiredKey, row: ObservedKey, origin: str, receipts: Mapping[Delivery, Receipt]
) -> bool:
    """Tell whether every sink that the key is delivered to holds a receipt for this row."""
    for delivery in key.deliver:
        receipt = receipts.get(delivery)
        if receipt is None or receipt.remote_id != row.id or receipt.origin != origin:
            return False
    return True


def sealed_row(
    key: DesiredKey,
    found: Resolution,
    rows: Sequence[Row],
    origin: str,
    escrowed: Mapping[tuple[str, str], str],
) -> Row | None:
    """Return the live row of the declared generation whose secret is in escrow and in no sink yet."""
    if found.in_custody:
        return None
    generation = key.lifecycle.generation
    return next(
        (
            row
            for row in rows
            if row.key.live and row.incarnation.generation == generation and (origin, row.key.id) in escrowed
        ),
        None,
    )


def vanished(
    key: DesiredKey, rows: Sequence[Row], origin: str, receipts: Mapping[Delivery, Receipt]
) -> str | None:
    """Return the id of the declared generation that a sink holds and the provider does not list."""
    listed = {row.key.id for row in rows}
    generation = key.lifecycle.generation
    for delivery in key.deliver:
        receipt = receipts.get(delivery)
        if receipt is None or receipt.remote_id in listed:
            continue
        if (receipt.origin, receipt.address, receipt.generation) == (origin, key.address, generation):
            return receipt.remote_id
    return None


def overtaken(seen: Receipt | None, now: Receipt | None, key: DesiredKey, origin: str) -> str | None:
    """Return the id that another run has delivered to an entry since it was looked at, or None.

    Args:
        seen: the receipt that the run began with.
        now: the receipt of this moment.
        key: whose secret is to be delivered.
        origin: of its provider.
    """
    if now is None or (seen and seen.remote_id == now.remote_id):
        return None
    ours = (now.origin, now.address) == (origin, key.address)
    return now.remote_id if ours and now.generation >= key.lifecycle.generation else None


def is_unborn(row: ObservedKey, floor: Spec) -> bool:
    """Tell whether a row looks as our create left it: limits at the floor, and no spend shown."""
    at_floor = bool(floor) and all(row.spec.get(name) == value for name, value in floor.items())
    return at_floor and row.unused is not False and not row.used_micro_usd


def is_used(row: ObservedKey, floor: Spec) -> bool:
    """Tell whether a row shows more than our create left: another limit than the floor's, or a spend."""
    raised = any(row.spec.get(name, value) != value for name, value in floor.items())
    return raised or row.unused is False or bool(row.used_micro_usd)


def is_unusable(row: ObservedKey) -> bool:
    """Tell whether nobody can be using an unborn row: it is off, or its spend is shown and is nothing."""
    return not row.live or row.unused is True or row.used_micro_usd == 0


def elect(rows: Sequence[ObservedKey], floor: Spec) -> ObservedKey:
    """Return the row that lives on of twins, which several runs minted at once; every run elects the same.

    A row beyond the floor was delivered and activated by its run; among the others the first minted wins.

    Args:
        rows: of one incarnation; at least one.
        floor: the provider's floor.
    """
    # Ids are numbers that grow, or random; the shorter number is the lower one.
    return min(rows, key=lambda row: (not row.live, is_unborn(row, floor), len(row.id), row.id))


def _lone(unborn: list[Row], named: set[str]) -> Row | None:
    """Return the one row that a birth can go on with: the latest attempt, live and none besides it.

    One that is off counts when some sink has it already: it waits for the others.
    """
    live = [row for row in unborn if row.key.live]
    last = unborn[-1] if unborn else None
    return last if last is not None and (live == [last] or (not live and last.key.id in named)) else None


def _named(key: DesiredKey, origin: str, receipts: Mapping[Delivery, Receipt]) -> set[str]:
    """Return the ids of the provider's rows that some sink of the key has."""
    held = [receipts[place] for place in key.deliver if place in receipts]
    return {receipt.remote_id for receipt in held if receipt.origin == origin}


def _rank(row: Row) -> tuple[int, bool, str]:
    return (row.incarnation.attempt, row.key.live, row.key.id)


def _settled(spec: Spec, held: list[Row], in_use: list[Row]) -> Row | None:
    """Return the row that is beyond birth: live before disabled, then in custody, latest attempt last."""
    candidates = sorted(in_use, key=_rank) + sorted(held, key=_rank)
    live = [row for row in candidates if row.key.live]
    # Once the live row was switched off as declared, it must not lose its place to another dead one.
    dead = sorted(candidates, key=lambda row: (row in held, not differs(spec, row.key.spec)))
    return _last(live) or _last(dead)


def _last(rows: list[Row]) -> Row | None:
    return rows[-1] if rows else None
