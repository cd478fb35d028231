"""The `gcp-secret-manager` sink: Google's own client over REST against a service on loopback."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    DeferredError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.sinks import gcp_secret_manager
from reconciler.sinks.gcp_secret_manager import PERMISSIONS
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, make_ready, receipt
from tests.stores.gcp import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.ports.sink import Entry
    from reconciler.sinks.gcp_secret_manager import GcpSecretManagerSink
    from tests.stores.gcp import GcpFake


@pytest.fixture
def fake() -> Iterator[GcpFake]:
    """An empty project."""
    with running() as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    """The clock of the run."""
    return FakeClock()


@pytest.fixture
def sink(fake: GcpFake, clock: FakeClock) -> Iterator[GcpSecretManagerSink]:
    """A sink that may do everything."""
    found = gcp_secret_manager.build(fake.options(clock))
    yield found
    found.close()


def deliver(sink: GcpSecretManagerSink, entry: Entry, secret: str, generation: int = 1) -> None:
    """Do what a run does."""
    make_ready(sink, [entry])
    sink.put(entry, Secret(secret), receipt(generation))
    sink.verify(entry, Secret(secret), receipt(generation))


def test_a_look_leaves_nothing_behind(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """Who only asks, as `doctor` does, makes no secret."""
    sink.preflight([ENTRY])

    assert fake.rows == {}


def test_the_name_is_reserved_before_the_mint(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """A new secret is made without a version, as permissions are only told of what exists; once is enough."""
    for _ in range(2):
        sink.reserve([ENTRY])

    assert fake.rows[NAME].versions == []
    assert fake.rows[NAME].labels == {"managed-by": "reconciler"}
    assert "automatic" in fake.rows[NAME].replication


def test_locations_are_kept(fake: GcpFake, clock: FakeClock) -> None:
    """Where an organisation allows only some places, secrets are made there."""
    sink = gcp_secret_manager.build(fake.options(clock, locations=("europe-west3",)))

    sink.reserve([ENTRY])

    replicas = fake.rows[NAME].replication["userManaged"]["replicas"]
    assert [replica["location"] for replica in replicas] == ["europe-west3"]
    sink.close()


def test_each_secret_is_one_version(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """Repeating a delivery adds nothing, and a rotation one version; the old one stays readable."""
    for _ in range(2):
        deliver(sink, ENTRY, OLD)
    sink.put(ENTRY, Secret(OLD), replace(receipt(), delivered_at=receipt(5).delivered_at))
    deliver(sink, ENTRY, NEW, 2)

    assert [version.decode() for version in fake.rows[NAME].versions] == [OLD, NEW]
    assert json.loads(fake.rows[NAME].annotations["reconciler-receipt"])["delivered"]["remote_id"] == "id-2"


def test_other_annotations_stay(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """What others noted on the secret is not lost."""
    sink.reserve([ENTRY])
    fake.rows[NAME].annotations["owner"] = "billing"

    deliver(sink, ENTRY, OLD)

    assert fake.rows[NAME].annotations["owner"] == "billing"


def test_a_version_that_was_disabled_is_not_in_custody(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """Consumers cannot read it, so it is delivered again."""
    deliver(sink, ENTRY, OLD)
    fake.rows[NAME].disabled.add(1)

    assert sink.stat([NAME]) == {}
    deliver(sink, ENTRY, OLD)
    assert sink.stat([NAME]) == {NAME: receipt()}


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_missing_permission_comes_before_the_mint(fake: GcpFake, clock: FakeClock, permission: str) -> None:
    """Every permission that a delivery needs is asked for on the secret itself."""
    fake.granted.discard(permission)
    sink = gcp_secret_manager.build(fake.options(clock))

    with pytest.raises(CredentialsError, match=r"grant"):
        make_ready(sink, [ENTRY])
    assert fake.value(NAME) is None
    sink.close()


@pytest.mark.parametrize("permission", sorted(set(PERMISSIONS) - {"secretmanager.secrets.get"}))
def test_a_missing_permission_on_a_secret_in_use_is_seen_by_a_look(
    sink: GcpSecretManagerSink, fake: GcpFake, permission: str
) -> None:
    """What is there already can be asked about without making anything."""
    deliver(sink, ENTRY, OLD)
    fake.granted.discard(permission)

    with pytest.raises(CredentialsError, match=r"grant"):
        sink.preflight([ENTRY])


def test_a_missing_create_comes_before_the_mint(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """Where secrets are made by somebody else, one that is missing is found at once."""
    fake.granted.discard("secretmanager.secrets.create")

    with pytest.raises(CredentialsError, match="create_secret"):
        make_ready(sink, [ENTRY])


def test_a_writer_need_not_read(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """Without access to versions, checksum and version number stand for the value."""
    fake.granted.discard("secretmanager.versions.access")

    deliver(sink, ENTRY, OLD)
    deliver(sink, ENTRY, NEW, 2)

    assert fake.value(NAME) == NEW
    assert sink.stat([NAME]) == {NAME: receipt(2)}


def test_a_value_that_arrives_broken_is_noticed(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """What is stored is compared, so a broken value is never in custody."""
    fake.corrupt = True

    with pytest.raises(SinkUnverifiedError, match="checksum"):
        sink.put(ENTRY, Secret(OLD), receipt())
    assert sink.stat([NAME]) == {}


def test_a_change_at_the_same_time_stops_before_the_value(
    sink: GcpSecretManagerSink, fake: GcpFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The annotations are changed under their etag, so nobody's change is lost."""
    sink.reserve([ENTRY])
    state = sink._state

    def changed_after(name: str) -> object:
        found = state(name)
        fake.rows[name].etag += 1
        return found

    monkeypatch.setattr(sink, "_state", changed_after)
    with pytest.raises(SinkError) as caught:
        sink.put(ENTRY, Secret(NEW), receipt())

    assert not isinstance(caught.value, SinkUnverifiedError)
    assert fake.value(NAME) is None


