"""The comparable fields: canonical money, how two specs differ, and what a change does to access."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.core.fields import (
    FIELDS,
    Direction,
    FieldChange,
    Kind,
    changed_fields,
    differs,
    direction,
    from_document,
    kind_of,
    money,
    money_text,
    to_document,
    value_text,
)

if TYPE_CHECKING:
    from reconciler.core.fields import Spec, Value

W, N, O = Direction.WIDENS, Direction.NARROWS, Direction.NEUTRAL  # noqa: E741  # a table reads better with letters
DAILY, TOTAL = "limits.daily_usd", "limits.total_usd"


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("0", 0),
        ("5", 5_000_000),
        ("5.0", 5_000_000),
        ("5.00", 5_000_000),
        ("0.25", 250_000),
        ("0.000001", 1),
        ("1.000000", 1_000_000),
        ("007", 7_000_000),
        ("99999999999999999.999999", 99_999_999_999_999_999_999_999),
        ("123456789012345678901234", 123_456_789_012_345_678_901_234_000_000),
    ],
)
def test_money_is_exact(text: str, micro: int) -> None:
    """An amount becomes micro-USD without any rounding, however large."""
    assert money(text) == micro


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-1",
        "+1",
        "1e400",
        "1E2",
        "1e-7",
        "0.0000001",
        "1.2345678",
        "1_000",
        "1,5",
        "1.2.3",
        " 1",
        "1\n",
        "NaN",
        "Infinity",
        "0x10",
        "٣",
        "\uff11",
        "²",
        "½",
        "9" * 25,
        "0." + "0" * 30,
    ],
)
def test_what_is_no_plain_amount_is_refused(text: str) -> None:
    """Signs, exponents, foreign digits, a seventh decimal and floods of digits are errors, not guesses."""
    with pytest.raises(ValueError, match="decimal"):
        money(text)


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (250_000, "0.25"),
        (10_000_000, "10"),
        (100_000_000, "100"),
        (-1_500_000, "-1.5"),
        (-1, "-0.000001"),
        (10**29 + 1, "1" + "0" * 23 + ".000001"),
    ],
)
def test_money_is_printed_in_its_shortest_form(micro: int, text: str) -> None:
    """One amount has one text, so equal limits have equal fingerprints."""
    assert money_text(micro) == text


def test_the_kinds_of_fields_are_complete() -> None:
    """Each field has a word for "no limit" unless it cannot have one, and unknown fields count as text."""
    assert {name for name, field in FIELDS.items() if field.clear is None} == {"enabled", "group"}
    assert {kind_of(name) for name in FIELDS} == set(Kind) - {Kind.LIST}
    assert kind_of("hitopen.region") is Kind.TEXT
    assert all(name == field.name for name, field in FIELDS.items())


@pytest.mark.parametrize(
    ("managed", "actual", "expected"),
    [
        ({}, {}, False),
        ({}, {DAILY: 1}, False),
        ({DAILY: 1}, {DAILY: 1, TOTAL: 9}, False),
        ({DAILY: 1}, {}, False),
        ({DAILY: 1}, {DAILY: 2}, True),
        ({DAILY: 1, TOTAL: 2}, {TOTAL: 3}, True),
        ({DAILY: "unlimited"}, {DAILY: 0}, True),
        ({"models": ("a", "b")}, {"models": ("a", "b")}, False),
        ({"models": ("a",)}, {"models": "all"}, True),
    ],
)
def test_only_managed_and_shown_fields_can_differ(managed: Spec, actual: Spec, *, expected: bool) -> None:
    """A field left out is unmanaged, and one that the provider does not show is no drift."""
    assert differs(managed, actual) is expected


def test_changed_fields_names_each_field_with_both_values() -> None:
    """Changed, added and lost fields are told apart, sorted, and equal ones are left out."""
    before: Spec = {DAILY: 1, TOTAL: 2, "group": "x", "enabled": True}
    after: Spec = {DAILY: 3, "expires": "never", "group": "x", "enabled": False}
    assert changed_fields(before, after) == (
        FieldChange(name="enabled", before=True, after=False),
        FieldChange(name="expires", before=None, after="never"),
        FieldChange(name=DAILY, before=1, after=3),
        FieldChange(name=TOTAL, before=2, after=None),
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("a", "b"), ("a", "b", "c")),
        (("a", "b"), ("c", "d")),
        (("a",), "all"),
        ("any", ("10.0.0.0/8",)),
        ((), ("a",)),
        (tuple("abcdefghij"), tuple("klmnopqrst")),
    ],
)
def test_a_changed_set_is_one_changed_field(before: Value, after: Value) -> None:
    """A set of names changes as a whole; no element becomes a field of its own."""
    change = FieldChange(name="models", before=before, after=after)
    assert changed_fields({"models": before}, {"models": after}) == (change,)


def test_specs_with_little_in_common_still_name_every_field() -> None:
    """Where almost everything differs, each field is named and none is swallowed."""
    before: dict[str, Value] = {"group": "x"}
    after: dict[str, Value] = {"enabled": True, DAILY: 1, TOTAL: 2, "models": ("a",), "expires": "never"}
    assert [change.name for change in changed_fields(before, after)] == sorted({*before, *after})
    assert changed_fields({}, after)
    assert changed_fields(after, {})


def test_a_value_that_only_changes_its_type_is_named() -> None:
    """`true` and 1 are told apart in a provider's own field."""
    assert changed_fields({"x.flag": "1"}, {"x.flag": 1}) == (
        FieldChange(name="x.flag", before="1", after=1),
    )


