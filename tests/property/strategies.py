"""Random values of the core, and random worlds that have drifted in every way that the core can tell."""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from reconciler.core.fields import FIELDS, Kind
from reconciler.core.identity import Incarnation, parse_remote_name, remote_name
from reconciler.core.model import Listing, ObservedState, Undeclared
from tests.unit.core.worlds import APP, FLOOR, LOCAL, USD, account, desired, key, receipt, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    from reconciler.core.fields import Value
    from reconciler.core.model import Delivery, DesiredAccount, DesiredKey, DesiredState, ObservedKey, Receipt

NAMES: Final = ("a", "b", "c")
STRAYS: Final = ("stray", "x/y", "a~01", "other/a", "team/a", "team/odd~1", "team-b/a", "old")

texts: SearchStrategy[str] = st.text(max_size=12)
declared_names: SearchStrategy[str] = st.text(min_size=1, max_size=12).filter(
    lambda text: not {"~", "/"} & set(text)
)
incarnations: SearchStrategy[Incarnation] = st.builds(
    Incarnation,
    name=declared_names,
    generation=st.integers(1, 999_999_999),
    attempt=st.integers(1, 999_999_999),
)
namespaces: SearchStrategy[str | None] = st.none() | st.sampled_from(("team", "team-b", "t/u", "ключ"))
amounts: SearchStrategy[int] = st.integers(0, 10**23)

_words = st.lists(st.sampled_from("abcdef"), max_size=4, unique=True).map(lambda names: tuple(sorted(names)))
_instants = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20))


def values(name: str) -> SearchStrategy[Value]:
    """Return canonical values of a field, its word for "no limit" among them."""
    field = FIELDS[name]
    plain: dict[Kind, SearchStrategy[Value]] = {
        Kind.SWITCH: st.booleans(),
        Kind.MONEY: amounts,
        Kind.COUNT: st.integers(0, 10**9),
        Kind.INSTANT: _instants,
        Kind.NAMES: _words,
        Kind.TEXT: st.text(string.ascii_letters, max_size=4),
    }
    return plain[field.kind] | st.just(field.clear) if field.clear else plain[field.kind]


