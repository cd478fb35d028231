"""The `kubernetes` sink against an API server on loopback: field managers, conflicts, reviews and echoes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.ports.sink import Entry
from reconciler.sinks import kubernetes
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, ORIGIN, receipt
from tests.stores.kubernetes import DEFAULT_SECRET, Row, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.sinks.kubernetes import KubernetesSink
    from tests.stores.kubernetes import ApiServer

OTHER = Entry(name="CLIENT_B_KEY", address="reseller/client-b", origin=ORIGIN)
MANAGER = f"reconciler:{NAME}"


@pytest.fixture
def fake() -> Iterator[ApiServer]:
    """An empty cluster."""
    with running() as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    """The clock of the run."""
    return FakeClock()


@pytest.fixture
def sink(fake: ApiServer, clock: FakeClock) -> Iterator[KubernetesSink]:
    """A sink that may do everything."""
    found = kubernetes.build(fake.options(clock))
    yield found
    found.close()


def deliver(sink: KubernetesSink, entry: Entry, secret: str, generation: int = 1) -> None:
    """Do what a run does."""
    found = receipt(generation, address=entry.address)
    sink.preflight([entry])
    sink.put(entry, Secret(secret), found)
    sink.verify(entry, Secret(secret), found)


class TestEntries:
    """What an entry is, and what belongs to whom."""

    def test_two_entries_live_in_one_secret(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """An apply takes away what its manager gives up, so every entry has a manager of its own."""
        deliver(sink, ENTRY, OLD)
        deliver(sink, OTHER, NEW)
        deliver(sink, ENTRY, NEW, 2)

        assert (fake.value(DEFAULT_SECRET, NAME), fake.value(DEFAULT_SECRET, OTHER.name)) == (NEW, NEW)
        assert sink.stat([NAME, OTHER.name]) == {
            NAME: receipt(2),
            OTHER.name: receipt(1, address=OTHER.address),
        }
        assert set(fake.rows[DEFAULT_SECRET].owners) == {MANAGER, f"reconciler:{OTHER.name}"}

    def test_one_request_tells_of_a_whole_secret(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """However many entries are in it."""
        deliver(sink, ENTRY, OLD)
        fake.calls.clear()

        sink.stat([NAME, OTHER.name, "elsewhere#KEY"])

        assert fake.calls == {"GET": 2}

    def test_keys_of_others_stay(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """What another manager has in the same Secret is neither changed nor owned."""
        fake.edit(DEFAULT_SECRET, "DATABASE_URL", "postgres://app")

        deliver(sink, ENTRY, OLD)

        assert fake.value(DEFAULT_SECRET, "DATABASE_URL") == "postgres://app"
        assert "data/DATABASE_URL" in fake.rows[DEFAULT_SECRET].owners["kubectl-edit"]

    def test_an_entry_names_its_own_secret(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """`secret#KEY` goes elsewhere than to the default Secret."""
        entry = replace(ENTRY, name="team-a.keys#api-key.txt")

        deliver(sink, entry, OLD)

        assert fake.value("team-a.keys", "api-key.txt") == OLD

    def test_value_and_receipt_are_one_request(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """There is never one without the other, and doing it again changes no resource version."""
        deliver(sink, ENTRY, OLD)
        row = fake.rows[DEFAULT_SECRET]
        version = row.version
        assert set(row.fields) == {f"data/{NAME}", f"annotations/receipt.reconciler/{NAME}"}

        deliver(sink, ENTRY, OLD)

        assert fake.rows[DEFAULT_SECRET].version == version

    def test_what_somebody_else_manages_is_refused(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """Nothing is forced without `takeover`."""
        fake.edit(DEFAULT_SECRET, NAME, "by-hand")

        with pytest.raises(SinkRefusedError, match="did not write"):
            sink.preflight([ENTRY])
        deliver(sink, replace(ENTRY, takeover=True), OLD)

        assert fake.value(DEFAULT_SECRET, NAME) == OLD
        assert all(query["force"] == "true" for query in fake.queries)

    def test_what_is_edited_by_hand_is_taken_back(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """The editor's manager owns the key then, and the receipt still says whose the entry is."""
        deliver(sink, ENTRY, OLD)
        fake.edit(DEFAULT_SECRET, NAME, "by-hand")

        assert sink.stat([NAME]) == {}
        deliver(sink, ENTRY, OLD)

        assert fake.value(DEFAULT_SECRET, NAME) == OLD

    @pytest.mark.parametrize(
        "name", ["Upper#K", "a..b#K", "a#", "#K", "a#b#c", "a#-k", "a#" + "k" * 64, ".k"]
    )
    def test_a_name_that_cannot_be_is_refused(self, sink: KubernetesSink, name: str) -> None:
        """The preflight says so before anything is asked."""
        with pytest.raises(SinkRefusedError, match="rename"):
            sink.preflight([replace(ENTRY, name=name)])
        with pytest.raises(SinkError, match="rename"):
            sink.put(replace(ENTRY, name=name), Secret(OLD), receipt())
        with pytest.raises(SinkUnverifiedError):
            sink.verify(replace(ENTRY, name=name), Secret(OLD), receipt())
        assert sink.stat([name]) == {}

    def test_without_a_default_the_secret_must_be_named(self, fake: ApiServer, clock: FakeClock) -> None:
        """The remedy names both ways."""
        sink = kubernetes.build(fake.options(clock, secret=None))

        with pytest.raises(SinkRefusedError, match="set `secret`"):
            sink.preflight([ENTRY])
        sink.close()


