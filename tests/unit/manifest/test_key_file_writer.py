"""Adding declarations to key files: valid, read back as meant, and everything else as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fields import MICRO
from reconciler.core.importing import Declaration
from reconciler.errors import ManifestError
from reconciler.manifest.account_rules import rules_for
from reconciler.manifest.inheritance import merge_spec
from reconciler.manifest.key_file_writer import (
    DeclarationRules,
    add_declarations,
    empty_key_file,
    fields_of,
)
from reconciler.manifest.scalars import name_problem
from reconciler.manifest.tree import parse
from reconciler.manifest.wire_keys import KEY_FILE
from tests.unit.core.worlds import account

if TYPE_CHECKING:
    from reconciler.core.fields import Spec

SPEC: Spec = {"enabled": True, "limits.daily_usd": 10 * MICRO, "limits.total_usd": 2_500_000}


def declaration(name: str = "a", spec: Spec = SPEC, **values: Any) -> Declaration:
    """Return a declaration of row 7."""
    return Declaration(name=name, spec=spec, **({"remote_id": "7", "remote_name": name} | values))


def added(text: str, *declarations: Declaration) -> str:
    """Return a key file with declarations for the account `acc`."""
    return add_declarations(
        text, declarations or (declaration(),), account="acc", origin="https://api.example", file="k.yaml"
    )


def keys_of(text: str) -> Any:
    """Return the keys of a file as the loader sees them."""
    return KEY_FILE.validate_python(parse(text, "k.yaml"))["keys"]


def test_a_new_file_is_plain_to_read() -> None:
    """The account once, a comment that says where each key came from, amounts as people write them."""
    assert added(empty_key_file("acc")) == (
        "version: 1\n"
        "defaults: {account: acc}\n"
        "keys:\n"
        "  # from acc at https://api.example: named 'a', id 7\n"
        "  a:\n"
        "    enabled: true\n"
        "    limits: {daily_usd: 10, total_usd: '2.5'}\n"
    )


def test_what_people_wrote_stays() -> None:
    """Comments, order, quotes, blank lines and other keys; new keys come last."""
    text = (
        "# keys of the team\n"
        "version: 1\n"
        "defaults: {account: acc, deliver: {sink: local}}   # everywhere\n"
        "\n"
        "profiles:\n"
        '    small: {limits: {daily_usd: "5"}}\n'
        "keys:\n"
        "    # the first\n"
        "    z: {profile: small}  # important\n"
        "\n"
        "    b:\n"
        "        deliver:\n"
        "            - sink: local\n"
        "              name: B\n"
    )

    found = added(text)

    assert found.startswith(text)
    assert found[len(text) :] == (
        "    # from acc at https://api.example: named 'a', id 7\n"
        "    a:\n"
        "        enabled: true\n"
        "        limits: {daily_usd: 10, total_usd: '2.5'}\n"
        "        deliver: none\n"
    )


def test_dashes_at_the_column_of_their_key_stay_there() -> None:
    """The other common way to write lists."""
    text = "version: 1\nkeys:\n  b:\n    account: acc\n    models:\n    - x\n    - y\n"
    dashes = "version: 1\nkeys:\n  b:\n    account: acc\n    models:\n      - x\n"

    assert added(text).startswith(text)
    assert added(dashes).startswith(dashes)


def test_what_a_file_gives_to_all_keys_is_taken_back() -> None:
    """The account of others, a generation, a delivery by profile."""
    text = "version: 1\ndefaults: {account: other, generation: 3}\nkeys: {}\n"

    (key,) = keys_of(added(text)).values()

    assert (key["account"], key["generation"], "deliver" in key) == ("acc", 1, False)
    profile = (
        "version: 1\ndefaults: {account: acc, profile: p}\nprofiles: {p: {deliver: {sink: s}}}\nkeys: {}\n"
    )
    assert keys_of(added(profile))["a"]["deliver"] == []


def test_generation_and_adoption_are_written() -> None:
    """An id of digits stays text, and so does a set on one line."""
    spec: Spec = {"models": ("m1", "m2"), "allow_ips": "any", "expires": "2027-01-31T00:00:00Z"}

    text = added(empty_key_file("acc"), declaration(spec=spec, adopt="7", generation=2))

    assert keys_of(text)["a"] == {
        "adopt": "7",
        "generation": 2,
        "models": ("m1", "m2"),
        "allow_ips": "any",
        "expires": "2027-01-31T00:00:00Z",
    }
    assert "models: [m1, m2]" in text


def test_comments_tell_what_is_left_out_and_show_nothing_that_acts() -> None:
    """A name cannot end the comment, and what looks like a credential is not repeated."""
    text = added(
        empty_key_file("acc"),
        declaration("a", remote_name="x\nkeys: {}\u202e sk-0123456789abcdef", left_out=("group ?", "b 0")),
        declaration("b", remote_name=None),
    )

    assert set(keys_of(text)) == {"a", "b"}
    assert "left out, as they cannot be declared: group ?; b 0" in text
    assert "no name shown, id 7" in text
    assert "\u202e" not in text
    assert "0123456789abcdef" not in text


@given(
    name=st.one_of(
        st.sampled_from(
            ["null", "true", "1", "1e3", "0x1", "<<", "=", "?", "- a", "a: b", "# a", "'", '"', "é"]
        ),
        st.text(min_size=1, max_size=20),
    ).filter(lambda name: name_problem(name) is None)
)
def test_any_name_is_read_back_as_it_is(name: str) -> None:
    """Whatever YAML would take it for."""
    try:
        text = added(empty_key_file("acc"), declaration(name))
    except ManifestError:
        # Characters that no key file may hold; the rules refuse such a name beforehand or the writer does.
        assert not name.isascii()
    else:
        assert list(keys_of(text)) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nkeys:\n",
        "version: 1\nkeys: [a]\n",
        "version: 1\ndefaults: 3\nkeys: {}\n",
    ],
)
def test_a_file_that_cannot_be_added_to_is_refused(text: str) -> None:
    """With the name of the file and what to do."""
    with pytest.raises(ManifestError, match=r"k\.yaml:1:1: this file .*; name another file"):
        added(text)


def test_a_name_that_is_there_is_not_written_over() -> None:
    """The check of the result notices."""
    with pytest.raises(ManifestError, match="would not keep what is written"):
        added("version: 1\nkeys:\n  a: {account: acc}\n")


def test_only_what_can_be_declared_is_taken() -> None:
    """Values, fields and names that the loader would refuse are known beforehand."""
    rules = DeclarationRules(rules_for(account(clearable=frozenset({"expires"})), ("total_usd",)))

    assert rules.takes("limits.daily_usd", 5 * MICRO)
    assert rules.takes("expires", "never")
    assert not rules.takes("limits.daily_usd", 0)
    assert not rules.takes("limits.daily_usd", "unlimited")
    assert not rules.takes("limits.daily_usd", 5_000_001)
    assert not rules.takes("group", "")
    assert not rules.takes("allow_ips", ("not an address",))
    assert not rules.takes("models", ("b", "a"))
    assert not rules.takes("cometapi.retry", value=True)
    assert rules.takes_name("web app")
    assert not rules.takes_name("web/app")
    assert not rules.takes_name("x" * 100)
    assert rules.refusal({"limits.total_usd": MICRO}) is None
    assert "total_usd" in (rules.refusal({}) or "")


def test_fields_stand_in_their_blocks() -> None:
    """Limits, and what only one provider has, each under one name."""
    written = {"limits": {"concurrency": 3}, "cometapi": {"retry": True, "groups": ["b", "a"]}}
    spec: Spec = {"cometapi.retry": True, "limits.concurrency": 3, "cometapi.groups": ("b", "a")}
    assert fields_of(spec) == written
    assert merge_spec({}, {"limits": {"concurrency": 3}, "cometapi": {"retry": True}}) == {
        "limits.concurrency": 3,
        "cometapi.retry": True,
    }
    assert merge_spec({}, fields_of({"enabled": False})) == {"enabled": False}
