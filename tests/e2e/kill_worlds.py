"""The vendors and the changes that real processes are killed in; data, no course of events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.servers import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A simulated server with some habits.

    Attributes:
        name: unique here.
        family: which vendors are much alike.
        server: how an account of it is declared.
        switches: what it does otherwise than usual.
        excess: rows that it may be made to mint in vain by one kill; none where a create is replayed with its
            secret, or where an existing key's secret can be read.
    """

    name: str
    family: str
    server: Server
    switches: Mapping[str, Any] = field(default_factory=dict)
    excess: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Declarations before and after a merge.

    Attributes:
        name: unique here.
        before: applied without any harm; none is nothing.
        after: what the runs that are killed apply.
        live: the generations that are switched on at the end, by declared name.
        births: rows that the change mints when nothing goes wrong.
    """

    name: str
    before: Mapping[str, Mapping[str, Any]]
    after: Mapping[str, Mapping[str, Any]]
    live: Mapping[str, frozenset[int]]
    births: int


_BY_NAME: Final = {server.name: server for server in SERVERS}


def _qcode(name: str, *, excess: int = 0, **switches: Any) -> Vendor:
    server = _BY_NAME["qcode-partner"]
    return Vendor(name=name, family="qcode", server=server, switches=switches, excess=excess)


VENDORS: Final = (
    _qcode("qcode"),
    _qcode("qcode-ignored", excess=1, idempotency="ignored"),
    _qcode("qcode-no-secret", excess=1, idempotency_replay="no_plaintext"),
    _qcode("qcode-forgotten", excess=1, idempotency_ttl_seconds=0),
    _qcode("qcode-hidden", excess=1, list_disabled="hidden", idempotency_replay="no_plaintext"),
    _qcode("qcode-loose", idempotency_mismatch="replay", timestamps=False),
    Vendor(name="new-api", family="new-api", server=_BY_NAME["new-api"]),
    Vendor(name="new-api-rc", family="new-api", server=_BY_NAME["new-api-rc"]),
    Vendor(name="new-api-old", family="new-api", server=_BY_NAME["new-api-old"]),
    Vendor(name="hitopen", family="relatives", server=_BY_NAME["hitopen"]),
    Vendor(name="cometapi", family="relatives", server=_BY_NAME["cometapi"]),
    Vendor(name="one-api", family="relatives", server=_BY_NAME["one-api"]),
)
"""A and what it may turn out as (B, E, A for a moment), then D (masked lists) and C (full ones)."""

FAMILIES: Final = ("qcode", "new-api", "relatives")

_HUNDRED: Final = {"limits": {"total_usd": 100}}
_LESS: Final = {"limits": {"total_usd": 80}}
_ONE, _TWO, _NONE = frozenset({1}), frozenset({2}), frozenset[int]()

CHANGES: Final = (
    Change(name="create", before={}, after={"client-a": _HUNDRED}, live={"client-a": _ONE}, births=1),
    Change(
        name="rotate",
        before={"client-a": _HUNDRED},
        after={"client-a": {**_HUNDRED, "generation": 2}},
        live={"client-a": _ONE | _TWO},
        births=1,
    ),
    Change(
        name="replace",
        before={"client-a": _HUNDRED},
        after={"client-a": {**_HUNDRED, "generation": 2, "overlap": "0s"}},
        live={"client-a": _TWO},
        births=1,
    ),
    Change(
        name="update",
        before={"client-a": _HUNDRED, "client-b": _HUNDRED},
        after={"client-a": _LESS, "client-b": {**_HUNDRED, "enabled": False}},
        live={"client-a": _ONE, "client-b": _NONE},
        births=0,
    ),
    Change(
        name="mixed",
        before={"client-a": _HUNDRED, "client-b": _HUNDRED},
        after={
            "client-a": {**_HUNDRED, "generation": 2, "overlap": "0s"},
            "client-b": {**_LESS, "enabled": False},
            "client-c": _LESS,
        },
        live={"client-a": _TWO, "client-b": _NONE, "client-c": _ONE},
        births=2,
    ),
)
