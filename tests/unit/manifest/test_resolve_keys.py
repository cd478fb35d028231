"""What keys inherit, where their secrets go, and what only all keys together show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.core.model import Delivery
from reconciler.manifest.resolve_keys import entry_name
from tests.unit.manifest.projects import SETTINGS, USD

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("client-a", "CLIENT_A"),
        ("Team A.x", "TEAM_A_X"),
        ("2fast", "_2FAST"),
        ("ключ", "____"),
        ("a_b", "A_B"),
    ],
)
def test_the_usual_entry_is_the_name_in_upper_snake(key: str, entry: str) -> None:
    """It can always be a variable's name."""
    assert entry_name(key) == entry


def test_a_key_wins_over_its_profile_and_that_over_the_defaults(project: Project) -> None:
    """Limits merge one by one, everything else as a whole."""
    project.keys(
        """\
        version: 1
        defaults:
          {account: other, profile: p, group: d, owner: d, description: d, models: [d], overlap: 1h,
           limits: {daily_usd: 1, total_usd: 1, concurrency: 1}, deliver: {sink: local}}
        profiles:
          p: {group: p, owner: p, models: all, limits: {daily_usd: 2, total_usd: 2}}
          q: {account: main, limits: {}}
        keys:
          a: {group: k, limits: {daily_usd: 3}, description: ""}
          b: {deliver: [{sink: store}, {sink: local, name: Z}], generation: 2}
          c: {profile: p, deliver: none, expires: never}
        """
    )
    a, b, c = project.load().desired.keys
    assert a.spec == {
        "group": "k",
        "models": "all",
        "limits.daily_usd": 3 * USD,
        "limits.total_usd": 2 * USD,
        "limits.concurrency": 1,
    }
    assert (a.owner, a.description) == ("p", "")
    assert a.deliver == (Delivery(sink="local", name="A"),)
    assert b.deliver == (Delivery(sink="local", name="Z"), Delivery(sink="store", name="B"))
    assert (b.lifecycle.generation, b.lifecycle.overlap) == (2, timedelta(hours=1))
    assert c.deliver == ()
    assert c.spec["expires"] == "never"
    assert a.lifecycle is c.lifecycle


def test_keys_that_add_nothing_share_what_they_inherit(project: Project) -> None:
    """A hundred thousand keys of one profile hold one specification."""
    project.keys(
        "version: 1\ndefaults: {account: main}\nprofiles: {p: {enabled: true}}\n"
        "keys: {a: {profile: p}, b: {profile: p}, c: {}}\n"
    )
    a, b, c = project.load().desired.keys
    assert a.spec is b.spec
    assert c.spec == {}


def test_every_lifecycle_field_is_resolved(project: Project) -> None:
    """Numbers as ids become text."""
    project.keys(
        """\
        version: 1
        defaults: {account: other}
        keys:
          a: {adopt: 42, rotate_every: 30d, renamed_from: old}
          b: {state: absent}
          c: {state: present}
        """
    )
    a, b, c = project.load().desired.keys
    assert (a.lifecycle.adopt, a.lifecycle.renamed_from) == ("42", "old")
    assert a.lifecycle.rotate_every == timedelta(days=30)
    assert (b.lifecycle.absent, c.lifecycle.absent) == (True, False)


def test_a_key_without_account_is_a_problem(project: Project) -> None:
    """Wherever it may be set."""
    project.keys("version: 1\nkeys:\n  a: {}\n")
    assert project.problems() == [
        "keys/a.yaml:3:3: `account` is missing; set it here, in the profile or in `defaults`"
    ]


def test_a_mistake_that_is_inherited_is_told_once_where_it_stands(project: Project) -> None:
    """In the profile or the defaults, not at every key."""
    project.keys(
        """\
        version: 1
        defaults:
          account: main
          models: [a]
          deliver: [{sink: local}, {sink: gone}]
        profiles:
          p:
            limits: {daily_usd: unlimited}
            expires: never
        keys:
          a: {profile: p}
          b: {profile: p}
        """
    )
    assert [text.split(" `")[0] + " " + text.split("`")[1] for text in project.problems()] == [
        "keys/a.yaml:4:3: models",
        "keys/a.yaml:5:29: sink",
        "keys/a.yaml:8:14: daily_usd",
        "keys/a.yaml:9:5: expires",
    ]


def test_a_profile_named_in_the_defaults_must_exist(project: Project) -> None:
    """The problem is at the defaults."""
    project.keys("version: 1\ndefaults: {account: main, profile: x}\nkeys: {a: {}}\n")
    assert project.problems() == [
        "keys/a.yaml:2:27: `profile` names none of this file's profiles; they are: none"
    ]


def test_a_key_declared_in_two_files_names_both_places(project: Project) -> None:
    """The address counts, not the file."""
    project.keys("version: 1\ndefaults: {account: main}\nkeys: {a: {}}\n")
    project.write("keys/b.yaml", "version: 1\nkeys: {a: {account: other}}\n")
    assert project.problems() == []
    project.write("keys/c.yaml", "version: 1\n\nkeys: {a: {account: main}}\n")
    assert project.problems() == [
        "keys/c.yaml:3:8: `a` is declared twice in this account, first at keys/a.yaml:3:8; keep one"
    ]


