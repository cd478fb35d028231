"""The `vault` sink against a real OpenBao: fields, receipts, versions, policies, logins and namespaces."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt as tokens
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    ReconcilerError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.ports.sink import Entry
from reconciler.sinks import vault
from reconciler.sinks._vault_kv import _is_past
from reconciler.transport.connections import Connections
from reconciler.transport.transfer_errors import TransferError
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.stores.openbao import FULL, READ_ONLY, ROOT_TOKEN, WRITE_ONLY
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.transport.connections import HttpAnswer, HttpRequest
    from tests.stores.openbao import OpenBao
    from tests.unit.providers.raw_server import Answer

DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs/sinks.md"
REQUEST_TOKEN = "job-7c41e5d02ab9f836"
WRONG = "hvs.wrong-tLvAeNRyN996pJD30rNG"
OLD, NEW = "sk-old-i3FSJb2w7vQZXdtbBtS4", "sk-new-v8U3SItlSkcI51GxlBNg"
ORIGIN = "https://api.example"
NAME = "team/app#API_KEY"
ENTRY = Entry(name=NAME, address="reseller/client-a", origin=ORIGIN)
# Versions that OpenBao marks as deleted are so by its clock, which is the machine's.
NOW = datetime.now(UTC) + timedelta(days=1)


def receipt(generation: int = 1, **changes: Any) -> Receipt:
    """Return the receipt of a delivery."""
    found = Receipt(
        origin=ORIGIN,
        address=ENTRY.address,
        remote_id=f"id-{generation}",
        generation=generation,
        attempt=1,
        delivered_at=datetime(2026, 11, 20, 12, 0, generation, tzinfo=UTC),
    )
    return replace(found, **changes)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A mount of one test, and how to make the sink that writes into it."""

    server: OpenBao
    mount: str
    token: str = field(default=ROOT_TOKEN, repr=False)
    namespace: str = ""
    opened: list[vault.VaultSink] = field(default_factory=list)

    def sink(self, **options: object) -> vault.VaultSink:
        """Return the sink as the next run would make it."""
        usual = {
            "address": self.server.address,
            "mount": self.mount,
            "field": "value",
            "auth": "token",
            "token": Secret(self.token),
            "namespace": self.namespace or None,
            "clock": FakeClock(NOW),
        }
        self.opened.append(vault.build(usual | options))
        return self.opened[-1]

    def close(self) -> None:
        """Close every sink that was made, also by those that see the place with other eyes."""
        for sink in self.opened:
            sink.close()

    def policy(self, text: str) -> Place:
        """Return the same place, seen with a token that has only this policy."""
        return replace(self, token=self.server.token(text, self.mount, namespace=self.namespace))

    def fields(self, path: str = "team/app") -> dict[str, Any]:
        """Return what a reader of the store would find."""
        return self.server.data(self.mount, path, namespace=self.namespace)

    def plant(self, path: str, **fields: object) -> None:
        """Let somebody else write a secret."""
        self.server.ask("POST", f"{self.mount}/data/{path}", {"data": fields}, namespace=self.namespace)

    def version(self, path: str = "team/app") -> int:
        """Return the current version of a secret."""
        return int(self.server.metadata(self.mount, path)["current_version"])


@pytest.fixture
def place(openbao: OpenBao) -> Iterator[Place]:
    """A mount of its own, seen by the operator."""
    found = Place(server=openbao, mount=openbao.new_mount())
    yield found
    found.close()


@pytest.fixture(params=[FULL, WRITE_ONLY], ids=["full", "write-only"])
def granted(place: Place, request: pytest.FixtureRequest) -> Place:
    """A mount that the sink may write, and read or not."""
    return place.policy(str(request.param))


def deliver(place: Place, secret: str = OLD, generation: int = 1, entry: Entry = ENTRY) -> None:
    """Preflight, put and verify, each in a run of its own."""
    place.sink().preflight([entry])
    arguments = (entry, Secret(secret), receipt(generation, address=entry.address))
    place.sink().put(*arguments)
    place.sink().verify(*arguments)


