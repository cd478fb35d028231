"""`audit`, `escrow` and `lease` in the settings: what is taken, what is refused, and where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ManifestError
from tests.unit.manifest.projects import SETTINGS

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

KEYS = "version: 1\nkeys: {}\n"
AGE = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
S3 = "type: s3, bucket: my-leases, key: team/apply, region: eu-central-1"


def refused(project: Project, more: str) -> list[str]:
    """Return the problems of settings with some more lines."""
    project.keys(KEYS, settings=SETTINGS + more)
    with pytest.raises(ManifestError) as caught:
        project.load()
    return [str(problem) for problem in caught.value.problems]


def test_nothing_is_declared_by_default(project: Project) -> None:
    """Neither trail nor escrow nor lease."""
    project.keys(KEYS, settings=SETTINGS)
    custody = project.load().settings.custody
    assert (custody.audit, custody.escrow, custody.lease) == (None, None, None)


def test_everything_is_resolved_from_the_settings_directory(project: Project) -> None:
    """Paths are absolute, credentials are places, and the time to live has a default."""
    more = (
        "audit: {path: log/audit.jsonl}\n"
        f"escrow: {{path: .escrow, recipients: [{AGE}]}}\n"
        f"lease: {{{S3}, access_key_id: {{env: ID}}, secret_access_key: {{file: key}}}}\n"
    )
    project.keys(KEYS, settings=SETTINGS + more)
    root, custody = project.root.resolve(), project.load().settings.custody
    assert custody.audit == root / "log" / "audit.jsonl"
    assert custody.escrow is not None
    assert (custody.escrow.path, custody.escrow.recipients) == (root / ".escrow", (AGE,))
    assert custody.lease is not None
    options = custody.lease.options
    assert (custody.lease.type, options["bucket"], options["ttl"]) == (
        "s3",
        "my-leases",
        timedelta(minutes=10),
    )
    assert getattr(options["access_key_id"], "env", None) == "ID"
    assert getattr(options["secret_access_key"], "file", None) == root / "key"


def test_a_local_lease_is_a_file(project: Project) -> None:
    """Its path is all that it takes."""
    project.keys(KEYS, settings=SETTINGS + "lease: {type: file, path: .leases/apply}\n")
    lease = project.load().settings.custody.lease
    assert lease is not None
    assert lease.options["path"] == project.root.resolve() / ".leases" / "apply"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("lease: {type: file}\n", "`lease` of type `file` needs `path`"),
        ("lease: {type: s3, bucket: my-leases, key: k}\n", "`lease` of type `s3` needs `region`"),
        (f"lease: {{{S3}, path: x}}\n", "`lease` of type `s3` has no `path`"),
        ("lease: {type: file, path: x, ttl: 5m}\n", "`lease` of type `file` has no `ttl`"),
        (f"lease: {{{S3}, ttl: 59s}}\n", "`ttl` must be a duration of at least 60 s"),
        (
            f"lease: {{{S3}, access_key_id: {{env: ID}}}}\n",
            "`access_key_id` and `secret_access_key` together",
        ),
        ("lease: {type: consul, path: x}\n", "`type` must be one of: file, s3"),
        ("escrow: {path: x, recipients: []}\n", "`recipients` must have at least one entry"),
        ("escrow: {path: x, recipients: [AGE-SECRET-KEY-1QQ]}\n", "a private key never goes here"),
        ("audit: {path: .secrets/keys.env}\n", "`path` is also a place of the sink `local`"),
        ("audit: {path: x}\nlease: {type: file, path: ./x}\n", "`path` is also a place of `audit`"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(project: Project, more: str, says: str) -> None:
    """Wrong fields, types, recipients and shared files; never with the value."""
    (problem,) = refused(project, more)
    assert says in problem
    assert problem.split(":")[1] != "0"
    assert "AGE-SECRET" not in problem


def test_they_are_part_of_what_the_settings_mean(project: Project) -> None:
    """A plan that was reviewed with one escrow is not applied with another."""
    digests = set()
    for more in (
        "",
        "audit: {path: a}\n",
        "audit: {path: b}\n",
        f"escrow: {{path: a, recipients: [{AGE}]}}\n",
    ):
        project.keys(KEYS, settings=SETTINGS + more)
        digests.add(project.load().settings.digest)
    assert len(digests) == 4
