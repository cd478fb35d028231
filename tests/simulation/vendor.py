"""The simulated provider: `MemoryServer`, with list lag, pages, doubtful idempotency and its own floor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import KeyNotFoundError
from reconciler.providers._http import Reply
from reconciler.providers._newapi_listing import Pager
from reconciler.providers.memory import MemoryServer, capabilities_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.core.fields import Spec
    from reconciler.core.model import Capabilities, Minted, MintRequest, ObservedKey
    from reconciler.core.strict_json import Json

PAGE: Final = 2


class Header(StrEnum):
    """What becomes of the idempotency key of a create."""

    HONOURED = "honoured"
    IGNORED = "ignored"
    STRIPPED = "stripped"


@dataclass(slots=True, kw_only=True, eq=False)
class Vendor(MemoryServer):
    """A provider whose weaknesses are switches.

    Attributes:
        floor: with which a key is born.
        header: whether a create's idempotency key is heeded; stripped loses every second one.
        claims_replays: the adapter believes in idempotency, whatever the truth is.
        lag: seconds until a new key is listed; it can be read by its id at once.
        reads_lag: a new key cannot be read by its id either until then.
        creates_per_hour: more than these are refused; None for no limit.
        memory: seconds for which a stale list may show what was before the last change.
    """

    floor: Spec
    header: Header = Header.HONOURED
    claims_replays: bool = False
    lag: float = 0.0
    reads_lag: bool = False
    creates_per_hour: int | None = None
    memory: float = 60.0
    _before: tuple[float, tuple[ObservedKey, ...]] = (float("-inf"), ())
    creates_seen: int = 0
    create_times: list[float] = field(default_factory=list)

    def capabilities(self) -> Capabilities:
        """Return what the adapter believes."""
        base = capabilities_of(self.behaviour)
        limits = replace(base.rate_limits, creates_per_hour=self.creates_per_hour)
        return replace(
            base,
            floor=self.floor,
            idempotent_create=base.idempotent_create or self.claims_replays,
            replays_secret=base.replays_secret or self.claims_replays,
            rate_limits=limits,
        )

    def create(self, request: MintRequest) -> Minted:
        """Mint at this vendor's floor."""
        self.creates_seen += 1
        known = set(self._rows)
        minted = MemoryServer.create(self, request)
        for key_id in self._rows.keys() - known:
            self._rows[key_id].spec.update(self.floor)
        if self.header is Header.IGNORED or (self.header is Header.STRIPPED and self.creates_seen % 2 == 0):
            self._creates.pop(request.idempotency_key, None)
        return minted

    def room_for_create(self) -> bool:
        """Tell whether the hour's creates allow one more, and count it."""
        now = self._now().total_seconds()
        self.create_times = [at for at in self.create_times if at + 3600 > now]
        if self.creates_per_hour is not None and len(self.create_times) >= self.creates_per_hour:
            return False
        self.create_times.append(now)
        return True

    def listed(self) -> tuple[ObservedKey, ...]:
        """Return the rows that a list shows now."""
        rows = self.rows()
        if not self.lag:
            return rows
        return tuple(row for row in rows if row.age is None or row.age.total_seconds() >= self.lag)

    def read(self, key_id: str) -> ObservedKey:
        """Return one row, as a read by its id shows it."""
        if self.reads_lag and all(row.id != key_id for row in self.listed()):
            message = f"there is no key {key_id}; check the id"
            raise KeyNotFoundError(message)
        return self.observed(key_id)

    def about_to_change(self) -> None:
        """Keep the rows as they are, for a stale list."""
        self._before = (self._now().total_seconds(), self.rows())

    def stale(self) -> tuple[ObservedKey, ...]:
        """Return the rows as they were before the last change, if a list can lag so far behind."""
        at, rows = self._before
        return rows if self._now().total_seconds() - at <= self.memory else self.listed()

    def paged(self, between: Callable[[], None]) -> tuple[ObservedKey, ...]:
        """Read the list page by page with the production code, something happening after the first page."""
        seen: dict[int, ObservedKey] = {}
        shifts = [between]

        def fetch(query: Mapping[str, str]) -> Reply:
            rows = sorted(self.listed(), key=lambda row: -number_of(row.id))
            start = (int(query["p"]) - 1) * PAGE
            page = rows[start : start + PAGE]
            seen.update((number_of(row.id), row) for row in page)
            items: list[Json] = [{"id": number_of(row.id)} for row in page]
            document: Json = {"data": {"items": items, "total": len(rows), "page_size": PAGE}}
            if shifts:
                shifts.pop()()
            return Reply(document=document, date=None)

        pager = Pager(fetch=fetch, workers=1, base=1, size_params=("size",), shape="object", extra={})
        found = pager.read_all().rows
        return tuple(seen[row["id"]] for row in found if isinstance(row, dict) and isinstance(row["id"], int))

    def state(self) -> tuple[Any, ...]:
        """Return everything that decides what this vendor does next, ages instead of times."""
        now = self._now()
        rows = tuple(
            (
                row.id,
                row.name,
                tuple(sorted(row.spec.items())),
                row.used_micro_usd,
                row.foreign,
                now - row.created,
            )
            for row in self._rows.values()
        )
        creates = tuple((key, item.key_id, now - item.at) for key, item in self._creates.items())
        times = tuple(now.total_seconds() - at for at in self.create_times)
        parity = self.creates_seen % 2 if self.header is Header.STRIPPED else 0
        return (rows, creates, self._minted, parity, times, self._shown_when_stale(now.total_seconds()))

    def _shown_when_stale(self, now: float) -> tuple[Any, ...]:
        at, rows = self._before
        if now - at > self.memory:
            return ()
        return tuple((row.id, row.name, tuple(sorted(row.spec.items())), now - at) for row in rows)

    def copy_to(self, other: Vendor) -> None:
        """Give another vendor of the same kind the same state."""
        other._rows = {key: replace(row, spec=dict(row.spec)) for key, row in self._rows.items()}
        other._creates = dict(self._creates)
        other._minted = self._minted
        other._before = self._before
        other.creates_seen = self.creates_seen
        other.create_times = list(self.create_times)


def number_of(key_id: str) -> int:
    """Return the number in an id of the memory provider."""
    return int(key_id[1:])
