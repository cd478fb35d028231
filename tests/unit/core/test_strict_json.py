"""Strict JSON."""

from __future__ import annotations

import traceback
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.strict_json import BadJsonError, parse


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "b": [true, null, "x"]}', {"a": 1, "b": [True, None, "x"]}),
        (b"0.1", Decimal("0.1")),
        (b"1e3", Decimal(1000)),
        (b"9007199254740992", 2**53),
        (b"-9007199254740992", -(2**53)),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b" [] ", []),
        (b"[" * 32 + b"]" * 32, None),
    ],
)
def test_ordinary_documents_are_read(body: bytes, value: object) -> None:
    """Numbers with a fraction keep every digit; pairs of surrogates and 32 levels are fine."""
    found = parse(body)
    assert value is None or found == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"nope", "not JSON"),
        (b'{"a": 1} trailing', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'{"a": 1, "a": 2}', "a duplicate member"),
        (b'[{"x": {"a": 1, "a": 1}}]', "a duplicate member"),
        (b"[NaN]", "a number that is not finite"),
        (b"[-Infinity]", "a number that is not finite"),
        (b"9007199254740993", "a number larger than 2^53"),
        (b"1" * 5000, "a number larger than 2^53"),
        (b"1e400", "a number larger than 2^53"),
        (b"-1e999999999", "a number larger than 2^53"),
        (b"0." + b"1" * 5000, "a number larger than 2^53"),
        (b"1e" + b"9" * 20, "not JSON"),
        (b"-0.1e-" + b"9" * 20, "not JSON"),
        (b'"\\ud800"', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b'{"a": [["\\uDABC x"]]}', "half a character"),
        (b"[" * 33 + b"]" * 33, "nested too deeply"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_doubtful_is_refused(body: bytes, reason: str) -> None:
    """Each kind of doubtful document is refused with a reason of its own."""
    with pytest.raises(BadJsonError) as caught:
        parse(body)
    assert str(caught.value) == reason


def test_numbers_of_others_stay_as_they_are_written() -> None:
    """A store may hold anything beside our field; what is no plain integer is kept as text."""
    found = parse(b'{"a": 123456789012345678901234567890, "b": 1.50, "c": 12}', odd_numbers="text")
    assert found == {"a": "123456789012345678901234567890", "b": "1.50", "c": 12}


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b"[NaN]", b'"\\ud800"', b"[" * 33 + b"]" * 33])
def test_only_numbers_are_read_with_more_patience(body: bytes) -> None:
    """Everything else that is doubtful is refused in such documents too."""
    with pytest.raises(BadJsonError):
        parse(body, odd_numbers="text")


def test_the_refused_text_is_in_no_part_of_the_error() -> None:
    """The standard decoder's error holds the whole document; ours does not lead to it."""
    body = b'{"api_key": "cr_canary", broken'
    with pytest.raises(BadJsonError) as caught:
        parse(body)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No input leads to another error than ours."""
    try:
        parse(body)
    except BadJsonError as error:
        assert str(error)  # noqa: PT017  # either outcome is right
