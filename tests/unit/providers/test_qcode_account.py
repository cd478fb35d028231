"""What the account says about itself."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from reconciler.providers._qcode_account import AccountFact, facts_of, usage_of

if TYPE_CHECKING:
    from reconciler.core.strict_json import Json


def test_amounts_carry_their_unit() -> None:
    """A name that says USD wins, then the currency beside it."""
    document: Json = {
        "ok": True,
        "data": {"balance": Decimal("10.5"), "used_usd": 3, "currency": "CNY", "tier": "B", "active": True},
    }
    assert facts_of(document) == (
        AccountFact(name="balance", value="10.5", unit="CNY"),
        AccountFact(name="used_usd", value="3", unit="USD"),
        AccountFact(name="currency", value="CNY"),
        AccountFact(name="tier", value="B"),
        AccountFact(name="active", value="True"),
    )


def test_an_amount_without_a_unit_says_so() -> None:
    """No unit is invented."""
    assert facts_of({"data": {"balance": "7.25"}}) == (
        AccountFact(name="balance", value="7.25", unit="unit unspecified"),
    )


@pytest.mark.parametrize("document", [None, [], {}, {"data": None}, {"data": [1]}], ids=str)
def test_an_unknown_form_says_nothing(document: Json) -> None:
    """These facts are for people to read; nothing depends on them."""
    assert facts_of(document) == ()
    assert usage_of(document) == ()


def test_foreign_text_is_made_safe() -> None:
    """Names and values are sanitized and credentials taken out."""
    (fact,) = facts_of({"data": {"no\x1b[1mte": "token rsk_abcdefgh\u202e"}})
    assert (fact.name, fact.value) == ("no[1mte", "token rsk_…")


@pytest.mark.parametrize("name", ["series", "days", "items"])
def test_the_series_of_spend(name: str) -> None:
    """Each amount stands under its day, with the currency of the point or of the whole."""
    points: list[Json] = [{"date": "2026-11-19", "cost": 1}, {"date": "2026-11-20", "cost_usd": 2}]
    found = usage_of({"data": {name: points, "currency": "EUR"}})
    assert found == (
        AccountFact(name="2026-11-19 cost", value="1", unit="EUR"),
        AccountFact(name="2026-11-20 cost_usd", value="2", unit="USD"),
    )
    assert usage_of({"data": points})[0].unit == "unit unspecified"