specs: SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {}, optional={name: values(name) for name in FIELDS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A desired state, what exists, and what the provider is like.

    Attributes:
        desired: with one account.
        observed: its rows and receipts.
        remembered: ids whose create the provider would replay.
        shows_spend: whether rows tell what they have spent.
        hidden: fields that rows do not show.
    """

    desired: DesiredState
    observed: ObservedState
    remembered: frozenset[str]
    shows_spend: bool
    hidden: frozenset[str]

    @property
    def account(self) -> DesiredAccount:
        """The one account."""
        return self.desired.accounts["acc"]


_total: SearchStrategy[Value] = st.sampled_from((USD, 50 * USD, 100 * USD, "unlimited"))
_daily: SearchStrategy[Value] = st.sampled_from((USD, 5 * USD, 9 * USD))
_groups = st.sampled_from(("x", "y"))
_mostly_on = st.sampled_from((True, True, True, False))
_managed: SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {"limits.total_usd": _total, "limits.daily_usd": _daily, "limits.concurrency": st.sampled_from((1, 5))},
    optional={"group": _groups, "enabled": _mostly_on},
)


@st.composite
def _keys(draw: DrawFn) -> list[DesiredKey]:
    keys = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)):
        deliver = draw(st.sampled_from(((LOCAL,),) * 4 + ((LOCAL, APP),) * 3 + ((),)))
        keys.append(
            key(
                name,
                draw(_managed),
                deliver=tuple(replace(place, name=name.upper()) for place in deliver),
                generation=draw(st.sampled_from((1, 2))),
                overlap=draw(st.sampled_from((timedelta(hours=1), timedelta(days=60)))),
                protected=draw(st.booleans()),
                absent=draw(st.integers(0, 9)) == 0,
                adopt=draw(st.sampled_from((None,) * 14 + ("1", "99"))),
                renamed_from=draw(st.sampled_from((None,) * 9 + ("old",))) if name == "a" else None,
            )
        )
    return sorted(keys, key=lambda item: item.name)


@st.composite
def _rows(draw: DrawFn, namespace: str | None) -> list[ObservedKey]:
    singles = st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from((1, 1, 2)), st.sampled_from((1, 1, 2))), max_size=5
    )
    rotated = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
    written = [
        remote_name(Incarnation(name=name, generation=generation, attempt=attempt), namespace)
        for name, generation, attempt in [
            *draw(singles),
            *((name, generation, 1) for name in rotated for generation in (1, 2)),
        ]
    ]
    strays = draw(st.lists(st.none() | st.sampled_from(STRAYS), max_size=2))
    return [draw(_row(str(number), name)) for number, name in enumerate([*strays, *written], start=1)]


@st.composite
def _row(draw: DrawFn, key_id: str, name: str | None) -> ObservedKey:
    at_floor = draw(st.booleans())
    spec: dict[str, Value] = {**FLOOR} if at_floor else {**draw(_managed), "group": draw(_groups)}
    return row(
        key_id,
        name,
        spec,
        enabled=draw(_mostly_on),
        used=draw(st.sampled_from((0, 0, USD))) if at_floor else 3 * USD,
        age=draw(st.none() | st.just(timedelta(days=2))),
        idle=draw(st.none() | st.sampled_from((timedelta(minutes=5), timedelta(days=2)))),
        foreign=draw(st.integers(0, 9)) == 0,
    )


@st.composite
def _receipts(
    draw: DrawFn, keys: Sequence[DesiredKey], rows: Sequence[ObservedKey], namespace: str | None
) -> dict[Delivery, Receipt]:
    found = {}
    for declared in keys:
        known = [(item.id, parse_remote_name(item.name or "", namespace)) for item in rows]
        own = [(key_id, named) for key_id, named in known if named and named.name == declared.name]
        gone = Incarnation(name=declared.name, generation=draw(st.sampled_from((1, 1, 2))))
        holder = draw(st.none() | st.sampled_from([*own, *own, *own[-1:] * 3, ("77", gone)]))
        for place in declared.deliver:
            if holder is not None and draw(st.integers(0, 4)):
                key_id, named = holder
                age = draw(st.sampled_from((timedelta(minutes=5), timedelta(days=30))))
                found[place] = receipt(
                    key_id, named.name, generation=named.generation, attempt=named.attempt, age=age
                )
    return found


@st.composite
def worlds(draw: DrawFn) -> World:
    """Return a world with rows and receipts that no one run could have left behind."""
    namespace = draw(st.sampled_from((None, "team")))
    where = account(
        namespace=namespace,
        undeclared=draw(st.sampled_from(Undeclared)),
        reveals=draw(st.booleans()),
        deletes=draw(st.booleans()),
        idempotent_create=draw(st.booleans()),
    )
    shows_spend = draw(st.sampled_from((True, True, True, False)))
    hidden = frozenset(draw(st.sampled_from(((), (), ("group",)))))
    keys = draw(_keys())
    rows = [shown(item, shows_spend=shows_spend, hidden=hidden) for item in draw(_rows(namespace))]
    receipts = draw(_receipts(keys, rows, namespace))
    return World(
        desired=desired(*keys, accounts=[where]),
        observed=ObservedState(listings={"acc": Listing(keys=tuple(rows))}, receipts=receipts),
        remembered=frozenset(draw(st.sets(st.sampled_from([item.id for item in rows] or ["77"])))),
        shows_spend=shows_spend,
        hidden=hidden,
    )


def shown(item: ObservedKey, *, shows_spend: bool, hidden: frozenset[str]) -> ObservedKey:
    """Return a row as a provider shows it that keeps some things to itself."""
    spec = {name: value for name, value in item.spec.items() if name not in hidden}
    return replace(item, spec=spec, used_micro_usd=item.used_micro_usd if shows_spend else None)
