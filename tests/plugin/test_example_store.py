"""The example of a sink in another package keeps what every sink promises."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError, SinkRefusedError, SinkUnverifiedError
from tests.canary.shown import leaked, shown
from tests.contract.sink_faults import ENTRY, NEW, OLD, receipt
from tests.plugin.example_store import Options, build
from tests.plugin.fake_vault import TOKEN, FakeVault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.ports.sink import Entry
    from tests.plugin.example_store import VaultSink

NAME = "CLIENT-A-KEY"
VAULT_ENTRY = replace(ENTRY, name=NAME)


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    """An empty vault."""
    with FakeVault() as running:
        yield running


@pytest.fixture
def sink(vault: FakeVault) -> Iterator[VaultSink]:
    """A sink over it."""
    made = build({"vault_url": vault.url, "token": Secret(TOKEN)})
    yield made
    made.close()


def deliver(sink: VaultSink, secret: str = OLD, generation: int = 1) -> None:
    """Put a secret and verify it."""
    sink.put(VAULT_ENTRY, Secret(secret), receipt(generation))
    sink.verify(VAULT_ENTRY, Secret(secret), receipt(generation))


def test_a_delivery_is_found_again(sink: VaultSink, vault: FakeVault) -> None:
    """Value and receipt arrive in one write."""
    assert sink.stat([NAME]) == {}
    sink.preflight([VAULT_ENTRY])
    assert vault.versions == {}

    deliver(sink)

    assert vault.versions[NAME][-1]["value"] == OLD
    assert sink.stat([NAME, "OTHER"]) == {NAME: receipt()}


def test_the_same_again_makes_no_version(sink: VaultSink, vault: FakeVault) -> None:
    """A repeated delivery changes nothing, and a rotation does."""
    deliver(sink)
    deliver(sink)
    assert len(vault.versions[NAME]) == 1

    deliver(sink, NEW, 2)

    assert [version["value"] for version in vault.versions[NAME]] == [OLD, NEW]
    assert sink.stat([NAME]) == {NAME: receipt(2)}


def test_every_page_of_the_listing_is_read(sink: VaultSink) -> None:
    """No receipt is overlooked because the vault holds many secrets."""
    entries = [
        replace(VAULT_ENTRY, name=f"KEY-{number}", address=f"reseller/key-{number}") for number in range(5)
    ]
    for entry in entries:
        sink.put(entry, Secret(OLD), receipt(address=entry.address))

    assert set(sink.stat([entry.name for entry in entries])) == {entry.name for entry in entries}


@pytest.mark.parametrize(
    ("tags", "reason"), [({}, "did not write"), ({"reconciler-address": "a/b"}, "did not write")]
)
def test_the_secret_of_somebody_else_is_refused(
    sink: VaultSink, vault: FakeVault, tags: dict[str, str], reason: str
) -> None:
    """Unless the delivery says that it may be overwritten."""
    vault.versions[NAME] = [{"value": "somebody-elses", "tags": tags}]

    with pytest.raises(SinkRefusedError, match=reason):
        sink.preflight([VAULT_ENTRY])
    with pytest.raises(SinkRefusedError, match=reason):
        sink.put(VAULT_ENTRY, Secret(OLD), receipt())
    assert len(vault.versions[NAME]) == 1
    taken = replace(VAULT_ENTRY, takeover=True)
    sink.preflight([taken])
    sink.put(taken, Secret(OLD), receipt())
    assert sink.stat([NAME]) == {NAME: receipt()}


@pytest.mark.parametrize(
    "other",
    [
        replace(VAULT_ENTRY, address="reseller/other"),
        replace(VAULT_ENTRY, origin="https://elsewhere.example"),
    ],
    ids=["key", "provider"],
)
def test_the_entry_of_another_key_is_refused(sink: VaultSink, other: Entry) -> None:
    """Two keys never take turns in one entry."""
    deliver(sink)

    with pytest.raises(SinkRefusedError, match=r"reseller/client-a at https://api\.example"):
        sink.preflight([other])


def test_the_entry_of_a_key_that_was_renamed_is_its_own(sink: VaultSink, vault: FakeVault) -> None:
    """The row tells it, whatever address the receipt names."""
    deliver(sink)
    held = receipt()
    renamed = replace(
        VAULT_ENTRY, address="reseller/renamed", rows=frozenset({(held.origin, held.remote_id)})
    )

    sink.preflight([renamed])
    sink.put(renamed, Secret(NEW), receipt(2, address=renamed.address))

    assert vault.versions[NAME][-1]["value"] == NEW


def test_names_are_not_bent(sink: VaultSink) -> None:
    """An underscore is refused, as turning it into a dash could let two entries meet."""
    with pytest.raises(SinkRefusedError, match="letters, digits and `-`"):
        sink.preflight([ENTRY])


def test_a_value_changed_by_hand_is_noticed_by_verify(sink: VaultSink, vault: FakeVault) -> None:
    """A version without our tags is in nobody's custody."""
    deliver(sink)
    vault.versions[NAME].append({"value": "by-hand"})

    assert sink.stat([NAME]) == {}
    with pytest.raises(SinkUnverifiedError):
        sink.verify(VAULT_ENTRY, Secret(OLD), receipt())


def test_a_refused_token_ends_with_its_own_error(vault: FakeVault) -> None:
    """The program exits with 9 then, and says what to grant."""
    stranger = build({"vault_url": vault.url, "token": Secret("another-token")})
    with pytest.raises(CredentialsError, match="grant it list, get and set"):
        stranger.preflight([VAULT_ENTRY])
    stranger.close()


@pytest.mark.parametrize(("status", "error"), [(500, SinkUnverifiedError), (400, SinkError), (200, None)])
def test_an_answer_that_went_wrong_is_told_apart(
    sink: VaultSink, vault: FakeVault, status: int, error: type[SinkError] | None
) -> None:
    """A failing server may have stored the value; one that answers no has not."""
    vault.answers = [status]

    caught = failure(lambda: sink.put(VAULT_ENTRY, Secret(OLD), receipt()))

    assert type(caught) is (type(None) if error is None else error)


def test_errors_show_no_secret(sink: VaultSink, vault: FakeVault) -> None:
    """The vault repeats the value in its refusal; nothing of that or of the token is shown."""
    vault.writable = False

    caught = failure(lambda: sink.put(VAULT_ENTRY, Secret(OLD), receipt()))

    assert isinstance(caught, CredentialsError)
    assert leaked(str(caught), OLD, TOKEN) == []
    assert leaked(shown(caught), OLD, TOKEN) == []


def test_a_vault_that_is_not_there_took_nothing() -> None:
    """Without a connection nothing was sent."""
    with FakeVault() as stopped:
        pass
    sink = build({"vault_url": stopped.url, "token": Secret(TOKEN)})

    caught = failure(lambda: sink.preflight([VAULT_ENTRY]))
    sink.close()

    assert type(caught) is SinkError


def test_the_options_are_strict() -> None:
    """A token that is written out, and an address without TLS, are refused."""
    for options in (
        {"vault_url": "https://v.example", "token": "sk-1"},
        {"vault_url": "http://v.example", "token": {"env": "T"}},
        {"vault_url": "https://v.example", "token": {"env": "T"}, "more": 1},
    ):
        with pytest.raises(ValidationError):
            Options.model_validate(options)


def failure(call: Callable[[], object]) -> Exception | None:
    """Return what a call raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # the type is what is asked for
        return error
    return None
