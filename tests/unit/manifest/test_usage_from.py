"""The account option that names where usage is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ManifestError

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

KEYS = "version: 1\nkeys: {}\n"
SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  main: {{provider: partner, token: {{env: T}}, usage_from: {source}}}
  reader: {{provider: partner, token: {{env: R}}}}
"""


def test_another_account_shows_the_usage(project: Project) -> None:
    """The label is kept for `status`; without the option there is none."""
    project.keys(KEYS, settings=SETTINGS.format(source="reader"))

    accounts = project.load().settings.accounts

    assert (accounts["main"].usage_from, accounts["reader"].usage_from) == ("reader", None)


@pytest.mark.parametrize("source", ["main", "nobody"])
def test_the_source_is_another_account_of_the_file(project: Project, source: str) -> None:
    """Neither the account itself nor one that is not there."""
    project.keys(KEYS, settings=SETTINGS.format(source=source))

    with pytest.raises(ManifestError, match=r":4:46: `usage_from` names no other account of this file"):
        project.load()
