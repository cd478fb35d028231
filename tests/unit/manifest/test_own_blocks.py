"""Blocks named after a provider: declared as data, checked at load, merged, and written back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import jsonschema
import pytest

from reconciler.core.fields import Field, Kind
from reconciler.errors import ManifestError
from reconciler.manifest.account_rules import rules_for
from reconciler.manifest.key_file_writer import DeclarationRules
from reconciler.manifest.own_blocks import split
from reconciler.manifest.schema import schema
from reconciler.manifest.settings import ProviderKind
from reconciler.manifest.wire_keys import KEY_FILE, key_file
from tests.unit.manifest.projects import FULL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Spec, Value
    from tests.unit.manifest.projects import Project

NEEDS: Final = ("group", "auto")
OWN: Final = (
    Field(name="acme.retry", kind=Kind.SWITCH, about="Whether to retry.", needs=NEEDS),
    Field(name="acme.order", kind=Kind.LIST, clear="inherit", about="What comes first.", needs=NEEDS),
    Field(name="acme.weight", kind=Kind.COUNT, about="How much it counts."),
    Field(name="acme.note", kind=Kind.TEXT, about="What the panel shows."),
    Field(name="acme.path", kind=Kind.LIST, about="A list that nothing lifts."),
)
ACME: Final = ProviderKind(
    capabilities=replace(
        FULL,
        updatable=FULL.updatable | {field.name for field in OWN},
        clearable=FULL.clearable | {"acme.order"},
        own=OWN,
    )
)
BARE: Final = replace(ACME, tailor=lambda _options: FULL)
SETTINGS: Final = """\
version: 1
keys: [keys/*.yaml]
accounts:
  main: {provider: acme, base_url: "https://acme.example", token: {env: MAIN_TOKEN}}
  other: {provider: full, base_url: "https://full.example", token: {env: OTHER_TOKEN}}
"""


def spec_of(project: Project, text: str, name: str = "a") -> Spec:
    """Return what one key of a file declares."""
    project.keys(text, settings=SETTINGS)
    (found,) = [key for key in project.load(acme=ACME).desired.keys if key.name == name]
    return found.spec


def problems_of(project: Project, text: str, **kinds: ProviderKind) -> list[str]:
    """Return what is wrong with a file, without its name."""
    project.keys(text, settings=SETTINGS)
    with pytest.raises(ManifestError) as caught:
        project.load(**{"acme": ACME, **kinds})
    return [f"{problem.line}:{problem.column}: {problem.message}" for problem in caught.value.problems]


def test_a_block_becomes_dotted_fields(project: Project) -> None:
    """From then on they are fields like any other; a list keeps its order."""
    text = """\
        version: 1
        defaults: {account: main}
        keys:
          a: {group: auto, acme: {retry: true, order: [b, a], weight: 3, note: hello, path: [x]}}
        """
    assert spec_of(project, text) == {
        "group": "auto",
        "acme.retry": True,
        "acme.order": ("b", "a"),
        "acme.weight": 3,
        "acme.note": "hello",
        "acme.path": ("x",),
    }


def test_blocks_merge_field_by_field(project: Project) -> None:
    """The key before its profile, the profile before the defaults, as with limits."""
    text = """\
        version: 1
        defaults: {account: main, group: auto, acme: {retry: true, weight: 1, note: low}}
        profiles:
          p: {acme: {weight: 2, note: mid}}
        keys:
          a: {profile: p, acme: {note: high, order: inherit}}
        """
    assert spec_of(project, text) == {
        "group": "auto",
        "acme.retry": True,
        "acme.weight": 2,
        "acme.note": "high",
        "acme.order": "inherit",
    }


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("{retry: 1}", "`retry` must be true or false, without quotes"),
        ("{order: []}", "`order` must be a list of texts with at least one entry, or `inherit`"),
        ("{order: [1]}", "`order` must be a list of texts with at least one entry, or `inherit`"),
        ("{order: a}", "`order` must be a list of texts with at least one entry, or `inherit`"),
        ("{order: [a, a]}", "`order` names an entry twice; keep one"),
        ("{path: inherit}", "`path` must be a list of texts with at least one entry"),
        ("{weight: many}", "`weight` must be a whole number from 0 to 9007199254740992"),
        ("{retrie: true}", "unknown field `retrie`; did you mean `retry`?"),
        ("5", "`acme` must be a mapping (`name: value` lines); write {} for an empty one"),
        (
            "{retry: true}",
            "`retry` means something with `group: auto` only; declare that too",
        ),
        (
            "{order: [a]}",
            "`order` means something with `group: auto` only; declare that too",
        ),
    ],
)
def test_a_wrong_block_has_a_place_and_a_remedy(project: Project, block: str, expected: str) -> None:
    """The type of each field is checked, and what the provider would drop without a word is refused."""
    text = f"version: 1\nkeys:\n  a:\n    account: main\n    acme: {block}\n"
    (found,) = problems_of(project, text)
    assert found.split(": ", 1)[1] == expected
    assert found.startswith("5:")


@pytest.mark.parametrize("block", ["{retry: false}", "{order: inherit}", "{weight: 0}"])
def test_what_is_off_needs_nothing(project: Project, block: str) -> None:
    """Only a value that would do something asks for the group."""
    assert spec_of(project, f"version: 1\nkeys: {{a: {{account: main, acme: {block}}}}}\n")


def test_a_block_of_another_provider_is_an_error_at_its_place(project: Project) -> None:
    """It is told once, wherever it came from: a key, a profile or the defaults."""
    text = """\
        version: 1
        defaults:
          acme: {weight: 1, note: x}
        profiles:
          p:
            acme: {weight: 2}
        keys:
          a: {account: other}
          b: {account: other, profile: p}
          c:
            account: other
            acme: {weight: 3}
        """
    sentence = "`acme` is for keys of acme accounts; this account's provider is full"
    assert problems_of(project, text) == [f"3:3: {sentence}", f"6:5: {sentence}", f"12:5: {sentence}"]


def test_a_block_without_an_account_of_its_provider_is_an_error(project: Project) -> None:
    """A provider that no account has, and one without such fields, are told apart from a slip."""
    text = "version: 1\nkeys: {a: {account: main, full: {x: 1}, partner: {x: 1}, acmee: {}}}\n"
    assert problems_of(project, text) == [
        "2:27: there is no account of `full`, or it has no fields of its own; remove this block",
        "2:41: there is no account of `partner`, or it has no fields of its own; remove this block",
        "2:58: unknown field `acmee`; did you mean `acme`?",
    ]


def test_an_account_whose_options_take_the_fields_away_refuses_them(project: Project) -> None:
    """The server behind an account may lack what its provider has."""
    text = "version: 1\nkeys: {a: {account: main, acme: {weight: 1}}}\n"
    assert problems_of(project, text, acme=BARE) == [
        "2:34: `weight` cannot be set at this account's provider; remove it"
    ]


def test_broken_settings_do_not_make_blocks_unknown(project: Project) -> None:
    """One run shows the problems of all files, and no others."""
    settings = SETTINGS.replace("keys: [", "colour: red\nkeys: [").replace("other:", "other: 5\n  more:")
    project.keys("version: 1\nkeys: {a: {account: main, acme: {weight: 1}}}\n", settings=settings)
    with pytest.raises(ManifestError) as caught:
        project.load(acme=ACME)
    assert {problem.file for problem in caught.value.problems} == {"reconciler.yaml"}


def test_a_provider_called_like_a_field_takes_nothing_from_it() -> None:
    """What `group` means does not depend on which packages are installed."""
    own = (Field(name="group.x", kind=Kind.SWITCH),)
    assert key_file(own) is KEY_FILE
    assert split("a.b.c") == ("a.b", "c")


@pytest.mark.parametrize(
    ("block", "fits"),
    [
        ({"retry": True, "order": ["a"], "weight": 0}, True),
        ({"order": "inherit"}, True),
        ({"retry": "yes"}, False),
        ({"other": 1}, False),
    ],
)
def test_the_schema_shows_the_blocks(block: Mapping[str, object], *, fits: bool) -> None:
    """An editor completes and checks them in defaults, profiles and keys alike."""
    found = schema("keys", OWN)
    validator = jsonschema.Draft202012Validator(found)
    for document in (
        {"version": 1, "keys": {"a": {"acme": block}}},
        {"version": 1, "keys": {}, "defaults": {"acme": block}},
        {"version": 1, "keys": {}, "profiles": {"p": {"acme": block}}},
    ):
        assert validator.is_valid(document) is fits
    assert "Whether to retry." in str(found)
    assert not jsonschema.Draft202012Validator(schema("keys")).is_valid(document)


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("acme.retry", True, True),
        ("acme.order", ("b", "a"), True),
        ("acme.order", "inherit", True),
        ("acme.path", "inherit", False),
        ("acme.order", (), False),
        ("acme.weight", -1, False),
        ("other.weight", 1, False),
    ],
)
def test_an_import_writes_what_is_read_back_as_it_is(
    project: Project, name: str, value: Value, *, takes: bool
) -> None:
    """What the loader would refuse, or change, is left out."""
    project.keys("version: 1\nkeys: {}\n", settings=SETTINGS)
    rules = DeclarationRules(rules_for(project.load(acme=ACME).desired.accounts["main"], ()))
    assert rules.takes(name, value) is takes


def test_an_import_leaves_out_what_means_nothing(project: Project) -> None:
    """A retry outside its group would be an error at the next load."""
    project.keys("version: 1\nkeys: {}\n", settings=SETTINGS)
    rules = DeclarationRules(rules_for(project.load(acme=ACME).desired.accounts["main"], ()))
    assert rules.misfits({"acme.retry": True, "group": "vip"}) == ("acme.retry",)
    assert rules.misfits({"acme.retry": True, "group": "auto"}) == ()
