"""Single fields of a declared key are changed, and every other byte of the file stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ManifestError
from reconciler.manifest.key_file_editor import set_fields
from reconciler.manifest.tree import parse

FILE = """\
# head
version: 1
defaults: {account: r, deliver: [{sink: a}, {sink: b}]}   # d
keys:
  # about a
  a:
    # inner
    profile: small   # why
    limits: {daily_usd: 5}
  b: {profile: small, enabled: false} # b
  c: {}
  "d \\u00e9":
      generation: 3   # three

      limits:
        daily_usd: 1
  e:
    allow_ips:
    - 10.0.0.0/8
    enabled: "true"   # a text, and wrong
"""
CASES = {
    "a": ("    profile: small   # why\n", "    generation: 4\n    profile: small   # why\n"),
    "b": ("{profile: small, enabled: false}", "{generation: 4, profile: small, enabled: false}"),
    "c": ("  c: {}", "  c: {generation: 4}"),
    "d é": ("generation: 3   # three", "generation: 4   # three"),
    "e": ("    allow_ips:\n", "    generation: 4\n    allow_ips:\n"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_one_field_changes_and_nothing_else(name: str, line_end: str) -> None:
    """Comments, order, quotes, indentation and line ends are those of the author."""
    before = FILE.replace("\n", line_end)
    old, new = (text.replace("\n", line_end) for text in CASES[name])
    assert set_fields(before, name, {"generation": 4}, file="k") == before.replace(old, new)


def test_what_only_one_of_the_parsers_reads() -> None:
    """A time without quotes inside of `{…}` is YAML 1.2 and loads, so the file can be edited too."""
    before = "version: 1\nkeys: {a: {expires: 2027-01-31T00:00:00Z, generation: 1}} # c\n"
    after = set_fields(before, "a", {"generation": 2}, file="k")
    assert after == before.replace("generation: 1", "generation: 2")


def test_several_fields_stand_in_the_order_given() -> None:
    """A switch is written as YAML writes it."""
    after = set_fields(FILE, "c", {"generation": 2, "overlap": "0s", "enabled": False}, file="k")
    assert "  c: {generation: 2, overlap: 0s, enabled: false}\n" in after


def test_a_value_that_would_be_read_as_something_else_is_refused() -> None:
    """What is written is read again, and the file is given up rather than spoiled."""
    with pytest.raises(ManifestError, match=re.escape("set overlap of a by hand")):
        set_fields(FILE, "a", {"overlap": "1 # hour"}, file="k")


@given(
    name=st.sampled_from(sorted(CASES)),
    changes=st.dictionaries(
        st.sampled_from(["generation", "enabled", "overlap"]), st.integers(1, 999) | st.booleans(), min_size=1
    ),
)
def test_the_file_says_the_change_and_what_it_said_before(name: str, changes: dict[str, int | bool]) -> None:
    """Any fields of any key, in any style."""
    before = parse(FILE, "k")
    after = parse(set_fields(FILE, name, changes, file="k"), "k")
    keys = before["keys"]
    assert isinstance(keys, dict)
    assert after == {**before, "keys": {**keys, name: {**keys[name], **changes}}}
