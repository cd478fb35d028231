"""Foreign text before it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.sanitize import redact, sanitize


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("two\r\nlines\t and\x0b more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]8;;https://evil\x07link", "]8;;https://evillink"),
        ("c1\x9b31m", "c131m"),
        ("a\u202eb\u2066c\u2069", "abc"),
        ("zero\u200bwidth\u2060\ufeff", "zerowidth"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("soft\u00adhyphen", "softhyphen"),
        ("blank\u3164\u115f\ufe0ffiller", "blankfiller"),
        ("half \ud800 pair", "half pair"),
        ("caf\u00e9 \u4e2d\u6587", "caf\u00e9 \u4e2d\u6587"),
        ("  around  ", "around"),
        ("", ""),
    ],
)
def test_what_acts_or_hides_is_dropped(text: str, shown: str) -> None:
    """Control, direction and invisible characters go; letters of any script stay."""
    assert sanitize(text) == shown


def test_long_text_is_cut_with_an_ellipsis() -> None:
    """The result is never longer than the limit."""
    assert sanitize("x" * 10_000_000, limit=10) == "x" * 9 + "…"


@given(st.text(st.characters(), max_size=400), st.integers(2, 60))
def test_sanitized_text_is_stable_and_short(text: str, limit: int) -> None:
    """Sanitizing twice changes nothing, and no character is left that a terminal acts on."""
    once = sanitize(text, limit)
    assert sanitize(once, limit) == once
    assert len(once) <= limit
    assert once.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad token rsk_abcdef123456", "bad token rsk_…"),
        ("QOT_ABCDEF123456!", "QOT_…"),
        ('"cr_0123456789abcdef", x', '"cr_…", x'),
        ("sk-proj-abcdef_123", "sk-…"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer …"),
        ("crucial risk-taking scores", "crucial risk-taking scores"),
        ("rsk_\u200babcdefgh", "rsk_…"),
        ("rsk_abc\x00defgh", "rsk_…"),
    ],
)
def test_credentials_are_taken_out_by_their_form(text: str, shown: str) -> None:
    """Whatever looks like a token or a key goes, also when invisible characters split it."""
    assert redact(text) == shown


def test_a_known_secret_is_taken_out_wherever_it_stands() -> None:
    """A token without a telling form is removed because it is known."""
    assert redact("token=plain-token-value!", ("plain-token-value", "")) == "token=…!"


def test_invisible_text_does_not_push_a_secret_over_the_cut() -> None:
    """Thousands of invisible characters before a token do not make its first half appear."""
    assert redact("\u200b" * 9_995 + "plain-token-value", ("plain-token-value",)) == "…"


def test_a_secret_at_the_cut_does_not_show_its_beginning() -> None:
    """Redaction comes before the cut, so no half of a token is left."""
    assert redact("x" * 15 + " rsk_" + "a" * 50, limit=20) == "x" * 15 + " rsk…"


def test_the_old_commands_of_a_runner_are_broken() -> None:
    """A GitHub runner obeys `##[` anywhere in a line, hidden characters between or not."""
    assert sanitize("a ##[error]b") == redact("a ##[error]b") == "a ## [error]b"
    assert sanitize("##\u200b[group]") == redact("#\x00#[group]") == "## [group]"
