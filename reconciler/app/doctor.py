"""A look at everything that a run will need, before it needs it; no key and no secret is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from reconciler.app.preflight import refusal
from reconciler.core.fields import FIELDS, value_text
from reconciler.core.findings import fail, note, ok, warn
from reconciler.core.resolution import governed_rows
from reconciler.core.sanitize import redact
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.core.findings import Finding
    from reconciler.core.model import Capabilities, DesiredAccount, DesiredKey, Listing, RateLimits
    from reconciler.ports.provider import Provider
    from reconciler.ports.sink import Entry, Sink

_LONGEST: Final = 1_000
_MOST_FACTS: Final = 12


class Fact(Protocol):
    """One thing that a provider says about the account itself."""

    @property
    def name(self) -> str:
        """The provider's own name for it."""

    @property
    def value(self) -> str:
        """The value in words."""

    @property
    def unit(self) -> str | None:
        """The unit of an amount."""


@runtime_checkable
class DescribesAccount(Protocol):
    """A provider that says something about the account itself."""

    def account_facts(self) -> Sequence[Fact]:
        """Return what it says."""


@runtime_checkable
class DescribesServer(Protocol):
    """A provider behind whose name stand different servers."""

    def server_lines(self) -> Sequence[str]:
        """Return what reading the list showed of the server, and how sure that is."""


@runtime_checkable
class TellsBudget(Protocol):
    """A provider whose answers may tell how much of a rate limit is left."""

    @property
    def budget_left(self) -> int | None:
        """Requests that the last answer said are left; None where it did not."""


def failure(where: str, error: ReconcilerError) -> Finding:
    """Return the finding for an error; its text ends with the remedy already."""
    return fail(where, redact(str(error), limit=_LONGEST), error.exit_code)


def examine_account(
    provider: Provider, account: DesiredAccount, keys: list[DesiredKey], limits: RateLimits
) -> Iterator[Finding]:
    """Yield what a look at one account finds: reachable, accepted, complete, and what it can do.

    Args:
        provider: that reads.
        account: as declared.
        keys: declared for it.
        limits: the budgets that hold for it.
    """
    where = account.label
    yield note(where, f"{account.provider} at {account.origin}")
    try:
        listing = provider.list_keys()
    except ReconcilerError as error:
        yield failure(where, error)
        return
    yield ok(where, f"reachable, credentials accepted, {_counts(account, keys, listing)}")
    for text in listing.warnings:
        yield warn(where, redact(text, limit=_LONGEST))
    if listing.creates_refused:
        yield warn(where, f"no key is minted: {listing.creates_refused}")
    if isinstance(provider, DescribesServer):
        for line in provider.server_lines():
            yield note(where, redact(line, limit=_LONGEST))
    yield from _facts(provider, where)
    for line in capability_lines(account.capabilities):
        yield note(where, line)
    left = provider.budget_left if isinstance(provider, TellsBudget) else None
    yield note(where, f"rate limits: {_limits(limits, left)}")


def examine_sink(name: str, sink: Sink, entries: list[Entry]) -> Iterator[Finding]:
    """Yield what the preflight of one sink says for its declared entries.

    Args:
        name: of the sink.
        sink: its adapter.
        entries: that declared keys are delivered to.
    """
    where = f"sink {name}"
    error = refusal(sink, entries)
    if error is not None:
        # One bad entry refuses all of them, so each is asked about by itself.
        refused = [found for entry in entries if (found := refusal(sink, [entry])) is not None]
        for found in {str(item): item for item in refused or [error]}.values():
            yield failure(where, found)
        return
    yield ok(where, f"ready for every declared entry, which is {len(entries)}")


def capability_lines(can: Capabilities) -> Iterator[str]:
    """Yield what an account's provider can do, in words."""
    settable = sorted(can.updatable)
    yield f"fields that can be declared: {', '.join(settable) or 'none'}"
    if can.clearable:
        yield f"limits that can be lifted: {', '.join(sorted(can.clearable))}"
    abilities = {
        "creates keys": can.mintable,
        "replays a create": can.idempotent_create,
        "shows secrets again": can.reveals,
        "disables": can.toggles,
        "deletes": can.deletes,
        "renames": can.renames,
    }
    yield f"can: {_listed(word for word, able in abilities.items() if able)}"
    yield f"cannot: {_listed(word for word, able in abilities.items() if not able)}"
    floor = ", ".join(
        f"{name} {value_text(name, value)}" for name, value in sorted(can.floor.items()) if name in FIELDS
    )
    if floor:
        yield f"keys are born with: {floor}"
    yield f"names: at most {can.name_limit} {can.name_unit}"


def _counts(account: DesiredAccount, keys: list[DesiredKey], listing: Listing) -> str:
    governed = sum(len(rows) for rows in governed_rows(account, keys, listing).values())
    return f"keys: {len(listing.keys)} listed, {governed} governed, {len(keys)} declared"


def _facts(provider: Provider, where: str) -> Iterator[Finding]:
    if not isinstance(provider, DescribesAccount):
        return
    try:
        facts = provider.account_facts()
    except ReconcilerError as error:
        yield warn(where, f"the account itself is not shown: {redact(str(error), limit=_LONGEST)}")
        return
    texts = [f"{fact.name} {fact.value}{f' {fact.unit}' if fact.unit else ''}" for fact in facts]
    if texts:
        yield note(where, redact(f"account: {', '.join(texts[:_MOST_FACTS])}", limit=_LONGEST))


def _limits(limits: RateLimits, left: int | None) -> str:
    shown = {
        "requests a minute": limits.requests_per_minute,
        "requests a day": limits.requests_per_day,
        "creates an hour": limits.creates_per_hour,
    }
    known = _listed(f"{count} {what}" for what, count in shown.items() if count is not None)
    known = "none known" if known == "-" else known
    if left is not None:
        return f"{known}; the last answer said that {left} requests are left"
    return f"{known}; the provider does not tell how much of them is left"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "-"
