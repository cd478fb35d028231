"""One key, however the server spells it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import AnswerError
from reconciler.providers._qcode_rows import parse_row

if TYPE_CHECKING:
    from reconciler.core.strict_json import Json

PLAIN: dict[str, Json] = {
    "id": "k1",
    "name": "made-by-server",
    "description": "client-a",
    "is_active": True,
    "daily_cost_limit_usd": 5,
    "total_cost_limit_usd": Decimal("100.25"),
    "concurrency_limit": 5,
}
SPEC = {
    "enabled": True,
    "limits.daily_usd": 5_000_000,
    "limits.total_usd": 100_250_000,
    "limits.concurrency": 5,
}


def row(**changes: Any) -> dict[str, Json]:
    """Return the plain row with some members changed; `...` takes one away."""
    merged = {**PLAIN, **changes}
    return {name: value for name, value in merged.items() if value is not ...}


def test_the_documented_spelling() -> None:
    """A row as the vendor page suggests it becomes canonical values."""
    found = parse_row(PLAIN)
    assert (found.id, found.name, found.description, found.spec) == ("k1", "made-by-server", "client-a", SPEC)
    assert (found.used_micro_usd, found.unused, found.created) == (None, None, None)


@pytest.mark.parametrize(
    "spelled",
    [
        {
            "key_id": "k1",
            "isActive": True,
            "dailyCostLimit": 5,
            "totalCostLimit": "100.25",
            "concurrencyLimit": "5",
        },
        {
            "keyId": "k1",
            "active": True,
            "daily_cost_limit": "5.0",
            "total_cost_limit": "100.250000",
            "concurrency": Decimal("5.0"),
        },
        {
            "id": "k1",
            "enabled": "true",
            "limits": {"dailyCostLimit": 5, "totalCostLimit": Decimal("100.25"), "concurrency": 5},
        },
        {
            "id": "k1",
            "active": True,
            "dailyCostLimitUsd": 5,
            "total_limit_usd": "1.0025E+2",
            "concurrency": 5,
        },
        {
            "id": "k1",
            "status": "Active",
            "daily_cost_limit_usd": "5",
            "dailyCostLimit": 7,
            "total_cost_limit_usd": Decimal("100.2499999999"),
            "concurrency_limit": 5,
        },
    ],
    ids=range(5),
)
def test_other_spellings_mean_the_same(spelled: dict[str, Json]) -> None:
    """Aliases, nested limits, numbers as text, rounding noise: the first spelling wins."""
    found = parse_row(spelled)
    assert (found.id, found.spec) == ("k1", SPEC)


@pytest.mark.parametrize("nothing", [None, 0, Decimal("0.0"), "0"], ids=repr)
def test_no_limit_is_a_word(nothing: Json) -> None:
    """Nothing and zero mean that the server limits nothing, which is not a limit of zero."""
    found = parse_row(row(daily_cost_limit_usd=nothing, concurrency_limit=nothing))
    assert found.spec["limits.daily_usd"] == "unlimited"
    assert found.spec["limits.concurrency"] == "unlimited"


@pytest.mark.parametrize("shown", ["cr_0123456789abcdef", "sk-0123456789abcdef", "x=cr_0123456789abcdef"])
def test_an_id_that_looks_like_a_secret_is_none(shown: str) -> None:
    """Plans and errors show ids, so a server that puts the plaintext there is not read."""
    with pytest.raises(AnswerError) as caught:
        parse_row(row(id=shown))
    assert "0123456789abcdef" not in str(caught.value)


def test_what_is_not_shown_is_not_in_the_spec() -> None:
    """A missing member is unknown, not unlimited."""
    found = parse_row({"id": 7})
    assert (found.id, found.spec, found.shows_description) == ("7", {}, False)


def test_an_empty_description_was_shown() -> None:
    """A row made in the panel has none; that is no sign of a server that hides them."""
    found = parse_row(row(description=None))
    assert (found.description, found.shows_description) == (None, True)


@pytest.mark.parametrize(
    ("switch", "enabled"),
    [
        ({"is_active": False}, False),
        ({"is_active": ..., "status": "disabled"}, False),
        ({"is_active": ..., "status": "inactive"}, False),
        ({"is_active": ..., "status": "enabled"}, True),
        ({"is_active": None, "status": "active"}, True),
        ({"is_active": True, "status": "whatever"}, True),
        ({"is_active": ..., "enabled": "False"}, False),
        ({"is_active": 1}, True),
        ({"is_active": "0"}, False),
        ({"is_active": ..., "is_enabled": True}, True),
        ({"is_active": ..., "disabled": False}, True),
        ({"is_active": ..., "is_disabled": 1}, False),
        ({"is_active": ..., "state": "Disabled"}, False),
    ],
    ids=range(13),
)
def test_whether_a_key_is_enabled(switch: dict[str, Any], enabled: bool) -> None:  # noqa: FBT001
    """A boolean member, which some databases keep as 0 and 1, wins over a status text."""
    assert parse_row(row(**switch)).spec["enabled"] is enabled


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": ...}, "without a usable id"),
        ({"id": None}, "without a usable id"),
        ({"id": ""}, "without a usable id"),
        ({"id": 0}, "without a usable id"),
        ({"id": -1}, "without a usable id"),
        ({"id": True}, "without a usable id"),
        ({"id": Decimal("1.0")}, "without a usable id"),
        ({"id": "a b"}, "without a usable id"),
        ({"id": ".."}, "without a usable id"),
        ({"id": "k\u00e9"}, "without a usable id"),
        ({"id": "x" * 129}, "without a usable id"),
        ({"id": ["k1"]}, "without a usable id"),
        ({"is_active": 2}, "is_active that is neither true nor false"),
        ({"is_active": Decimal("1.0")}, "is_active that is neither true nor false"),
        ({"is_active": ..., "is_disabled": "no"}, "is_disabled that is neither true nor false"),
        ({"is_active": "yes"}, "is_active that is neither true nor false"),
        ({"is_active": ..., "status": "frozen\x1b[31m"}, 'the unknown status "frozen[31m"'),
        ({"is_active": ..., "status": 1}, 'the unknown status "1"'),
        ({"concurrency_limit": True}, "concurrency_limit that is not a number"),
        ({"concurrency_limit": "5.5"}, "not a whole number"),
        ({"concurrency_limit": "five"}, "not a number"),
        ({"concurrency_limit": "1e"}, "not a number"),
        ({"concurrency_limit": "\u0665"}, "not a number"),
        ({"daily_cost_limit_usd": -1}, "a negative daily_cost_limit_usd"),
        ({"daily_cost_limit_usd": "-0.01"}, "a negative daily_cost_limit_usd"),
        ({"daily_cost_limit_usd": []}, "not a number"),
        ({"daily_cost_limit_usd": "9" * 16}, "absurdly large"),
        ({"description": 5}, "a description that is not text"),
        ({"name": {}}, "a name that is not text"),
    ],
    ids=range(29),
)
def test_what_cannot_be_understood_stops_the_list(changes: dict[str, Any], said: str) -> None:
    """A doubtful row is an error that names the member, never a guess."""
    with pytest.raises(AnswerError) as caught:
        parse_row(row(**changes))
    assert said in str(caught.value)


@pytest.mark.parametrize("value", ["text", 5, None, []], ids=str)
def test_a_row_is_an_object(value: Json) -> None:
    """Anything else in the list is an error."""
    with pytest.raises(AnswerError, match="not an object"):
        parse_row(value)


@pytest.mark.parametrize(
    ("spend", "used", "unused"),
    [
        ({"total_cost_usd": Decimal("1.5")}, 1_500_000, False),
        ({"total_cost_usd": 0}, 0, True),
        ({"lifetime_cost_usd": "2"}, 2_000_000, False),
        ({"total_cost": 0}, None, True),
        ({"totalCost": Decimal("3.5")}, None, False),
        ({"total_cost_usd": None}, None, None),
        ({"total_cost_usd": "0E-8"}, 0, True),
        ({"total_cost_usd": "1.5E+1"}, 15_000_000, False),
        ({"total_cost_usd": {"usd": 1}}, None, None),
        ({"total_cost_usd": "1.50 USD"}, None, None),
        ({"total_cost_usd": -1}, None, None),
        ({"monthly_cost_usd": 9, "cost": 9}, None, None),
    ],
    ids=range(12),
)
def test_spend_counts_only_with_its_unit(
    spend: dict[str, Any],
    used: int | None,
    unused: bool | None,  # noqa: FBT001
) -> None:
    """An amount without a unit, or of no known form, is no spend in USD; zero is zero in every currency."""
    found = parse_row(row(**spend))
    assert (found.used_micro_usd, found.unused) == (used, unused)


@pytest.mark.parametrize(
    "created",
    [
        {"created_at": "2026-11-20T12:00:00Z"},
        {"createdAt": "2026-11-20T20:00:00+08:00"},
        {"created": 1_795_176_000},
        {"created_time": 1_795_176_000_000},
        {"created_at": Decimal("1795176000.0")},
    ],
    ids=range(5),
)
def test_when_a_key_was_made(created: dict[str, Any]) -> None:
    """Text with a zone, seconds and milliseconds are all understood."""
    assert parse_row(row(**created)).created == datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "created",
    [
        *("2026/11/20 12:00", "2026-11-20T12:00:00", "0001-01-01T00:00:00+23:59", "", "x" * 100),
        *(True, -5, 2**53, None),
    ],
    ids=range(9),
)
def test_a_doubtful_time_is_unknown(created: Json) -> None:
    """Without a zone, or out of range, the age is unknown rather than wrong."""
    assert parse_row(row(created_at=created)).created is None