@pytest.mark.parametrize("operation", ["create", "get", "patch", "addVersion", "version", "access"])
@pytest.mark.parametrize("fault", ["lost", 503, 429])
def test_one_fault_is_survived(
    sink: GcpSecretManagerSink, fake: GcpFake, operation: str, fault: str | int
) -> None:
    """Whatever call fails once, and however, there is one version of each secret in the end."""
    for generation, secret in ((1, OLD), (2, NEW)):
        if fault == "lost":
            fake.lost.append(operation)
        else:
            fake.failing[operation] = [int(fault)]
        deliver(sink, ENTRY, secret, generation)

    assert [version.decode() for version in fake.rows[NAME].versions] == [OLD, NEW]


def test_a_lost_version_that_cannot_be_read_is_unknown(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """Without access nobody can tell whose the newest version is; the next run delivers again."""
    fake.granted.discard("secretmanager.versions.access")
    fake.lost.append("addVersion")

    with pytest.raises(SinkUnverifiedError, match="cannot be told") as caught:
        sink.put(ENTRY, Secret(NEW), receipt())

    assert leaked(shown(caught.value), NEW) == []
    deliver(sink, ENTRY, NEW)
    assert fake.value(NAME) == NEW


def test_tries_are_bounded(sink: GcpSecretManagerSink, fake: GcpFake, clock: FakeClock) -> None:
    """A service that stays down is asked five times, on our clock."""
    fake.failing["get"] = [503] * 20

    with pytest.raises(SinkError, match="HTTP 503"):
        sink.stat([NAME])

    assert fake.calls["get"] == 5
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


def test_a_used_up_quota_is_a_deferral(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """Nothing was done, and it is worth running again later."""
    sink.preflight([ENTRY])
    fake.failing["addVersion"] = [429] * 20

    with pytest.raises(DeferredError, match="nothing was done"):
        sink.put(ENTRY, Secret(NEW), receipt())


def test_nobody_listening_is_no_unknown_outcome(fake: GcpFake, clock: FakeClock) -> None:
    """Where nothing was sent, nothing was stored."""
    sink = gcp_secret_manager.build(fake.options(clock, endpoint="http://127.0.0.1:9"))

    with pytest.raises(SinkError, match="check endpoint") as caught:
        sink.put(ENTRY, Secret(NEW), receipt())

    assert not isinstance(caught.value, SinkUnverifiedError)
    assert leaked(shown(caught.value), NEW) == []
    sink.close()


def test_a_damaged_receipt_is_an_error(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """What cannot be understood is never taken for no receipt."""
    deliver(sink, ENTRY, OLD)
    fake.rows[NAME].annotations["reconciler-receipt"] = "{}"

    with pytest.raises(SinkError, match="damaged"):
        sink.stat([NAME])
    with pytest.raises(SinkRefusedError, match="damaged"):
        sink.preflight([ENTRY])


@pytest.mark.parametrize("name", ["a/b", "a.b", "a#F", "a" * 256])
def test_a_name_that_cannot_be_is_refused(sink: GcpSecretManagerSink, name: str) -> None:
    """Google's names have neither dots nor slashes, and versions have no fields."""
    for ask in (sink.preflight, sink.reserve):
        with pytest.raises(SinkRefusedError, match="rename"):
            ask([replace(ENTRY, name=name)])
    with pytest.raises(SinkError, match="rename"):
        sink.put(replace(ENTRY, name=name), Secret(OLD), receipt())
    assert sink.stat([name]) == {}


def test_a_missing_credentials_file_is_told(fake: GcpFake, clock: FakeClock, tmp_path: Path) -> None:
    """Credentials that cannot be loaded end with exit code 9 and show no path of the machine."""
    missing = tmp_path / "key.json"
    options = fake.options(clock, access_token=None, credentials_file=missing)
    sink = gcp_secret_manager.build(options)

    with pytest.raises(CredentialsError, match="give credentials") as caught:
        sink.stat([NAME])

    assert str(missing) not in str(caught.value)
    sink.close()


def test_a_broken_credentials_file_is_not_shown(fake: GcpFake, clock: FakeClock, tmp_path: Path) -> None:
    """Whatever is wrong with the file, nothing of it is in the error."""
    broken = tmp_path / "key.json"
    broken.write_text(json.dumps({"type": "service_account", "private_key": NEW}), "utf-8")
    options = fake.options(clock, access_token=None, credentials_file=broken)
    sink = gcp_secret_manager.build(options)

    with pytest.raises(CredentialsError) as caught:
        sink.stat([NAME])

    assert leaked(shown(caught.value), NEW) == []
    sink.close()


def test_no_variable_moves_the_secret_elsewhere(
    sink: GcpSecretManagerSink, fake: GcpFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment was not reviewed, so it is not used."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    deliver(sink, ENTRY, OLD)

    assert fake.value(NAME) == OLD


def test_debug_logs_hold_no_secret(
    fake: GcpFake, clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even with the client's own logging turned on by its variable."""
    monkeypatch.setenv("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", "google")
    sink = gcp_secret_manager.build(fake.options(clock))
    with caplog.at_level(logging.DEBUG):
        deliver(sink, ENTRY, NEW)

    assert leaked(caplog.text, NEW) == []
    sink.close()


@pytest.mark.parametrize("operation", ["get", "version"])
def test_what_google_refuses_is_told_by_its_status(
    sink: GcpSecretManagerSink, fake: GcpFake, operation: str
) -> None:
    """Only "not found" means that there is nothing."""
    deliver(sink, ENTRY, OLD)
    fake.failing[operation] = [400]

    with pytest.raises(SinkError, match="HTTP 400"):
        sink.stat([NAME])


def test_a_receipt_that_may_be_noted_is_no_unknown_custody(sink: GcpSecretManagerSink, fake: GcpFake) -> None:
    """The outcome of the note is unknown, and there is no value in it yet."""
    fake.failing["patch"] = [503] * 20

    with pytest.raises(SinkError, match="HTTP 503") as caught:
        sink.put(ENTRY, Secret(NEW), receipt())

    assert not isinstance(caught.value, SinkUnverifiedError)
    assert fake.value(NAME) is None


def test_a_change_by_others_after_a_lost_note_is_kept(
    sink: GcpSecretManagerSink, fake: GcpFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An etag that is old because of somebody else is not taken for our own first try."""
    sink.reserve([ENTRY])
    state, looks = sink._state, []

    def changed_before_the_second(name: str) -> object:
        looks.append(name)
        if len(looks) == 2:
            fake.rows[name].annotations["owner"] = "billing"
        return state(name)

    monkeypatch.setattr(sink, "_state", changed_before_the_second)
    fake.lost.append("patch")

    with pytest.raises(SinkError):
        sink.put(ENTRY, Secret(NEW), receipt())
    assert (fake.value(NAME), fake.rows[NAME].annotations["owner"]) == (None, "billing")


def test_a_version_that_is_not_what_was_sent_is_noticed(
    sink: GcpSecretManagerSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read back before the receipt is completed."""
    monkeypatch.setattr(sink, "_holds", lambda *_: False)

    with pytest.raises(SinkUnverifiedError, match="not what was sent"):
        sink.put(ENTRY, Secret(NEW), receipt())
    assert sink.stat([NAME]) == {}


def test_a_secret_that_disappears_is_no_custody(
    sink: GcpSecretManagerSink, fake: GcpFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody deletes it between the value and its receipt."""
    sink.reserve([ENTRY])
    state, looks = sink._state, []

    def gone_at_the_second(name: str) -> object:
        looks.append(name)
        if len(looks) == 2:
            fake.rows.clear()
        return state(name)

    monkeypatch.setattr(sink, "_state", gone_at_the_second)
    with pytest.raises(SinkUnverifiedError, match="gone"):
        sink.put(ENTRY, Secret(NEW), receipt())


def test_an_interrupted_pause_ends_the_tries(
    sink: GcpSecretManagerSink, fake: GcpFake, clock: FakeClock
) -> None:
    """A run that is told to stop does not go on trying."""
    clock.interrupted = True
    fake.failing["get"] = [503] * 20

    with pytest.raises(SinkError, match="HTTP 503"):
        sink.stat([NAME])
    assert fake.calls["get"] == 1
