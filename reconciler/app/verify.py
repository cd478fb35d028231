"""Asking the provider with each delivered key itself; the plaintext is in memory only, for the question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.app.observe import receipts_of
from reconciler.core.resolution import wants_custody
from reconciler.core.sanitize import redact
from reconciler.core.verification import Judged, Verdict, Verified, judge
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.ports.sink import ReadableSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.core.model import Delivery, DesiredAccount, DesiredKey, DesiredState
    from reconciler.ports.key_check import KeyCheck
    from reconciler.ports.sink import Sink

_LONGEST: Final = 500


def verify_keys(
    desired: DesiredState,
    keys: Iterable[DesiredKey],
    *,
    sinks: Mapping[str, Sink],
    checks: Mapping[str, KeyCheck],
) -> Iterator[Verified]:
    """Yield what came of asking for each entry of each key; one after the other, as providers limit this.

    Args:
        desired: for the accounts.
        keys: those to ask about.
        sinks: by name.
        checks: by account label; an account without one has keys that cannot ask.
    """
    for key in keys:
        account = desired.accounts[key.account]
        for delivery in key.deliver:
            try:
                judged = _verified(
                    key, delivery, account=account, sink=sinks[delivery.sink], check=checks.get(key.account)
                )
                code = ExitCode.OK
            except ReconcilerError as error:
                judged = _unknown(redact(str(error), limit=_LONGEST))
                code = error.exit_code
            yield Verified(
                address=key.address, sink=delivery.sink, entry=delivery.name, judged=judged, code=code
            )


def _verified(
    key: DesiredKey, delivery: Delivery, *, account: DesiredAccount, sink: Sink, check: KeyCheck | None
) -> Judged:
    found = _without_reading(key, delivery, sink)
    if found is not None:
        return found
    if not isinstance(sink, ReadableSink):
        return _unknown("this sink does not show secrets again; its receipt is there")
    if check is None:
        return _unknown(f"keys of {account.provider} cannot ask about themselves")
    secret = sink.read(delivery.name)
    if secret is None:
        return _wrong("the entry is empty; run `reconciler plan`")
    told = check.check(secret)
    return judge(
        key,
        account.namespace,
        live=told.live,
        why=told.why,
        name=told.name,
        spec=told.spec,
        used_up=told.available_units is not None and told.available_units <= 0,
    )


def _without_reading(key: DesiredKey, delivery: Delivery, sink: Sink) -> Judged | None:
    """Return what the receipt alone decides."""
    if not wants_custody(key):
        return _unknown("adopted: its secret was never delivered")
    receipt = receipts_of(sink, [delivery]).get(delivery)
    if receipt is not None and receipt.generation == key.lifecycle.generation:
        return None
    if key.lifecycle.absent:
        return Judged(verdict=Verdict.GOOD, why="nothing is held, as declared")
    return _wrong("the sink holds no secret that was delivered for this key; run `reconciler plan`")


def _wrong(why: str) -> Judged:
    return Judged(verdict=Verdict.WRONG, why=why)


def _unknown(why: str) -> Judged:
    return Judged(verdict=Verdict.UNKNOWN, why=why)