class TestFields:
    """Entries are fields of secrets."""

    def test_the_other_fields_and_labels_are_kept(self, granted: Place) -> None:
        """What others wrote into the same secret stays, of whatever kind it is."""
        theirs = {"user": "bob", "big": 9 * 10**20, "ratio": 0.1, "more": {"list": [1, None, True]}}
        granted.plant("team/app", **theirs)
        granted.server.ask(
            "POST", f"{granted.mount}/metadata/team/app", {"custom_metadata": {"owner": "bob"}}
        )

        deliver(granted)

        assert granted.fields() == {**theirs, "API_KEY": OLD}
        labels = granted.server.metadata(granted.mount, "team/app")["custom_metadata"]
        assert labels["owner"] == "bob"
        assert json.loads(labels["reconciler/API_KEY"])["delivered"]["remote_id"] == "id-1"

    def test_two_keys_share_a_secret(self, granted: Place) -> None:
        """Each field has its own receipt, found with one look at the secret."""
        other = replace(ENTRY, name="team/app#OTHER", address="reseller/client-b")
        deliver(granted)
        deliver(granted, NEW, 2, other)

        assert granted.fields() == {"API_KEY": OLD, "OTHER": NEW}
        found = granted.sink().stat([NAME, other.name, "team/app", "nowhere"])
        assert found == {NAME: receipt(), other.name: receipt(2, address=other.address)}

    def test_an_entry_without_a_field_has_the_usual_one(self, place: Place) -> None:
        """One entry has one name: the usual field is not to be spelled out."""
        entry = replace(ENTRY, name="team/app")
        deliver(place, entry=entry)

        assert place.fields() == {"value": OLD}
        with pytest.raises(SinkRefusedError, match="leave `#value` out"):
            place.sink().preflight([replace(ENTRY, name="team/app#value")])

    @pytest.mark.parametrize("name", ["a/../b", "/a", "a/", "a//b", "a#", "a#b#c", "a b", "..", "a/.#b", "ä"])
    def test_names_that_are_no_path_are_refused(self, place: Place, name: str) -> None:
        """Nothing leaves the mount, and nothing has to be encoded."""
        with pytest.raises(SinkRefusedError, match="rename it"):
            place.sink().preflight([replace(ENTRY, name=name)])
        with pytest.raises(SinkError, match="rename it"):
            place.sink().put(replace(ENTRY, name=name), Secret(OLD), receipt())
        with pytest.raises(SinkUnverifiedError):
            place.sink().verify(replace(ENTRY, name=name), Secret(OLD), receipt())
        assert place.sink().stat([name]) == {}

    @pytest.mark.parametrize("value", ["", "sk-\udcff", "x" * 500_001])
    def test_a_value_that_cannot_be_stored_is_refused(self, place: Place, value: str) -> None:
        """Before anything is written, and without showing it."""
        with pytest.raises(SinkError, match="team/app#API_KEY") as caught:
            place.sink().put(ENTRY, Secret(value), receipt())

        assert place.sink().stat([NAME]) == {}
        assert "udcff" not in str(caught.value)

    def test_any_text_comes_back_as_it_was(self, place: Place) -> None:
        """A composed value may have line feeds, quotes and letters of any script."""
        text = 'Bearer "ключ"\n\t{}'
        deliver(place, text)

        assert place.fields() == {"API_KEY": text}


