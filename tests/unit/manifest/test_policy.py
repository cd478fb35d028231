"""`policy` in the settings: rules as data, the places of what they speak about, and owners who left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from reconciler.core.policy import CAPS, REQUIRABLE, Policy
from reconciler.manifest.wire_keys import LIMITS
from reconciler.manifest.wire_policy import PolicyFields
from tests.unit.manifest.projects import SETTINGS, USD

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

KEYS: Final = """\
version: 1
defaults: {account: main, owner: billing}
profiles:
  large: {limits: {daily_usd: 80}}
keys:
  a:
    profile: large
    deliver: {sink: local}
    limits:
      total_usd: 100
  b: {owner: ann, deliver: {sink: local}}
"""


def settings(policy: str) -> str:
    """Return settings with a policy."""
    return f"{SETTINGS}policy: {{{policy}}}\n"


def test_every_rule_is_understood(project: Project) -> None:
    """Money in micro-USD, lists without an order."""
    project.keys(
        KEYS,
        settings=settings(
            'require: [owner, expires, owner], max_daily_usd: "50.5", max_total_units: 9, '
            "max_concurrency: 3, expires_within: 365d, owners: [team-a, billing]"
        ),
    )
    manifest = project.load()

    assert manifest.settings.policy == manifest.desired.policy
    assert manifest.desired.policy == Policy(
        require=("expires", "owner"),
        most={"daily_usd": 50 * USD + USD // 2, "total_units": 9, "concurrency": 3},
        expires_within=timedelta(days=365),
        owners=("billing", "team-a"),
    )


def test_every_limit_of_a_key_can_be_capped_and_required() -> None:
    """A limit that keys get later has to be one of a policy, too."""
    assert tuple(LIMITS) == CAPS
    assert {f"max_{name}" for name in CAPS} == {
        name for name in PolicyFields.model_fields if name.startswith("max_")
    }
    assert set(CAPS) < set(REQUIRABLE)


def test_it_is_part_of_what_the_settings_mean(project: Project) -> None:
    """Another rule is another digest; the order of a list is none, and settings without one keep theirs."""

    def digest(text: str) -> str:
        project.keys(KEYS, settings=text)
        return project.load().settings.digest

    found = [
        digest(SETTINGS),
        digest(settings("require: [owner]")),
        digest(settings("max_daily_usd: 90")),
        digest(settings("max_daily_usd: 91")),
        digest(settings("expires_within: 30d")),
        digest(settings("owners: [ann, billing]")),
    ]
    assert len(set(found)) == len(found)
    assert digest(settings("owners: [billing, ann]")) == found[-1]


def test_keys_of_owners_who_left_are_marked(project: Project) -> None:
    """What is declared stays as it is, and so does the digest of the declarations."""
    project.keys(KEYS)
    before = project.load().desired
    project.keys(KEYS, settings=settings("owners: [billing]"))
    after = project.load().desired

    assert [key.owner_left for key in before.keys] == [False, False]
    assert [key.owner_left for key in after.keys] == [False, True]
    assert before.declarations_digest == after.declarations_digest


def test_the_places_of_what_a_policy_speaks_about_are_kept(project: Project) -> None:
    """In the key, its profile or the defaults; what is nowhere, or not spoken about, has none."""
    project.keys(KEYS, settings=settings("require: [expires, owner], max_daily_usd: 90, max_total_usd: 9"))
    a, b = project.load().desired.keys

    assert {name: (mark.line, mark.column) for name, mark in a.places.items()} == {
        "limits.daily_usd": (4, 20),
        "limits.total_usd": (10, 7),
        "owner": (2, 27),
    }
    assert {name: (mark.line, mark.column) for name, mark in b.places.items()} == {"owner": (11, 7)}
    project.keys(KEYS)
    assert all(key.places == {} for key in project.load().desired.keys)


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("require: [total_euro]", "an entry of `require` must be one of: owner, description"),
        ("max_daily_usd: 1.5", "`max_daily_usd` must be an amount in USD"),
        ("max_concurrency: 0", "`max_concurrency` must be a whole number from 1"),
        ("max_weekly: 5", "unknown field `max_weekly`; did you mean `max_weekly_usd`?"),
        ("expires_within: soon", "`expires_within` must be a duration of at least 86400 s"),
        ("expires_within: 1h", "`expires_within` must be a duration of at least 86400 s"),
        ("owners: []", "`owners` must have at least one entry"),
        ("owners: [5]", "an entry of `owners` must be printable text"),
    ],
)
def test_what_is_no_rule_is_told_with_its_place(project: Project, policy: str, problem: str) -> None:
    """An empty list of owners would switch every key off."""
    project.keys(KEYS, settings=settings(policy))
    (found,) = project.problems()
    assert found.startswith(f"reconciler.yaml:{SETTINGS.count(chr(10)) + 1}:")
    assert problem in found
