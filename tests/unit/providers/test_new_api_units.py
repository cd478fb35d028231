"""Quota units and USD."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.errors import AnswerError, DeferredError, ProviderUnavailableError, RequestRejectedError
from reconciler.providers._newapi_answers import management_dialect
from reconciler.providers._newapi_dialects import COMETAPI, NEW_API, quantum
from reconciler.providers._newapi_options import options_of
from reconciler.providers._newapi_units import Unit, find_unit
from tests.unit.providers.clients import client
from tests.unit.providers.new_api_server import no, yes
from tests.unit.providers.raw_server import RawServer, respond

ENVELOPE = management_dialect(None, {}, 180.0)


def found(answer: Any, dialect: Any = NEW_API, **options: object) -> tuple[int | None, int]:
    """Return the unit, and how many requests that took."""
    with RawServer((answer,)) as server:
        http = client(server.url, dialect=ENVELOPE)
        try:
            unit = find_unit(http, options_of(dialect, options))
        finally:
            http.close()
        return unit.per_usd, len(server.requests)


@pytest.mark.parametrize(
    ("told", "unit"),
    [(500_000, 500_000), (1, 1), (0, None), (-5, None), (True, None), ("500000", 500_000), (2**54 - 1, None)],
    ids=range(7),
)
def test_what_the_server_tells(told: object, unit: int | None) -> None:
    """A whole number above zero, or nothing."""
    if told == 2**54 - 1:
        with_big = respond(200, b'{"success":true,"data":{"quota_per_unit":9007199254740993}}')
        assert found(with_big) == (None, 1)
    else:
        assert found(yes({"quota_per_unit": told})) == (unit, 1)


@pytest.mark.parametrize(("text", "unit"), [(b"500000.0", 500_000), (b"5e5", 500_000), (b"0.5", None)])
def test_a_unit_with_a_fraction_in_its_spelling(text: bytes, unit: int | None) -> None:
    """Go writes floats, and a whole float is a whole number."""
    answer = respond(200, b'{"success":true,"data":{"quota_per_unit":' + text + b"}}")
    assert found(answer) == (unit, 1)


@pytest.mark.parametrize(
    "answer",
    [no("closed"), no("closed", 401), no("closed", 403), no("x", 404), respond(200, b"<html>"), yes([1])],
    ids=range(6),
)
def test_a_closed_route_is_no_reason_to_stop(answer: Any) -> None:
    """The settings' word counts then."""
    assert found(answer)[0] is None
    assert found(answer, quota_per_unit=7)[0] == 7


def test_a_vendor_that_does_not_tell_is_asked_only_to_check_the_settings() -> None:
    """Without a setting there is nothing to check."""
    assert found(yes({"quota_per_unit": 5}), COMETAPI) == (None, 0)
    assert found(no("x", 404), COMETAPI, quota_per_unit=5) == (5, 1)
    assert found(yes({"quota_per_unit": 5}), COMETAPI, quota_per_unit=5) == (5, 1)


def test_a_contradiction_and_a_fault_stop_everything() -> None:
    """A wrong unit makes every amount wrong; a fault says nothing about the unit."""
    with pytest.raises(AnswerError, match="counts 6 quota units as one USD and the settings say 5"):
        found(yes({"quota_per_unit": 6}), quota_per_unit=5)
    with pytest.raises(ProviderUnavailableError):
        found(respond(500))
    with pytest.raises(DeferredError):
        found(respond(429, b"", {"Retry-After": "500"}))


def test_amounts_are_exact_on_the_way_there_and_rounded_on_the_way_back() -> None:
    """No float is in between, and what is no whole number of units is refused."""
    unit = Unit(per_usd=500_000)
    for micro in (0, 2, 333_334, 10**15):
        assert unit.usd_of(unit.units_of(micro)) == micro
    with pytest.raises(RequestRejectedError, match="is no whole number of quota units; use steps of "):
        unit.units_of(1)
    assert Unit(per_usd=3_000_000).usd_of(4) == 1
    assert Unit(per_usd=7).usd_of(10**12) == int((Decimal(10**18) / 7).to_integral_value())


def test_without_a_unit_nothing_is_converted() -> None:
    """Reading shows nothing, and writing says what to set."""
    assert Unit(per_usd=None).usd_of(5) is None
    with pytest.raises(RequestRejectedError, match="declare `total_units`"):
        Unit(per_usd=None).units_of(5)


@pytest.mark.parametrize(("per_usd", "step"), [(500_000, 2), (1_000_000, 1), (3, 1_000_000), (1, 1_000_000)])
def test_the_smallest_amount(per_usd: int, step: int) -> None:
    """It is a whole number of units, and nothing smaller is."""
    assert quantum(per_usd) == step