class TestReceipts:
    """Custom metadata says which delivery a field holds."""

    def test_putting_the_same_again_writes_no_version(self, granted: Place) -> None:
        """A repeated delivery is none."""
        deliver(granted)
        deliver(granted)

        assert granted.version() == 1

    def test_a_rotation_is_one_more_version(self, granted: Place) -> None:
        """The version before stays in the history of the store."""
        deliver(granted)
        deliver(granted, NEW, 2)

        assert granted.version() == 2
        assert granted.sink().stat([NAME]) == {NAME: receipt(2)}
        old = granted.server.ask("GET", f"{granted.mount}/data/team/app?version=1")
        assert old["data"]["data"] == {"API_KEY": OLD}

    def test_a_long_receipt_is_spread_over_labels(self, granted: Place) -> None:
        """A value of a label has 512 bytes; a shorter receipt later leaves no piece of the longer one."""
        long = replace(ENTRY, address=f"reseller/{'й' * 150}")
        deliver(granted, entry=long)
        found = granted.sink().stat([NAME])[NAME]
        assert found.address == long.address
        labels = granted.server.metadata(granted.mount, "team/app")["custom_metadata"]
        assert set(labels) == {"reconciler/API_KEY", "reconciler/API_KEY/1", "reconciler/API_KEY/2"}

        deliver(granted, NEW, 2, replace(ENTRY, takeover=True))

        assert granted.sink().stat([NAME]) == {NAME: receipt(2)}
        labels = granted.server.metadata(granted.mount, "team/app")["custom_metadata"]
        assert set(labels) == {"reconciler/API_KEY"}

    def test_a_value_changed_by_hand_is_not_in_custody(self, place: Place) -> None:
        """Where the value can be read, the receipt counts only for the one it was written for."""
        deliver(place)
        place.plant("team/app", API_KEY="edited-by-hand")

        assert place.sink().stat([NAME]) == {}
        with pytest.raises(SinkUnverifiedError):
            place.sink().verify(ENTRY, Secret(OLD), receipt())
        deliver(place)
        assert place.sink().stat([NAME]) == {NAME: receipt()}

    @pytest.mark.parametrize("how", ["delete", "destroy"])
    def test_a_deleted_version_is_not_in_custody(self, granted: Place, how: str) -> None:
        """A receipt outlives its value in the store, and does not count then; delivering again mends it."""
        deliver(granted)
        granted.server.ask("POST", f"{granted.mount}/{how}/team/app", {"versions": [1]})

        assert granted.sink().stat([NAME]) == {}
        deliver(granted)
        assert granted.fields() == {"API_KEY": OLD}

    def test_a_version_that_will_be_deleted_is_there_until_then(self, place: Place) -> None:
        """`delete_version_after` sets a time that is still to come."""
        place.server.ask("POST", f"{place.mount}/metadata/team/app", {"delete_version_after": "72h"})
        deliver(place)

        assert place.sink().stat([NAME]) == {NAME: receipt()}
        assert place.sink(clock=FakeClock(NOW + timedelta(days=3))).stat([NAME]) == {}

    def test_damaged_receipts_are_an_error(self, place: Place) -> None:
        """A receipt that cannot be read is never taken for none."""
        deliver(place)
        labels = {"custom_metadata": {"reconciler/API_KEY": '{"delivered": '}}
        place.server.ask("PATCH", f"{place.mount}/metadata/team/app", labels)

        with pytest.raises(SinkError, match="damaged"):
            place.sink().stat([NAME])
        with pytest.raises(SinkRefusedError, match="damaged"):
            place.sink().preflight([ENTRY])
        with pytest.raises(SinkUnverifiedError, match="damaged"):
            place.sink().verify(ENTRY, Secret(OLD), receipt())

    def test_what_others_wrote_is_refused(self, granted: Place) -> None:
        """Neither a field of somebody else nor one of another key is overwritten, without takeover."""
        granted.plant("team/app", API_KEY="somebody-elses")
        with pytest.raises(SinkRefusedError, match="did not write"):
            granted.sink().preflight([ENTRY])
        with pytest.raises(SinkRefusedError, match="takeover"):
            granted.sink().put(ENTRY, Secret(NEW), receipt())

        deliver(granted, entry=replace(ENTRY, takeover=True))
        other = replace(ENTRY, address="reseller/client-b")
        with pytest.raises(SinkRefusedError, match="reseller/client-a"):
            granted.sink().preflight([other])
        assert granted.fields() == {"API_KEY": OLD}

    def test_a_field_that_cannot_be_told_is_somebody_elses(self, place: Place) -> None:
        """Without any right to see fields, a secret that is there is not touched."""
        blind = place.policy(WRITE_ONLY.replace("subkeys", "elsewhere"))
        place.plant("team/app", user="bob")

        with pytest.raises(SinkRefusedError, match="did not write"):
            blind.sink().preflight([ENTRY])
        deliver(blind, entry=replace(ENTRY, name="team/fresh#API_KEY"))