class TestPreflight:
    """What is proved before anything is minted."""

    @pytest.mark.parametrize("verb", ["get", "create", "patch"])
    def test_a_missing_permission_is_named(self, sink: KubernetesSink, fake: ApiServer, verb: str) -> None:
        """The access review answers without any right, and the error says which verb to grant."""
        fake.denied.add(verb)

        with pytest.raises(CredentialsError, match=rf"may not {verb}\b"):
            sink.preflight([ENTRY])
        assert fake.rows == {}

    def test_a_rehearsal_stores_nothing(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """The server runs all of its checks on a sample."""
        sink.preflight([ENTRY])

        assert fake.rows == {}
        assert fake.queries == [{"fieldManager": MANAGER, "force": "false", "dryRun": "All"}]

    def test_an_immutable_secret_is_refused(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """It can never take the entry."""
        fake.rows[DEFAULT_SECRET] = Row(immutable=True)

        with pytest.raises(SinkRefusedError, match="immutable"):
            sink.preflight([ENTRY])

    def test_a_missing_namespace_is_told(self, fake: ApiServer, clock: FakeClock) -> None:
        """The dry run finds it."""
        sink = kubernetes.build(fake.options(clock, namespace="nowhere"))

        with pytest.raises(SinkRefusedError, match="namespace"):
            sink.preflight([ENTRY])
        sink.close()


class TestRaces:
    """Others who write at the same time."""

    def test_a_change_between_look_and_apply_is_looked_at_again(
        self, sink: KubernetesSink, fake: ApiServer
    ) -> None:
        """The apply names the version it was decided on, and is decided anew when that is old."""
        deliver(sink, ENTRY, OLD)
        fake.before_apply.append(lambda: fake.edit(DEFAULT_SECRET, "MORE", "x"))

        sink.put(ENTRY, Secret(NEW), receipt(2))

        assert (fake.value(DEFAULT_SECRET, NAME), fake.value(DEFAULT_SECRET, "MORE")) == (NEW, "x")

    def test_somebody_who_was_faster_is_left_alone(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """An entry that appears between the look and the apply is not overwritten."""
        fake.before_apply.append(lambda: fake.edit(DEFAULT_SECRET, NAME, "theirs"))

        with pytest.raises(SinkRefusedError, match="did not write"):
            sink.put(ENTRY, Secret(NEW), receipt())
        assert fake.value(DEFAULT_SECRET, NAME) == "theirs"

    def test_a_secret_that_always_changes_is_given_up(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """After three tries nothing was stored, and the error says so."""
        deliver(sink, ENTRY, OLD)
        fake.before_apply += [lambda: fake.edit(DEFAULT_SECRET, "MORE", "x")] * 9

        with pytest.raises(SinkRefusedError, match="all the time") as caught:
            sink.put(ENTRY, Secret(NEW), receipt(2))

        assert leaked(shown(caught.value), OLD, NEW) == []
        assert fake.value(DEFAULT_SECRET, NAME) == OLD


class TestFaults:
    """A network that loses things, and a server that quotes them."""

    def test_a_lost_answer_is_survived(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """The same apply again changes nothing."""
        deliver(sink, ENTRY, OLD)
        fake.lost = 1

        sink.put(ENTRY, Secret(NEW), receipt(2))

        sink.verify(ENTRY, Secret(NEW), receipt(2))
        assert fake.value(DEFAULT_SECRET, NAME) == NEW

    def test_an_outcome_that_stays_unknown_is_told(
        self, sink: KubernetesSink, fake: ApiServer, clock: FakeClock
    ) -> None:
        """Custody is unknown after three tries, which the next run resolves."""
        sink.preflight([ENTRY])
        fake.lost = 9
        fake.calls.clear()

        with pytest.raises(SinkUnverifiedError) as caught:
            sink.put(ENTRY, Secret(NEW), receipt())

        assert fake.calls["PATCH"] <= 3
        assert clock.slept
        assert leaked(shown(caught.value), NEW) == []
        assert sink.stat([NAME]) == {NAME: receipt()}

    @pytest.mark.parametrize("status", [400, 403, 404, 415, 422, 451, 500])
    def test_no_answer_is_shown(self, sink: KubernetesSink, fake: ApiServer, status: int) -> None:
        """Every refusal of an apply quotes what was sent, and every error shows only the status."""
        sink.preflight([ENTRY])
        original = fake._apply

        def refuse(*arguments: object) -> tuple[int, dict[str, object]]:
            return status, {"message": json.dumps([str(item) for item in arguments]), "echo": NEW}

        type(fake)._apply = refuse  # type: ignore[method-assign, assignment]
        try:
            with pytest.raises((SinkError, CredentialsError), match=str(status)) as caught:
                sink.put(ENTRY, Secret(NEW), receipt())
        finally:
            type(fake)._apply = original.__func__  # type: ignore[method-assign, attr-defined]

        assert leaked(shown(caught.value), NEW) == []
        assert isinstance(caught.value, CredentialsError) == (status == 403)
        assert isinstance(caught.value, SinkUnverifiedError) == (status == 500)

    def test_a_damaged_receipt_is_an_error(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """What cannot be understood is never taken for no receipt."""
        deliver(sink, ENTRY, OLD)
        fake.rows[DEFAULT_SECRET].fields[f"annotations/receipt.reconciler/{NAME}"] = "{}"

        with pytest.raises(SinkError, match="damaged") as caught:
            sink.stat([NAME])
        with pytest.raises(SinkRefusedError, match="damaged"):
            sink.preflight([ENTRY])
        assert leaked(shown(caught.value), OLD) == []

    def test_data_that_is_not_base64_is_no_custody(self, sink: KubernetesSink, fake: ApiServer) -> None:
        """A value that cannot be decoded is not the one that was delivered."""
        deliver(sink, ENTRY, OLD)
        fake.rows[DEFAULT_SECRET].fields[f"data/{NAME}"] = "%%%"

        assert sink.stat([NAME]) == {}


class TestBuild:
    """Options to a way into the cluster."""

    def test_a_kubeconfig_is_a_way(self, fake: ApiServer, clock: FakeClock, tmp_path: Path) -> None:
        """Server, token and namespace come from its current context."""
        path = tmp_path / "config"
        user = {"name": "u", "user": {"token": fake.options(clock)["token"].reveal()}}  # type: ignore[attr-defined]
        config = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "apps"}}],
            "clusters": [{"name": "k", "cluster": {"server": fake.address}}],
            "users": [user],
        }
        path.write_text(json.dumps(config), "utf-8")
        sink = kubernetes.build({"kubeconfig": path, "secret": "s", "clock": clock})

        deliver(sink, ENTRY, OLD)

        assert fake.value("s", NAME) == OLD
        sink.close()

    def test_outside_of_a_cluster_a_way_has_to_be_named(
        self, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without options the sink runs in a pod, or not at all."""
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

        with pytest.raises(SinkError, match="not inside a cluster"):
            kubernetes.build({"namespace": "apps", "clock": clock})

    def test_a_namespace_is_needed(self, fake: ApiServer, clock: FakeClock) -> None:
        """None is guessed."""
        with pytest.raises(SinkError, match="set `namespace`"):
            kubernetes.build(fake.options(clock, namespace=None))
