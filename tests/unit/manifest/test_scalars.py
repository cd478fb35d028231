"""Values of key files: what is taken, in which canonical form, and what to write instead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from reconciler.manifest.scalars import (
    MOST,
    AllowIps,
    Cap,
    Count,
    Expires,
    KeyName,
    Models,
    Money,
    Note,
    RemoteId,
    Switch,
    Text,
    duration,
    name_problem,
    one_of,
    whole,
)

if TYPE_CHECKING:
    from reconciler.manifest.scalars import Checked

USD = 1_000_000


def check(kind: Any, value: object) -> Any:
    """Return the canonical value."""
    return TypeAdapter(kind).validate_python(value)


def refusal(kind: Any, value: object) -> str:
    """Return the sentence that refuses a value."""
    with pytest.raises(ValidationError) as caught:
        check(kind, value)
    (error,) = caught.value.errors(include_input=False, include_url=False, include_context=False)
    return error["msg"]


def of(rule: Checked) -> Any:
    """Return a type that has one rule."""
    return Annotated[Any, rule]


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        (5, 5 * USD),
        ("7", 7 * USD),
        ("2.50", 2_500_000),
        ("0.000001", 1),
        (10**12, 10**18),
        ("unlimited", "unlimited"),
    ],
)
def test_caps_are_micro_usd(value: object, micro: object) -> None:
    """Whole numbers and quoted decimals, never a float."""
    assert check(Cap, value) == micro


@pytest.mark.parametrize(
    "value", [2.5, True, None, "1e3", "-1", "1.0000001", "", "5 USD", [], "unlimit", float("inf")]
)
def test_other_amounts_are_refused_with_the_form_to_write(value: object) -> None:
    """Above all floats: they cannot hold cents."""
    assert refusal(Cap, value) == (
        "must be an amount in USD: a whole number, or a decimal of at most six places in quotes"
    )


@pytest.mark.parametrize("value", [0, "000", "0.00"])
def test_a_cap_of_zero_is_refused_with_both_remedies(value: object) -> None:
    """Zero means "no limit" at one provider and "nothing" at another."""
    assert refusal(Cap, value) == (
        "cannot be 0; write `unlimited` for no limit, or `enabled: false` to stop the key"
    )
    assert check(Money, value) == 0


@pytest.mark.parametrize("value", [-1, 10**12 + 1, "9999999999999", 10**400])
def test_amounts_out_of_range_are_refused(value: object) -> None:
    """A quoted 1e400 is no amount, and a number of 400 digits is too large."""
    assert refusal(Money, value) == "must be an amount from 0 to 1000000000000 USD"


def test_counts_are_whole_numbers_or_unlimited() -> None:
    """From one up to what every JSON reader keeps exact."""
    assert check(Count, 1) == 1
    assert check(Count, MOST) == MOST
    assert check(Count, "unlimited") == "unlimited"
    assert refusal(Count, 0).startswith("cannot be 0; write `unlimited`")
    for value in (-1, MOST + 1, 1.5, "5", True, None):
        assert refusal(Count, value) == f"must be a whole number from 1 to {MOST}, or `unlimited`"


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z"),
        ("2027-01-31 01:30:00+02:00", "2027-01-30T23:30:00Z"),
        ("2027-01-31t00:00:00z", "2027-01-31T00:00:00Z"),
        ("0999-06-01T00:00:00-05:00", "0999-06-01T05:00:00Z"),
        ("never", "never"),
    ],
)
def test_instants_are_kept_in_utc(value: str, canonical: str) -> None:
    """Equal instants are equal text, whatever zone they were written in."""
    assert check(Expires, value) == canonical


@pytest.mark.parametrize(
    "value",
    [
        "2027-01-31",
        "2027-01-31T00:00:00",
        "2027-01-31T00:00:00.5Z",
        "2027-02-30T00:00:00Z",
        "soon",
        20270131,
        None,
        "0001-01-01T00:00:00+23:59",
        "٢٠٢٧-01-31T00:00:00Z",
    ],
)
def test_instants_without_zone_or_with_fractions_are_refused(value: object) -> None:
    """A day without a zone is another moment on each machine."""
    assert refusal(Expires, value).startswith("must be an instant in whole seconds with a zone")


def test_models_are_a_sorted_set_or_all() -> None:
    """Order means nothing, and an empty list would mean opposite things at different providers."""
    assert check(Models, ["b", "a"]) == ("a", "b")
    assert check(Models, "all") == "all"
    assert refusal(Models, ["a", "a"]) == "names an entry twice; keep one"
    assert refusal(Models, ["a", 5]) == "must hold only model names in text; entry 2 is none"
    empty: tuple[object, ...] = ([], "gpt", None)
    for value in empty:
        assert (
            refusal(Models, value)
            == "must be a list of model names in text with at least one entry, or `all`"
        )


def test_addresses_have_one_canonical_form() -> None:
    """A single address and its /32 are the same; spelling of IPv6 does not matter."""
    assert check(AllowIps, ["10.0.0.1/32", "2001:DB8:0::/32", "192.0.2.0/24"]) == (
        "10.0.0.1",
        "192.0.2.0/24",
        "2001:db8::/32",
    )
    assert check(AllowIps, "any") == "any"
    assert refusal(AllowIps, ["10.0.0.1", "10.0.0.1/32"]) == "names an entry twice; keep one"


@pytest.mark.parametrize("value", ["10.0.0.1/8", "300.1.1.1", "fe80::1%eth0", "host", 10])
def test_what_is_no_address_is_refused_by_position(value: object) -> None:
    """The entry is numbered, not quoted."""
    assert refusal(AllowIps, ["10.0.0.1", value]).endswith("(no bits set behind the prefix); entry 2 is none")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(7)),
        ("0s", timedelta(0)),
    ],
)
def test_durations_have_one_unit(text: str, span: timedelta) -> None:
    """Seconds, minutes, hours or days."""
    assert check(of(duration()), text) == span


@pytest.mark.parametrize("value", ["24", 25, "1w", "-1h", "1h30m", "01h", "9999999d", None])
def test_other_durations_are_refused(value: object) -> None:
    """The sentence shows one."""
    assert (
        refusal(of(duration()), value) == "must be a duration: a whole number and one of s, m, h, d, like 24h"
    )


def test_a_duration_may_have_a_least_value() -> None:
    """A rotation every second is a mistake."""
    assert check(of(duration(60)), "1m") == timedelta(minutes=1)
    assert refusal(of(duration(60)), "59s").startswith("must be a duration of at least 60 s")


def test_words_and_bounds_are_spelt_out() -> None:
    """The sentence lists what is possible."""
    assert check(of(one_of("a", "b")), "b") == "b"
    assert refusal(of(one_of("a", "b")), "c") == "must be one of: a, b"
    assert refusal(of(one_of("a", "b")), 1) == "must be one of: a, b"
    assert check(of(whole(1, 3)), 3) == 3
    for value in (0, 4, True, "1", 1.0):
        assert refusal(of(whole(1, 3)), value) == "must be a whole number from 1 to 3"
    assert refusal(of(whole(1, 1)), 2) == "must be 1"


def test_switches_are_true_or_false() -> None:
    """Neither `yes` nor 1."""
    assert check(Switch, value=False) is False
    for value in ("yes", 1, None):
        assert refusal(Switch, value) == "must be true or false, without quotes"


def test_text_is_printable_and_short() -> None:
    """Line breaks are for descriptions only."""
    assert check(Text, "Größe 1") == "Größe 1"
    for value in ("", " a", "a\nb", "x" * 201, 5, True, "a\u200bb"):
        assert refusal(Text, value).startswith("must be printable text of 1 to 200 characters")
    assert check(Note, "two\nlines\t") == "two\nlines\t"
    for other in ("x" * 2001, 5, None):
        assert refusal(Note, other).startswith("must be text of at most 2000 characters")


def test_remote_ids_are_text_or_numbers() -> None:
    """Some providers number their keys; both spellings mean the same."""
    assert check(RemoteId, 42) == check(RemoteId, "42") == "42"
    for value in (-1, True, "", None, 1.5):
        assert refusal(RemoteId, value) == "must be the id that the provider shows for the key"


@pytest.mark.parametrize("name", ["client-a", "Team A: billing", "客户", "a.b_c", "ünïcode"])
def test_printable_names_are_taken(name: str) -> None:
    """In any language, with blanks inside."""
    assert check(KeyName, name) == name


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "printable"),
        (" a", "blanks"),
        ("a ", "blanks"),
        ("a\tb", "printable"),
        ("a\u202eb", "printable"),
        ("a\u200bb", "printable"),
        ("a/b", "`/`"),
        ("a~2", "`~`"),
        ("u\u0308", "NFC"),
    ],
)
def test_names_that_could_mean_something_else_are_refused(name: str, word: str) -> None:
    """The namespace, the generation, and what looks the same on a screen but is not."""
    assert word in (name_problem(name) or "")
    assert refusal(KeyName, name).startswith("must be a key's name")
