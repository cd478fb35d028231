"""`allow` in the settings: raised limits with a day and a reason, and nothing that lowers or lasts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

from reconciler.core.allowance import Allowance
from tests.unit.manifest.projects import SETTINGS, USD

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

KEYS: Final = "version: 1\nkeys: {}\n"
SAFETY: Final = SETTINGS + "safety: {max_increase_usd: 1000, max_creates: null}\n"


def settings(allow: str) -> str:
    """Return settings with an allowance."""
    return f"{SAFETY}allow: {{{allow}}}\n"


def test_everything_can_be_raised(project: Project) -> None:
    """And its place is kept, for the day that it is over."""
    amounts = 'disables: 5, deletes: 1, change_percent: 60, increase_usd: "5000.5"'
    project.keys(KEYS, settings=settings(f"{amounts}, until: 2026-12-01, reason: moving"))
    manifest = project.load()
    found = manifest.desired.allow
    assert found == manifest.settings.allow
    assert found == Allowance(
        disables=5,
        deletes=1,
        change_percent=60,
        increase_usd=5000 * USD + USD // 2,
        until=date(2026, 12, 1),
        reason="moving",
    )
    assert found.mark is not None
    assert (found.mark.file, found.mark.line) == ("reconciler.yaml", SAFETY.count("\n") + 1)


def test_it_is_part_of_what_the_settings_mean(project: Project) -> None:
    """A later day, another reason or none at all is another digest."""
    digests = set()
    for text in (
        SAFETY,
        settings("disables: 5, until: 2026-12-01, reason: moving"),
        settings("disables: 6, until: 2026-12-01, reason: moving"),
        settings("disables: 5, until: 2026-12-02, reason: moving"),
        settings("disables: 5, until: 2026-12-01, reason: testing"),
    ):
        project.keys(KEYS, settings=text)
        digests.add(project.load().settings.digest)
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("allow", "problem"),
    [
        ("disables: 5, reason: x", "`until` is missing; add it"),
        ("disables: 5, until: 2026-12-01", "`reason` is missing; add it"),
        ("disables: 5, until: 2026-12-01, reason: ''", "`reason` must be printable text"),
        ("disables: 5, until: 2026-02-30, reason: x", "`until` must be a day, like 2027-01-31"),
        ("disables: 5, until: 2026-12-01T00:00:00Z, reason: x", "`until` must be a day, like 2027-01-31"),
        ("disables: 5, until: never, reason: x", "`until` must be a day, like 2027-01-31"),
        ("until: 2026-12-01, reason: x", "`allow` raises nothing; add one of: creates, disables"),
        ("disables: 3, until: 2026-12-01, reason: x", "`disables` raises nothing: safety.max_disables is 3"),
        ("creates: 40, until: 2026-12-01, reason: x", "safety.max_creates is no limit; remove it"),
        ("increase_usd: 7, until: 2026-12-01, reason: x", "safety.max_increase_usd is 1000; remove it"),
        ("change_percent: 101, until: 2026-12-01, reason: x", "must be a whole number from 1 to 100"),
        ("force: true, until: 2026-12-01, reason: x", "unknown field `force`"),
    ],
)
def test_what_is_no_override_is_refused(project: Project, allow: str, problem: str) -> None:
    """At its place, with what to write instead; there is no way to allow everything."""
    project.keys(KEYS, settings=settings(allow))
    found = project.problems()
    assert any(problem in text and text.startswith("reconciler.yaml:") for text in found), found