class TestPermissions:
    """What the token may not do is told before anything is minted."""

    def test_a_token_that_only_reads_is_refused(self, place: Place) -> None:
        """With the paths and the capabilities that are missing."""
        reader = place.policy(READ_ONLY)

        with pytest.raises(CredentialsError, match=f"patch, update on {place.mount}/data/team/app") as caught:
            reader.sink().preflight([ENTRY])
        assert caught.value.exit_code == 9
        assert "create, patch on" in str(caught.value)
        assert reader.sink().stat([NAME]) == {}
        with pytest.raises(CredentialsError):
            reader.sink().put(ENTRY, Secret(OLD), receipt())
        assert place.fields() == {}

    def test_a_wrong_token_is_refused_everywhere(self, place: Place) -> None:
        """And it is in no message."""
        wrong = replace(place, token=WRONG)

        for call in (
            lambda: wrong.sink().stat([NAME]),
            lambda: wrong.sink().preflight([ENTRY]),
            lambda: wrong.sink().put(ENTRY, Secret(OLD), receipt()),
        ):
            with pytest.raises(CredentialsError) as caught:
                call()
            assert leaked(shown(caught.value), WRONG, OLD) == []
        with pytest.raises(SinkUnverifiedError):
            wrong.sink().verify(ENTRY, Secret(OLD), receipt())

    def test_a_mount_that_is_not_there_is_refused(self, place: Place) -> None:
        """A mistyped mount is told before anything is minted, and is not an empty one."""
        lost = replace(place, mount="nowhere")

        with pytest.raises(CredentialsError, match="no such mount"):
            lost.sink().preflight([ENTRY])
        with pytest.raises(SinkError, match="check mount and path"):
            lost.sink().stat([NAME])

    def test_an_engine_of_version_1_is_refused(self, place: Place) -> None:
        """It would take the labels for a secret of that name."""
        old = replace(place, mount=place.server.new_mount(version="1"))

        with pytest.raises(SinkRefusedError, match="version 2"):
            old.sink().preflight([ENTRY])

    def test_the_documented_policies_are_enough(self, granted: Place) -> None:
        """Both of them, for a first delivery and for a rotation."""
        for policy in (FULL, WRITE_ONLY):
            assert policy.format(mount="secret").strip() in DOCUMENTATION.read_text("utf-8")
        deliver(granted)
        deliver(granted, NEW, 2)

        assert granted.fields() == {"API_KEY": NEW}


