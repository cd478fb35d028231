"""The data of the family: what capabilities follow from it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from reconciler.core.fields import ENABLED
from reconciler.providers._newapi_dialects import DIALECTS, NewApiDialect, capabilities
from reconciler.providers._newapi_secret import revealed_in, secret_in


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_what_every_server_of_the_family_can_do(dialect: NewApiDialect) -> None:
    """Keys are born with nothing left, and everything about them can be changed, revealed and deleted."""
    can = capabilities(dialect, quota_per_unit=500_000)
    assert can.floor == {"limits.total_units": 0}
    assert can.updatable == can.fields - {ENABLED}
    assert (can.toggles, can.deletes, can.renames, can.reveals, can.mintable) == (True,) * 5
    assert can.idempotent_create is False
    assert can.same_limit == {"limits.total_usd", "limits.total_units"}
    assert can.born.keys() <= can.fields
    assert not can.born.keys() & can.floor.keys()


def test_what_differs_between_them() -> None:
    """Names are counted otherwise, and only the ancestor has no groups and answers a create with the key."""
    limits = {name: (dialect.name_limit, dialect.name_unit) for name, dialect in DIALECTS.items()}
    assert limits == {
        "new-api": (50, "bytes"),
        "hitopen": (30, "bytes"),
        "cometapi": (50, "characters"),
        "one-api": (30, "bytes"),
    }
    tells = {name for name, dialect in DIALECTS.items() if capabilities(dialect).create_returns_secret}
    assert tells == {"one-api"}
    assert "group" not in capabilities(DIALECTS["one-api"]).fields


def test_documented_names_attributes() -> None:
    """The page of the providers is made from it."""
    names = {item.name for item in fields(NewApiDialect)}
    assert all(dialect.documented <= names for dialect in DIALECTS.values())


@pytest.mark.parametrize(
    "value",
    [
        *[None, 5, "", "sk-", "sk-short", "a" * 600, "x" * 20 + "*", "with blank in it, long", "ü" * 20],
        *["sk-abcdefgh...stuvwxyz", "sk-xxxxxxxxxxxxWXYZ", "<YOUR_COMETAPI_KEY>", "Abcd________________wxyz"],
    ],
)
def test_what_is_no_plaintext(value: object) -> None:
    """Masked in any of the usual ways, too short, too long, or not printable ASCII."""
    assert secret_in(value) is None  # type: ignore[arg-type]  # foreign
    assert revealed_in({"key": value}, "1") is None  # type: ignore[dict-item]  # likewise
    assert revealed_in({"keys": [value]}, "1") is None  # type: ignore[list-item]  # likewise