def test_two_secrets_in_one_entry_are_a_problem(project: Project) -> None:
    """The second would overwrite the first; a key that goes away writes nothing."""
    project.keys(
        """\
        version: 1
        defaults: {account: main, deliver: {sink: local}}
        keys:
          a-b: {}
          a.b: {}
          a_b: {state: absent}
        """
    )
    assert project.problems() == [
        (
            "keys/a.yaml:5:3: its secret goes to the same entry of `local` as that of keys/a.yaml:4:3; "
            "give one of them another `name` in `deliver`"
        )
    ]


def test_claims_on_one_remote_key_are_a_problem(project: Project) -> None:
    """Two declarations cannot both take over a key, nor can a former name still be declared."""
    project.keys(
        """\
        version: 1
        defaults: {account: other}
        keys:
          a: {adopt: "7"}
          b: {adopt: 7}
          c: {renamed_from: gone}
          d: {renamed_from: gone}
          e: {renamed_from: a}
          f: {renamed_from: f}
          g: {renamed_from: nowhere/g}
          h: {renamed_from: main/x}
          i: {renamed_from: main/x}
        """
    )
    assert project.problems() == [
        "keys/a.yaml:5:3: its `adopt` is that of keys/a.yaml:4:3 too; keep one of them",
        "keys/a.yaml:7:3: its `renamed_from` is that of keys/a.yaml:6:3 too; keep one of them",
        "keys/a.yaml:8:3: its former name is still declared, at keys/a.yaml:4:3; remove that",
        "keys/a.yaml:9:3: its former name is still declared, at keys/a.yaml:9:3; remove that",
        "keys/a.yaml:10:3: its `renamed_from` names no account; they are: main, other",
        "keys/a.yaml:12:3: its `renamed_from` is that of keys/a.yaml:11:3 too; keep one of them",
    ]


def test_required_limits_must_be_set_and_finite(project: Project) -> None:
    """`unlimited` would get around the rule; a key that goes away needs no cap."""
    project.keys(
        """\
        version: 1
        defaults: {account: other}
        keys:
          a: {limits: {total_usd: 5}}
          b: {limits: {total_usd: unlimited}}
          c: {}
          d: {state: absent}
        """,
        settings=SETTINGS + "safety: {require: [total_usd]}\n",
    )
    sentence = "`total_usd` is missing or unlimited, and `safety.require` asks for it; set it"
    assert project.problems() == [f"keys/a.yaml:5:3: {sentence}", f"keys/a.yaml:6:3: {sentence}"]


def test_names_fit_with_namespace_and_suffix_in_the_providers_unit(project: Project) -> None:
    """40 characters or bytes, less `team/` and room for `~99.9`."""
    settings = SETTINGS.replace("provider: ", "namespace: team, provider: ")
    project.keys(
        f"""\
        version: 1
        keys:
          {"a" * 30}: {{account: main}}
          {"b" * 31}: {{account: main}}
          {"é" * 15}: {{account: other}}
          {"é" * 16}: {{account: other}}
        """,
        settings=settings,
    )
    assert project.problems() == [
        "keys/a.yaml:4:3: this name is 31 characters long, and this account takes 30; shorten it",
        "keys/a.yaml:6:3: this name is 32 bytes long, and this account takes 30; shorten it",
    ]


def test_a_key_cannot_go_away_where_nothing_can_be_turned_off(project: Project) -> None:
    """`absent` disables or deletes."""
    project.keys(
        "version: 1\nkeys: {a: {account: main, state: absent}, b: {account: main, enabled: true}}\n",
        settings=SETTINGS.replace("partner", "fixed"),
    )
    assert project.problems() == [
        (
            "keys/a.yaml:2:27: `state` cannot be `absent`: "
            "this account's provider neither disables nor deletes; use `present`"
        ),
        "keys/a.yaml:2:62: `enabled` cannot be set at this account's provider; remove it",
    ]


@pytest.mark.parametrize("name", ["a/b", "a~2", '" a"', '"a\\u200b"'])
def test_names_that_are_not_names_are_refused_at_their_place(project: Project, name: str) -> None:
    """A name is the identity of a key."""
    project.keys(f"version: 1\nkeys:\n  {name}: {{account: main}}\n")
    assert project.problems() == [
        (
            "keys/a.yaml:3:3: this name must be a key's name: "
            "printable text without `/`, `~` and blanks around it"
        )
    ]


def test_names_that_differ_in_case_are_two_keys(project: Project) -> None:
    """As long as their secrets go to different entries."""
    project.keys("version: 1\ndefaults: {account: main}\nkeys: {a: {}, A: {}}\n")
    assert [key.name for key in project.load().desired.keys] == ["A", "a"]