class TestLostAnswers:
    """A connection that breaks leaves nothing unclear that can be cleared up."""

    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        """Lose the first answers to the requests that match; the requests are done all the same."""
        left: dict[str, int] = {}
        real = Connections.exchange

        def exchange(connections: Connections, request: HttpRequest) -> HttpAnswer:
            answer = real(connections, request)
            kind = f"{request.method} {request.url.split('/')[5]}"
            if left.get(kind, 0) > 0:
                left[kind] -= 1
                reason = "the connection broke"
                raise TransferError(reason, sent=True)
            return answer

        monkeypatch.setattr(Connections, "exchange", exchange)
        return left

    @pytest.mark.parametrize("kind", ["POST data", "POST metadata", "PATCH metadata", "GET metadata"])
    def test_one_lost_answer_makes_no_difference(
        self, place: Place, broken: dict[str, int], kind: str
    ) -> None:
        """Every request of a put may be sent again, and check-and-set keeps it from being done twice."""
        broken[kind] = 1
        deliver(place)

        assert place.version() == 1
        assert place.sink().stat([NAME]) == {NAME: receipt()}

    def test_without_reading_a_lost_answer_stays_unclear(self, place: Place, broken: dict[str, int]) -> None:
        """The next version may be ours or not; the error says so, and the next run delivers again."""
        blind = place.policy(WRITE_ONLY)
        broken["POST data"] = 1

        with pytest.raises(SinkUnverifiedError, match="run again"):
            blind.sink().put(ENTRY, Secret(OLD), receipt())
        assert blind.sink().stat([NAME]) == {}
        deliver(blind)
        assert place.fields() == {"API_KEY": OLD}

    @pytest.mark.parametrize(
        ("kind", "error", "stored"),
        [
            ("POST metadata", SinkError, False),
            ("POST data", SinkUnverifiedError, True),
            ("PATCH metadata", SinkUnverifiedError, True),
        ],
    )
    def test_a_store_that_dies_during_a_put(
        self, place: Place, broken: dict[str, int], kind: str, error: type[SinkError], *, stored: bool
    ) -> None:
        """The error tells whether the secret may be there; the next run finishes."""
        broken[kind] = 99
        with pytest.raises(SinkError) as caught:
            place.sink().put(ENTRY, Secret(OLD), receipt())
        assert type(caught.value) is error
        assert leaked(shown(caught.value), OLD, ROOT_TOKEN) == []
        assert place.fields() == ({"API_KEY": OLD} if stored else {})

        broken[kind] = 0
        deliver(place)
        assert place.sink().stat([NAME]) == {NAME: receipt()}

    def test_somebody_who_writes_at_the_same_time_wins(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Check-and-set refuses our value, and nothing of theirs is lost."""
        deliver(place)
        real = Connections.exchange

        def exchange(connections: Connections, request: HttpRequest) -> HttpAnswer:
            if request.method == "PATCH" and "/data/" in request.url:
                place.server.ask("PATCH", f"{place.mount}/data/team/app", {"data": {"user": "bob"}})
            return real(connections, request)

        monkeypatch.setattr(Connections, "exchange", exchange)
        with pytest.raises(SinkError, match="at the same time") as caught:
            place.sink().put(ENTRY, Secret(NEW), receipt(2))

        assert not isinstance(caught.value, SinkUnverifiedError)
        assert place.fields() == {"API_KEY": OLD, "user": "bob"}
        assert place.sink().stat([NAME]) == {NAME: receipt()}

    def test_another_run_of_the_same_key_is_noticed(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two runs that are not kept apart: the receipt never names what the other one wrote."""
        blind = place.policy(WRITE_ONLY)
        blind.sink().put(ENTRY, Secret(OLD), receipt())
        real = Connections.exchange
        others: list[str] = []

        def exchange(connections: Connections, request: HttpRequest) -> HttpAnswer:
            answer = real(connections, request)
            if request.method == "PATCH" and "/data/" in request.url and not others:
                others.append(request.url)
                blind.sink().put(ENTRY, Secret("sk-third-99"), receipt(3))
            return answer

        monkeypatch.setattr(Connections, "exchange", exchange)
        with pytest.raises(SinkUnverifiedError, match="at the same time"):
            blind.sink().put(ENTRY, Secret(NEW), receipt(2))

        assert place.fields() == {"API_KEY": "sk-third-99"}
        assert blind.sink().stat([NAME]) == {NAME: receipt(3)}

    def test_a_label_that_somebody_changes_at_the_same_time(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is delivered then, and nothing of theirs is lost."""
        deliver(place)
        real = Connections.exchange

        def exchange(connections: Connections, request: HttpRequest) -> HttpAnswer:
            if request.method == "PATCH" and "/metadata/" in request.url:
                labels = {"custom_metadata": {"owner": "bob"}}
                place.server.ask("PATCH", f"{place.mount}/metadata/team/app", labels)
            return real(connections, request)

        monkeypatch.setattr(Connections, "exchange", exchange)
        with pytest.raises(SinkError, match="at the same time"):
            place.sink().put(ENTRY, Secret(NEW), receipt(2))

        assert place.fields() == {"API_KEY": OLD}
        assert place.server.metadata(place.mount, "team/app")["custom_metadata"]["owner"] == "bob"

    def test_a_mount_that_insists_on_check_and_set(self, place: Place) -> None:
        """Of values and of metadata: both are always sent."""
        config = {"cas_required": True, "metadata_cas_required": True}
        place.server.ask("POST", f"{place.mount}/config", config)
        deliver(place)
        deliver(place, NEW, 2)

        assert place.fields() == {"API_KEY": NEW}

    def test_a_server_that_is_not_there_is_an_error(self, place: Place) -> None:
        """Without any secret in it, after tries with pauses on the clock of the run."""
        clock = FakeClock(NOW)
        gone = place.sink(address="http://127.0.0.1:1", clock=clock)

        with pytest.raises(SinkError, match=r"refused.*run again") as caught:
            gone.put(ENTRY, Secret(OLD), receipt())
        assert clock.slept == [0.5, 1.0]
        assert leaked(shown(caught.value), OLD, ROOT_TOKEN) == []


class TestLogins:
    """Every way to log in, at the real auth methods."""

    @pytest.fixture
    def key(self) -> rsa.RSAPrivateKey:
        """The key of an identity provider."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @staticmethod
    def method(place: Place, kind: str, config: dict[str, object] | None = None) -> str:
        """Enable an auth method under a path of its own."""
        path = f"{kind}-{place.mount}"
        place.server.ask("POST", f"sys/auth/{path}", {"type": kind})
        if config:
            place.server.ask("POST", f"auth/{path}/config", config)
        return path

    def jwt_method(self, place: Place, key: rsa.RSAPrivateKey) -> str:
        """Enable JWT logins, with a role that takes GitHub's claims of one environment."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
        path = self.method(place, "jwt", {"jwt_validation_pubkeys": [public]})
        role = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": ["https://vault.acme"],
            "bound_claims": {"repository": "acme/keys", "environment": "production"},
            "token_policies": [place.server.policy(FULL, place.mount)],
        }
        place.server.ask("POST", f"auth/{path}/role/writer", role)
        return path

    @staticmethod
    def identity(key: rsa.RSAPrivateKey, **claims: object) -> str:
        """Return what GitHub would sign for a job."""
        now = datetime.now(UTC)
        usual = {
            "sub": "repo:acme/keys:environment:production",
            "aud": "https://vault.acme",
            "repository": "acme/keys",
            "environment": "production",
            "iat": now,
            "exp": now + timedelta(minutes=5),
        }
        return tokens.encode(usual | claims, key, algorithm="RS256")

    def test_approle(self, place: Place) -> None:
        """RoleID and SecretID; the token ends with the sink."""
        path = self.method(place, "approle")
        role = {"token_policies": [place.server.policy(FULL, place.mount)]}
        place.server.ask("POST", f"auth/{path}/role/writer", role)
        role_id = place.server.ask("GET", f"auth/{path}/role/writer/role-id")["data"]["role_id"]
        secret_id = place.server.ask("POST", f"auth/{path}/role/writer/secret-id")["data"]["secret_id"]
        options = {"auth": "approle", "auth_mount": path, "role_id": role_id, "token": None}
        sink = place.sink(**options, secret_id=Secret(secret_id))

        sink.preflight([ENTRY])
        sink.put(ENTRY, Secret(OLD), receipt())
        before = len(place.server.ask("LIST", "auth/token/accessors")["data"]["keys"])
        sink.close()

        assert place.fields() == {"API_KEY": OLD}
        assert len(place.server.ask("LIST", "auth/token/accessors")["data"]["keys"]) == before - 1
        with pytest.raises(CredentialsError, match="login was refused") as caught:
            place.sink(**options, secret_id=Secret(WRONG)).preflight([ENTRY])
        assert leaked(shown(caught.value), WRONG) == []

    def test_jwt(self, place: Place, key: rsa.RSAPrivateKey) -> None:
        """A signed token whose claims the role takes; one of a pull request is refused."""
        path = self.jwt_method(place, key)
        options = {"auth": "jwt", "auth_mount": path, "role": "writer", "token": None}
        sink = place.sink(**options, jwt=Secret(self.identity(key)))
        sink.preflight([ENTRY])
        sink.put(ENTRY, Secret(OLD), receipt())

        assert place.fields() == {"API_KEY": OLD}
        foreign = self.identity(key, sub="repo:acme/keys:pull_request", environment="none")
        with pytest.raises(CredentialsError, match="login was refused"):
            place.sink(**options, jwt=Secret(foreign)).stat([NAME])

    def test_a_token_is_fetched_again_before_it_ends(self, place: Place, key: rsa.RSAPrivateKey) -> None:
        """A run that takes longer than a token lasts goes on."""
        path = self.jwt_method(place, key)
        role = place.server.ask("GET", f"auth/{path}/role/writer")["data"]
        place.server.ask("POST", f"auth/{path}/role/writer", role | {"token_ttl": 60})
        clock = FakeClock(NOW)
        sink = place.sink(
            auth="jwt",
            auth_mount=path,
            role="writer",
            token=None,
            jwt=Secret(self.identity(key)),
            clock=clock,
        )
        sink.stat([NAME])
        first = len(place.server.ask("LIST", "auth/token/accessors")["data"]["keys"])
        sink.stat([NAME])
        assert len(place.server.ask("LIST", "auth/token/accessors")["data"]["keys"]) == first
        clock.advance(31)
        sink.stat([NAME])

        assert len(place.server.ask("LIST", "auth/token/accessors")["data"]["keys"]) == first + 1

    def test_kubernetes(self, place: Place, key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
        """The pod's token is read from its file; OpenBao's JWT method stands in for the one of Kubernetes."""
        file = tmp_path / "token"
        file.write_text(self.identity(key) + "\n", "ascii")
        file.chmod(0o644)
        options = {"auth": "kubernetes", "auth_mount": self.jwt_method(place, key), "role": "writer"}
        place.sink(**options, token=None, jwt_file=file).put(ENTRY, Secret(OLD), receipt())

        assert place.fields() == {"API_KEY": OLD}
        with pytest.raises(CredentialsError, match="mount it into the pod"):
            place.sink(**options, token=None, jwt_file=tmp_path / "none").stat([NAME])

    def test_github(self, place: Place, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
        """The job asks GitHub for its identity with the audience of the settings, and OpenBao takes it."""
        answer = respond(200, {"count": 1, "value": self.identity(key)})
        options = {"auth": "github", "auth_mount": self.jwt_method(place, key), "role": "writer"}
        sink = place.sink(**options, token=None, audience="https://vault.acme")
        with pytest.raises(CredentialsError, match="id-token: write"):
            sink.stat([NAME])
        with RawServer((answer,)) as issuer:
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{issuer.url}/id?api-version=2.0")
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
            sink.put(ENTRY, Secret(OLD), receipt())

        assert place.fields() == {"API_KEY": OLD}
        [request] = issuer.requests
        assert request.target == "/id?api-version=2.0&audience=https%3A%2F%2Fvault.acme"
        assert request.headers["authorization"] == f"Bearer {REQUEST_TOKEN}"

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (respond(403, {"message": "no"}), CredentialsError),
            (respond(200, {"value": ""}), SinkError),
            (respond(200, {}), SinkError),
        ],
        ids=["refused", "empty", "missing"],
    )
    def test_github_without_an_identity(
        self, place: Place, monkeypatch: pytest.MonkeyPatch, answer: Answer, error: type[ReconcilerError]
    ) -> None:
        """What GitHub does not give is told."""
        sink = place.sink(auth="github", role="writer", token=None, audience="https://vault.acme")
        with RawServer((answer,)) as issuer:
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{issuer.url}/id")
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
            with pytest.raises(error):
                sink.stat([NAME])

    def test_an_auth_method_that_is_not_there(self, place: Place) -> None:
        """The error says where it was looked for."""
        options = {"auth": "jwt", "role": "writer", "jwt": Secret("x" * 20), "token": None}
        with pytest.raises(CredentialsError, match="POST /v1/auth/nowhere/login"):
            place.sink(**options, auth_mount="nowhere").preflight([ENTRY])

    def test_no_credentials_at_all(self, place: Place) -> None:
        """Settings never lack them; code could."""
        with pytest.raises(CredentialsError, match="set `token`"):
            place.sink(token=None).stat([NAME])


def test_namespaces_are_apart(openbao: OpenBao) -> None:
    """The same mount and path in another namespace is another secret."""
    openbao.ask("POST", "sys/namespaces/team-n")
    inside = Place(server=openbao, mount=openbao.new_mount(namespace="team-n"), namespace="team-n")
    deliver(inside.policy(FULL))

    assert inside.fields() == {"API_KEY": OLD}
    assert inside.sink().stat([NAME]) == {NAME: receipt()}
    with pytest.raises(ReconcilerError):
        inside.sink(namespace=None).preflight([ENTRY])
    inside.close()


def test_a_ca_file_that_is_none_is_an_error(place: Place, tmp_path: Path) -> None:
    """Settings are checked offline, so the file is looked at when the sink is built."""
    (tmp_path / "ca.pem").write_text("none", "utf-8")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(SinkError, match="correct `ca_file`"):
            place.sink(ca_file=tmp_path / name)


def test_closing_keeps_a_token_that_was_given(place: Place) -> None:
    """Only what was fetched here is given back."""
    limited = place.policy(FULL)
    sink = limited.sink()
    sink.stat([NAME])
    sink.close()

    assert limited.sink().stat([NAME]) == {}


class TestVanishing:
    """A secret that is deleted between two looks at it."""

    def test_what_is_gone_has_no_fields(self, place: Place) -> None:
        """It is as if it had never been there."""
        kv = place.sink()._kv

        assert kv.fields("gone", ["value"]) == {}
        assert list(kv.field_names("gone") or ()) == []

    def test_a_time_that_cannot_be_read_is_a_deletion(self) -> None:
        """A version that may be deleted is not in custody."""
        assert _is_past({"deletion_time": "soon"}, NOW)
        assert not _is_past({"deletion_time": ""}, NOW)
