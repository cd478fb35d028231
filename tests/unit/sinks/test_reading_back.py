"""Sinks that can show a secret again, for `verify`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.ports.sink import Entry, ReadableSink
from reconciler.sinks import dotenv, exec_hook, json_file, registry
from tests.unit.sinks.test_registry import Declared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.sinks._file_sink import FileSink

ENTRY = Entry(name="WEB", address="main/web", origin="https://api.example")
RECEIPT = Receipt(
    origin="https://api.example",
    address="main/web",
    remote_id="7",
    generation=1,
    attempt=1,
    delivered_at=datetime(2026, 3, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("build", [dotenv.build, json_file.build], ids=["dotenv", "json"])
def test_files_show_what_was_put(tmp_path: Path, build: Callable[[Mapping[str, object]], FileSink]) -> None:
    """The very secret, and nothing for an entry that is not there."""
    sink = build({"path": tmp_path / "keys", "allow_tracked": True})
    secret = Secret("sk-0123456789")

    assert isinstance(sink, ReadableSink)
    assert sink.read("WEB") is None
    sink.put(ENTRY, secret, RECEIPT)

    found = sink.read("WEB")
    assert found is not None
    assert found.fingerprint() == secret.fingerprint()
    assert sink.read("OTHER") is None


@pytest.mark.parametrize("template", ["{key}", "Bearer {key}", "{key}\n", '{"key": "{key}"}', "sk-{key}-sk-"])
def test_a_template_is_taken_off_again(tmp_path: Path, template: str) -> None:
    """The bare secret comes back, whatever the store holds around it."""
    sink = registry.build(_file(tmp_path, template))
    sink.put(ENTRY, Secret("sk-0123456789-sk-"), RECEIPT)

    assert isinstance(sink, ReadableSink)
    found = sink.read("WEB")
    assert found is not None
    assert found.reveal() == "sk-0123456789-sk-"
    assert sink.read("OTHER") is None


@pytest.mark.parametrize(
    "held", ["sk-0123456789", "Bearer ", "Bearer!", "Token sk-0123456789!", "Bearer sk-0"]
)
def test_a_value_of_another_template_shows_nothing(tmp_path: Path, held: str) -> None:
    """What this template did not make is no secret of ours, and is not sent to a provider as one."""
    plain = json_file.build({"path": tmp_path / "keys", "allow_tracked": True})
    plain.put(ENTRY, Secret(held), RECEIPT)
    sink = registry.build(_file(tmp_path, "Bearer {key}!"))

    assert isinstance(sink, ReadableSink)
    assert sink.read("WEB") is None


def test_a_template_does_not_make_a_store_readable(tmp_path: Path) -> None:
    """What the store does not show, no template can."""
    options = {"command": ["true"], "receipts": tmp_path / "receipts", "template": "Bearer {key}"}
    sink = registry.build(Declared(type="exec", options=options))

    assert not isinstance(sink, ReadableSink)


def _file(directory: Path, template: str) -> Declared:
    options = {"path": directory / "keys", "allow_tracked": True, "template": template}
    return Declared(type="json", options=options)


def test_a_hook_shows_nothing(tmp_path: Path) -> None:
    """What a program took is out of reach."""
    sink = exec_hook.build({"command": ["true"], "receipts": tmp_path / "receipts"})

    assert not isinstance(sink, ReadableSink)