def test_equal_specs_do_not_load_deepdiff() -> None:
    """Most keys are equal, and comparing those must not pay for the slow import."""
    loaded = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "deepdiff"}
    try:
        assert not differs({DAILY: 1}, {DAILY: 1})
        assert direction({DAILY: 1}, {DAILY: 2}) is W
        assert "deepdiff" not in sys.modules
    finally:
        sys.modules.update(loaded)


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("enabled", False, True, W),
        ("enabled", True, False, N),
        (DAILY, 1, 2, W),
        (DAILY, 2, 1, N),
        (DAILY, 2, 2, O),
        (DAILY, 10**12, "unlimited", W),
        (DAILY, "unlimited", 10**12, N),
        ("limits.total_units", "unlimited", 0, N),
        ("limits.concurrency", 5, 6, W),
        ("limits.requests_per_minute", 6, 5, N),
        ("limits.tokens_per_minute", 1, "unlimited", W),
        ("expires", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", W),
        ("expires", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", N),
        ("expires", "never", "2099-01-01T00:00:00Z", N),
        ("expires", "2099-01-01T00:00:00Z", "never", W),
        ("models", ("a", "b"), ("a",), N),
        ("models", ("a",), ("a", "b"), W),
        ("models", ("a",), ("b",), W),
        ("models", ("a",), "all", W),
        ("models", "all", ("a", "b"), N),
        ("models", ("a",), (), N),
        ("allow_ips", "any", ("10.0.0.0/8",), N),
        ("allow_ips", ("10.0.0.0/8",), "any", W),
        ("group", "a", "b", O),
        ("hitopen.region", "eu", "us", O),
        ("hitopen.level", 1, 2, O),
    ],
)
def test_the_direction_of_one_field(name: str, before: Value, after: Value, expected: Direction) -> None:
    """A change narrows only when everything it allows was allowed before; what cannot be told is neutral."""
    assert direction({name: before}, {name: after}) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, O),
        ({}, {DAILY: 1}, O),
        ({DAILY: 1}, {}, O),
        ({DAILY: 1, "group": "a"}, {DAILY: 1, "group": "b"}, O),
        ({DAILY: 2, "group": "a"}, {DAILY: 1, "group": "b"}, N),
        ({DAILY: 2, TOTAL: 2}, {DAILY: 1, TOTAL: 1}, N),
        ({DAILY: 2, TOTAL: 2}, {DAILY: 1, TOTAL: 3}, W),
        ({DAILY: 2, TOTAL: 2, "group": "a"}, {DAILY: 3, TOTAL: 1, "group": "b"}, W),
    ],
)
def test_the_widest_field_decides(before: Spec, after: Spec, expected: Direction) -> None:
    """One field that widens makes the whole change one that widens, whatever the others do."""
    assert direction(before, after) is expected


def test_widening_and_narrowing_are_opposites() -> None:
    """Over a chain of ever wider values, forth widens and back narrows; there is no third way."""
    chains: dict[str, list[Value]] = {
        DAILY: [0, 1, 10**15, "unlimited"],
        "limits.concurrency": [1, 2, "unlimited"],
        "expires": ["2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "never"],
        "models": [(), ("a",), ("a", "b"), "all"],
        "allow_ips": [("1.1.1.1",), ("1.1.1.1", "2.2.2.2"), "any"],
        "enabled": [False, True],
    }
    for name, values in chains.items():
        for position, narrow in enumerate(values):
            for wide in values[position + 1 :]:
                assert direction({name: narrow}, {name: wide}) is W
                assert direction({name: wide}, {name: narrow}) is N


def test_a_spec_survives_its_document() -> None:
    """What a plan file says is what was planned: money as text, sets as lists, words as they stand."""
    spec: dict[str, Value] = {
        "enabled": False,
        DAILY: 250_000,
        TOTAL: "unlimited",
        "limits.total_units": 500,
        "limits.concurrency": "unlimited",
        "expires": "never",
        "models": ("a", "b"),
        "allow_ips": "any",
        "group": "vip",
        "hitopen.region": "eu",
        "hitopen.flag": True,
        "hitopen.level": 3,
        "hitopen.tags": ("x", "y"),
    }
    document = json.loads(json.dumps(to_document(spec)))
    assert document[DAILY] == "0.25"
    assert document["models"] == ["a", "b"]
    assert list(document) == sorted(spec)
    assert from_document(document) == spec


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enabled", 1),
        ("enabled", "true"),
        ("enabled", None),
        (DAILY, 5),
        (DAILY, 5.0),
        (DAILY, True),
        (DAILY, "never"),
        (DAILY, "1e400"),
        ("limits.concurrency", True),
        ("limits.concurrency", "5"),
        ("limits.concurrency", 5.5),
        ("expires", 0),
        ("models", "gpt-5"),
        ("models", [1]),
        ("models", {"a": 1}),
        ("allow_ips", [None]),
        ("hitopen.x", 1.5),
    ],
)
def test_a_document_of_another_shape_is_refused(name: str, value: object) -> None:
    """A plan file that was edited by hand is an error, never a limit of another size."""
    with pytest.raises(ValueError, match=r"wrong type|decimal"):
        from_document({name: value})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (DAILY, 250_000, "0.25"),
        (DAILY, "unlimited", "unlimited"),
        (DAILY, None, "?"),
        ("enabled", True, "true"),
        ("enabled", False, "false"),
        ("models", ("a", "b"), "a, b"),
        ("limits.concurrency", 5, "5"),
    ],
)
def test_values_read_as_they_are_declared(name: str, value: Value | None, text: str) -> None:
    """A reviewer sees the words of the key file, and a question mark for what nobody knows."""
    assert value_text(name, value) == text
