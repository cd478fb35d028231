"""The digest of the declarations: the same for the same meaning, another for any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

KEYS = """\
version: 1
defaults: {account: other}
profiles: {p: {limits: {daily_usd: 5}}}
keys:
  a: {profile: p, deliver: {sink: local}, owner: me, description: what}
  b: {models: [x, y], rotate_every: 7d}
"""


def digest(project: Project, text: str) -> str:
    """Return the digest of a key file."""
    project.keys(text)
    return project.load().desired.declarations_digest


def test_spelling_does_not_matter(project: Project) -> None:
    """Where a value comes from, how it is written and in which order."""
    same = """\
        # the same
        version: 1
        keys:
          b:
            models: ['y', "x"]
            rotate_every: 168h
            account: other
            overlap: 24h
            generation: 1
          a: {account: other, limits: {daily_usd: "5.00"}, deliver: [{name: A, sink: local, takeover: false}],
              owner: me, description: what, state: present}
        """
    found = digest(project, KEYS)
    assert found == digest(project, same)
    assert found.startswith("sha256:")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("daily_usd: 5", "daily_usd: 6"),
        ("daily_usd: 5", "total_usd: 5"),
        ("account: other", "account: main"),
        ("sink: local", "sink: store"),
        ("sink: local", "sink: local, name: B"),
        ("sink: local", "sink: local, takeover: true"),
        ("owner: me", "owner: you"),
        ("description: what", "description: why"),
        ("rotate_every: 7d", "rotate_every: 8d"),
        ("rotate_every: 7d", "generation: 2"),
        ("rotate_every: 7d", "overlap: 1h"),
        ("rotate_every: 7d", "protected: true"),
        ("rotate_every: 7d", "adopt: x"),
        ("rotate_every: 7d", "renamed_from: x"),
        ("rotate_every: 7d", "state: absent"),
        ("  b:", "  c:"),
    ],
)
def test_every_field_counts(project: Project, old: str, new: str) -> None:
    """Nothing declared is outside the digest."""
    changed = KEYS.replace(old, new)
    if new == "account: main":
        changed = changed.replace("models: [x, y]", "enabled: true")
    assert changed != KEYS
    assert digest(project, changed) != digest(project, KEYS)
