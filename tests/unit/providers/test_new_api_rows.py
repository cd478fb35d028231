"""Keys as the servers show them, in canonical form."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.fields import ENABLED
from reconciler.errors import AnswerError
from reconciler.providers._newapi_dialects import COMETAPI, HITOPEN, NEW_API, ONE_API
from reconciler.providers._newapi_rows import instant, observed, parse_row
from reconciler.providers._newapi_units import Unit
from tests.unit.providers.new_api_server import row

if TYPE_CHECKING:
    from reconciler.core.model import ObservedKey

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DOLLARS = Unit(per_usd=500_000)


def seen(
    shown: dict[str, Any], dialect: Any = NEW_API, unit: Unit = DOLLARS, owner: int | None = None
) -> ObservedKey:
    """Return a row as the planner sees it."""
    return observed(parse_row(shown), dialect, unit, NOW, owner)


def test_a_row_with_everything_set() -> None:
    """Names, caps in both units, sets sorted, instants in UTC, and the spend."""
    key = seen(row())
    assert (key.id, key.name, key.used_micro_usd, key.unused) == ("42", "client-a", 200_000, False)
    assert key.spec == {
        ENABLED: True,
        "limits.total_units": 500_000,
        "limits.total_usd": 1_000_000,
        "expires": "2030-01-01T00:00:00Z",
        "models": ("gpt-4o", "o3"),
        "allow_ips": ("10.0.0.0/8", "192.0.2.1"),
        "group": "vip",
        "new-api.cross_group_retry": False,
    }


def test_the_plaintext_stays_out_of_what_is_kept() -> None:
    """Servers that show keys in full show them in every list."""
    assert "key" not in parse_row(row(key="secret")).members


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"unlimited_quota": True, "remain_quota": -160}, ("unlimited", "unlimited")),
        ({"remain_quota": -160, "used_quota": 500_160}, (500_000, 1_000_000)),
        ({"remain_quota": -5, "used_quota": 0}, (0, 0)),
    ],
    ids=["unlimited", "overdrawn", "never negative"],
)
def test_the_cap_is_what_is_left_plus_what_was_used(changes: dict[str, Any], expected: object) -> None:
    """Spending does not change it."""
    spec = seen(row(**changes)).spec
    assert (spec["limits.total_units"], spec["limits.total_usd"]) == expected


def test_without_a_unit_there_is_nothing_in_usd() -> None:
    """Neither caps nor spend."""
    for changes in ({}, {"unlimited_quota": True}):
        key = seen(row(**changes), COMETAPI, Unit(per_usd=None))
        assert "limits.total_usd" not in key.spec
        assert key.used_micro_usd is None
        assert key.unused is False


@pytest.mark.parametrize(
    ("changes", "enabled"),
    [
        ({"status": 1}, True),
        ({"status": 2}, False),
        ({"status": 3, "expired_time": 1}, True),
        ({"status": 3}, False),
        ({"status": 3, "expired_time": -1}, False),
        ({"status": 4, "remain_quota": 0}, True),
        ({"status": 4}, False),
        ({"status": 4, "remain_quota": 0, "unlimited_quota": True}, False),
        ({"status": 9}, None),
        ({"status": 1, "expired_time": 1}, True),
    ],
    ids=range(10),
)
def test_a_dead_key_counts_as_on_while_its_reason_lasts(
    changes: dict[str, Any], *, enabled: bool | None
) -> None:
    """Enabling it would be refused; once the reason is gone it is off, and enabling it is what is missing."""
    assert seen(row(**changes)).spec.get(ENABLED) is enabled


@pytest.mark.parametrize(
    ("dialect", "changes", "models"),
    [
        (NEW_API, {"model_limits_enabled": False}, "all"),
        (NEW_API, {"model_limits": ""}, ()),
        (NEW_API, {"model_limits": "b,a,b"}, ("a", "b")),
        (NEW_API, {"model_limits": "a, b"}, (" b", "a")),
        (NEW_API, {"model_limits": ..., "model_limits_enabled": ...}, None),
        (NEW_API, {"model_limits": ..., "models": "b,a"}, ("a", "b")),
        (NEW_API, {"model_limits": ..., "models": None}, "all"),
        (NEW_API, {"model_limits": ..., "models": ["b", "a"]}, ("a", "b")),
        (HITOPEN, {"models": ["z"]}, ("z",)),
        (HITOPEN, {"models": []}, ()),
        (HITOPEN, {"models": ["z"], "model_limits_enabled": False}, "all"),
        (ONE_API, {"models": ""}, "all"),
        (ONE_API, {"models": "a"}, ("a",)),
    ],
    ids=range(13),
)
def test_models_in_every_spelling(dialect: Any, changes: dict[str, Any], models: object) -> None:
    """An enabled and empty list allows nothing, which is not the same as all."""
    assert seen(row(**changes), dialect).spec.get("models") == models


@pytest.mark.parametrize(
    ("changes", "ips"),
    [
        ({"allow_ips": None}, "any"),
        ({"allow_ips": ""}, "any"),
        ({"allow_ips": " \n"}, "any"),
        ({"allow_ips": " 10.0.0.0/8 \n2001:DB8::1/128\n"}, ("10.0.0.0/8", "2001:db8::1")),
        ({"allow_ips": "10.0.0.1,10.0.0.2"}, ("10.0.0.1,10.0.0.2",)),
        ({"allow_ips": ..., "subnet": "10.0.0.0/8,::1"}, ("10.0.0.0/8", "::1")),
        ({"allow_ips": ...}, None),
    ],
    ids=range(7),
)
def test_addresses_in_every_spelling(changes: dict[str, Any], ips: object) -> None:
    """One spelling each, as in declarations; commas where the server wants lines are a drift."""
    assert seen(row(**changes)).spec.get("allow_ips") == ips


def test_what_only_newer_servers_show() -> None:
    """Automatic groups keep their order; null is that of the server."""
    assert seen(row(auto_groups=["b", "a"])).spec["new-api.auto_groups"] == ("b", "a")
    assert seen(row(auto_groups=None)).spec["new-api.auto_groups"] == "inherit"
    spec = seen(row(cross_group_retry="yes", group=...), ONE_API).spec
    assert spec.keys() & {"new-api.cross_group_retry", "one-api.cross_group_retry", "group"} == set()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00Z"), (-5, "1969-12-31T23:59:55Z"), (10**15, None), (-(10**15), None)],
)
def test_instants(seconds: int, text: str | None) -> None:
    """Zero is a moment in the past, and what no calendar has is left out."""
    assert instant(seconds) == text
    assert seen(row(expired_time=seconds)).spec.get("expires") == text


def test_age_and_owner() -> None:
    """The age is by the provider's clock; a row without a user is not somebody else's."""
    made = int((NOW - timedelta(hours=2)).timestamp())
    assert seen(row(created_time=made)).age == timedelta(hours=2)
    assert seen(row(created_time=made + 999_999)).age == timedelta(0)
    assert seen(row(created_time=None)).age is None
    assert seen(row(), owner=7).foreign is False
    assert seen(row(), owner=8).foreign is True
    assert seen(row(user_id=...), owner=8).foreign is False
    assert seen(row(), owner=None).foreign is False


def test_unused_is_not_claimed_where_use_is_not_counted() -> None:
    """one-api does not count what an unlimited key uses."""
    unlimited = row(unlimited_quota=True, used_quota=0)
    assert seen(unlimited, ONE_API).unused is None
    assert seen(unlimited, NEW_API).unused is True
    assert seen(row(used_quota=0), ONE_API).unused is True
    assert seen(row(unlimited_quota=True), ONE_API).unused is False


def test_a_used_up_key_is_in_sync_with_every_cap_up_to_its_spend() -> None:
    """The server cannot store a cap below the spend, so asking again would never end."""
    key = seen(row(remain_quota=0, used_quota=600_000))
    assert key.used_up
    lower = key.held_against({"limits.total_usd": 1_000_000, ENABLED: False})
    assert lower.spec == {**key.spec, "limits.total_usd": 1_000_000}
    assert key.held_against({"limits.total_usd": 1_300_000}) is key
    assert key.held_against({"limits.total_units": "unlimited"}) is key
    assert replace(key, used_up=False).held_against({"limits.total_usd": 1}).spec == key.spec
    assert (
        seen(row(remain_quota=-5, used_quota=5))
        .held_against({"limits.total_units": 0})
        .spec["limits.total_units"]
        == 0
    )


@pytest.mark.parametrize(
    ("shown", "usd"),
    [({"unlimited_quota": True}, "unlimited"), ({"remain_quota": 0, "used_quota": 0}, 0), ({}, None)],
)
def test_what_is_the_same_in_every_unit_is_told_in_usd(shown: dict[str, Any], usd: object) -> None:
    """A key that was born without anything must not look as if it were raised already."""
    assert seen(row(**shown), unit=Unit(per_usd=None)).spec.get("limits.total_usd") == usd
    assert "limits.total_usd" not in seen(row(**shown), COMETAPI, Unit(per_usd=None)).spec


@pytest.mark.parametrize("left", [None, ...])
def test_an_unlimited_key_may_show_nothing_left(left: Any) -> None:
    """The number means nothing there."""
    key = seen(row(unlimited_quota=True, remain_quota=left))
    assert (key.spec["limits.total_units"], key.used_up) == ("unlimited", False)


def test_numbers_and_switches_are_read_in_every_spelling() -> None:
    """Floats, texts, and the 1 and 0 of databases."""
    numbers = ("id", "user_id", "status", "expired_time", "remain_quota", "used_quota", "accessed_time")
    usual = row()
    for spell in (str, lambda number: Decimal(f"{number}.0")):
        odd = row(**{name: spell(usual[name]) for name in numbers})
        assert seen(odd) == seen(usual)
    assert seen(row(unlimited_quota=0, model_limits_enabled=1)) == seen(usual)
    assert seen(row(unlimited_quota=1)) == seen(row(unlimited_quota=True))


@pytest.mark.parametrize(
    ("shown", "what"),
    [
        ([], "not an object"),
        (row(id=...), "usable id"),
        (row(id=0), "usable id"),
        (row(id=True), "usable id"),
        (row(name=None), "name is no text"),
        (row(status="on"), "status is not a whole number"),
        (row(remain_quota=None), "remain_quota is not"),
        (row(used_quota=True), "used_quota is not"),
        (row(expired_time=...), "expired_time is not"),
        (row(unlimited_quota=2), "neither true nor false"),
        (row(user_id="me"), "user_id is not"),
    ],
    ids=range(11),
)
def test_a_row_that_is_not_understood_stops_everything(shown: Any, what: str) -> None:
    """A guess about money or an identity is worse than no plan."""
    with pytest.raises(AnswerError, match=what):
        parse_row(shown)


def test_a_set_of_an_unknown_type_stops_everything() -> None:
    """A restriction that cannot be read is not none."""
    with pytest.raises(AnswerError, match="model_limits that is no text"):
        seen(row(model_limits=5))
