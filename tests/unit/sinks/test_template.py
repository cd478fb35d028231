"""Values that are composed around a secret before any store sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkRefusedError, SinkUnverifiedError
from reconciler.sinks import dotenv
from reconciler.sinks._template import TemplateSink
from reconciler.sinks.memory import MemorySink, MemoryStore
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, receipt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.ports.sink import Entry

BEARER = "Bearer {key}"


@pytest.mark.parametrize(
    ("template", "stored"),
    [
        (BEARER, f"Bearer {OLD}"),
        ("{key}", OLD),
        ('{"token": "{key}", "n": {0}}', f'{{"token": "{OLD}", "n": {{0}}}}'),
        ("a={{key}}\nb=%s $HOME\n", f"a={{{OLD}}}\nb=%s $HOME\n"),
    ],
)
def test_only_the_placeholder_is_replaced(template: str, stored: str) -> None:
    """Everything else is text: nothing is formatted, expanded or run."""
    store = MemoryStore()
    sink = TemplateSink(MemorySink(store), template)

    sink.put(ENTRY, Secret(OLD), receipt())
    sink.verify(ENTRY, Secret(OLD), receipt())

    assert store.values[NAME].reveal() == stored


def test_a_secret_that_looks_like_a_placeholder_is_not_replaced_again() -> None:
    """The secret is put in once and never read as a template."""
    store = MemoryStore()
    TemplateSink(MemorySink(store), BEARER).put(ENTRY, Secret("sk-{key}"), receipt())

    assert store.values[NAME].reveal() == "Bearer sk-{key}"


def test_receipts_are_those_of_the_store() -> None:
    """A value changed by hand, or the bare secret, is not what was delivered."""
    store = MemoryStore()
    sink = TemplateSink(MemorySink(store), BEARER)
    sink.preflight([ENTRY])
    sink.put(ENTRY, Secret(OLD), receipt())
    assert sink.stat([NAME]) == {NAME: receipt()}

    store.values[NAME] = Secret(OLD)

    assert sink.stat([NAME]) == {}
    with pytest.raises(SinkUnverifiedError):
        sink.verify(ENTRY, Secret(OLD), receipt())


def test_a_template_that_the_store_cannot_hold_is_refused_before_minting(tmp_path: Path) -> None:
    """A dotenv file without quotes takes no blanks, whatever the secret will be."""
    path = tmp_path / "keys.env"
    plain = TemplateSink(dotenv.build({"path": path}), BEARER)
    with pytest.raises(SinkRefusedError, match=r"`template` of this sink .* `quoted: true`"):
        plain.preflight([ENTRY])

    quoted = TemplateSink(dotenv.build({"path": path, "quoted": True}), BEARER)
    quoted.preflight([ENTRY])
    quoted.put(ENTRY, Secret(NEW), receipt())

    assert path.read_text() == f"{NAME}='Bearer {NEW}'\n"


def test_the_store_makes_its_entries() -> None:
    """A store that shows a missing right only then is asked to; any other one has nothing to do."""
    made: list[Entry] = []

    class Reserving(MemorySink):
        def reserve(self, entries: Sequence[Entry]) -> None:
            made.extend(entries)

    for inner in (Reserving(), MemorySink()):
        TemplateSink(inner, BEARER).reserve([ENTRY])

    assert made == [ENTRY]


def test_closing_closes_the_store() -> None:
    """The sink inside holds the connections."""
    inner = MemorySink()
    TemplateSink(inner, BEARER).close()

    assert inner.closed
