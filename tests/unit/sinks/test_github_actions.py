"""The `github-actions` sink against a service that opens the sealed boxes and has GitHub's rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    DeferredError,
    ReconcilerError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.ports.sink import Entry
from reconciler.sinks import github_actions
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.stores.github import (
    APP_ID,
    INSTALLATION,
    READER,
    WORKFLOW,
    WRITER,
    Reply,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.stores.github import GithubFake, Request

OLD, NEW = "sk-old-i3FSJb2w7vQZXdtbBtS4", "sk-new-v8U3SItlSkcI51GxlBNg"
EXPIRED = "github_pat_Iunq2xmHRN0WwJnuGTXM"
ORIGIN = "https://api.example"
NAME = "CLIENT_A_KEY"
ENTRY = Entry(name=NAME, address="reseller/client-a", origin=ORIGIN)
REPOSITORY = {"repository": "acme/app"}
ENVIRONMENT = {"repository": "acme/app", "environment": "production eu"}
ORGANIZATION = {"organization": "acme", "visibility": "private"}
BASES = {
    "repository": ("/repos/acme/app/actions", REPOSITORY),
    "environment": ("/repos/acme/app/environments/production eu", ENVIRONMENT),
    "organization": ("/orgs/acme/actions", ORGANIZATION),
}


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
    """A scope of the service, and how to make the sink that writes into it."""

    fake: GithubFake = field(repr=False)
    base: str
    options: dict[str, object]
    clock: FakeClock = field(default_factory=FakeClock)
    opened: list[github_actions.GithubActionsSink] = field(default_factory=list)

    def sink(self, **options: object) -> github_actions.GithubActionsSink:
        """Return the sink as the next run would make it."""
        usual: dict[str, object] = {"token": Secret(WRITER), "base_url": self.fake.url, "clock": self.clock}
        self.opened.append(github_actions.build(usual | self.options | options))
        return self.opened[-1]

    @property
    def secrets(self) -> str:
        """The path of the secrets."""
        return f"{self.base}/secrets"

    @property
    def variables(self) -> str:
        """The path of the variables."""
        return f"{self.base}/variables"

    def value(self, name: str = NAME) -> str | None:
        """Return what a job would be given."""
        row = self.fake.rows(self.secrets).get(name)
        return row.value if row else None


@pytest.fixture
def fake() -> Iterator[GithubFake]:
    """The service."""
    with running() as server:
        yield server


@pytest.fixture(params=BASES)
def place(fake: GithubFake, request: pytest.FixtureRequest) -> Iterator[Place]:
    """Every scope that there is."""
    base, options = BASES[str(request.param)]
    found = Place(fake=fake, base=base, options=dict(options))
    yield found
    for sink in found.opened:
        sink.close()


@pytest.fixture
def app(fake: GithubFake) -> Iterator[Place]:
    """A repository."""
    found = Place(fake=fake, base=BASES["repository"][0], options=dict(REPOSITORY))
    yield found
    for sink in found.opened:
        sink.close()


def deliver(place: Place, secret: str = OLD, generation: int = 1, entry: Entry = ENTRY) -> None:
    """Preflight, put and verify, each in a run of its own."""
    place.sink().preflight([entry])
    arguments = (entry, Secret(secret), receipt(generation, address=entry.address))
    place.sink().put(*arguments)
    place.sink().verify(*arguments)


def on(method: str, ending: str, *replies: Reply) -> Callable[[Request], Reply | None]:
    """Return a fault for the first requests of a kind: one of the replies each."""
    left = list(replies)

    def fault(request: Request) -> Reply | None:
        matches = request.method == method and request.path.endswith(ending)
        return left.pop(0) if matches and left else None

    return fault


class TestEveryScope:
    """Repository, environment and organisation alike."""

    def test_a_secret_is_sealed_for_the_scope(self, place: Place) -> None:
        """Only who has the private key reads it, and it is nowhere in the requests."""
        deliver(place)

        assert place.value() == OLD
        assert leaked(repr([(request.path, request.body) for request in place.fake.requests]), OLD) == []
        assert place.sink().stat([NAME, "OTHER"]) == {NAME: receipt()}

    def test_a_preflight_leaves_no_trace(self, place: Place) -> None:
        """Nothing is stored by asking whether it could be."""
        place.sink().preflight([ENTRY])

        assert place.fake.rows(place.secrets) == {}
        assert place.fake.rows(place.variables) == {}

    def test_putting_the_same_again_writes_nothing(self, place: Place) -> None:
        """A repeated delivery is none."""
        deliver(place)
        written = place.fake.rows(place.secrets)[NAME].updated_at
        before = len(place.fake.requests)
        place.sink().put(ENTRY, Secret(OLD), receipt())

        assert place.fake.rows(place.secrets)[NAME].updated_at == written
        assert {request.method for request in place.fake.requests[before:]} == {"GET"}

    def test_a_rotation_replaces_value_and_receipt(self, place: Place) -> None:
        """Only the last delivery is in custody."""
        deliver(place)
        deliver(place, NEW, 2)

        assert place.value() == NEW
        assert place.sink().stat([NAME]) == {NAME: receipt(2)}

    def test_a_token_that_only_reads_is_refused(self, place: Place) -> None:
        """Before anything is minted, with the permission that is missing."""
        with pytest.raises(CredentialsError, match="write") as caught:
            place.sink(token=Secret(READER)).preflight([ENTRY])

        assert caught.value.exit_code == 9
        assert "GitHub asks for" in str(caught.value)
        assert leaked(shown(caught.value), READER) == []
        assert place.sink(token=Secret(READER)).stat([NAME]) == {}

    def test_the_token_of_the_workflow_is_explained(self, place: Place) -> None:
        """It never may, whatever the workflow says; GitHub's own answer does not tell."""
        with pytest.raises(CredentialsError, match="GITHUB_TOKEN of a workflow never has that"):
            place.sink(token=Secret(WORKFLOW)).preflight([ENTRY])

    def test_an_expired_token_is_refused_everywhere(self, place: Place) -> None:
        """And it is in no message."""
        sink = place.sink(token=Secret(EXPIRED))
        for call in (
            lambda: sink.stat([NAME]),
            lambda: sink.preflight([ENTRY]),
            lambda: sink.put(ENTRY, Secret(OLD), receipt()),
        ):
            with pytest.raises(CredentialsError, match="expired") as caught:
                call()
            assert leaked(shown(caught.value), EXPIRED, OLD) == []
        with pytest.raises(SinkUnverifiedError, match="expired"):
            sink.verify(ENTRY, Secret(OLD), receipt())

    def test_a_scope_that_is_full_is_refused(self, place: Place) -> None:
        """GitHub's limits are known before anything is minted; what is there already may be replaced."""
        most = 1000 if "orgs" in place.base else 100
        for number in range(most - 1):
            place.fake.write(place.secrets, f"OTHER_{number}", "x")
        deliver(place)
        deliver(place, NEW, 2)

        with pytest.raises(SinkRefusedError, match=f"more than {most} secrets"):
            place.sink().preflight([ENTRY, replace(ENTRY, name="ONE_MORE")])

    def test_receipts_are_found_on_every_page(self, place: Place) -> None:
        """A page has thirty variables, and there may be more."""
        names = [f"KEY_{number}" for number in range(35)]
        sink = place.sink()
        for name in names:
            sink.put(replace(ENTRY, name=name), Secret(OLD), receipt())

        before = len(place.fake.requests)
        assert set(sink.stat(names)) == set(names)
        assert len(place.fake.requests) - before == 3


class TestNames:
    """What GitHub calls a name."""

    @pytest.mark.parametrize(
        "name", ["client_key", "1_KEY", "GITHUB_KEY", "A-B", "A.B", "", "Ä", "a/b#C", "X" * 202]
    )
    def test_names_that_github_does_not_take_are_refused(self, app: Place, name: str) -> None:
        """Before anything is asked."""
        with pytest.raises(SinkRefusedError, match="another `name`"):
            app.sink().preflight([replace(ENTRY, name=name)])
        with pytest.raises(SinkError, match="another `name`"):
            app.sink().put(replace(ENTRY, name=name), Secret(OLD), receipt())
        assert app.fake.requests == []

    def test_a_repository_that_is_not_there(self, app: Place) -> None:
        """GitHub does not tell it from one that the token must not see."""
        sink = app.sink(repository="acme/none")
        with pytest.raises(SinkRefusedError, match="no repository acme/none, or the token cannot see it"):
            sink.preflight([ENTRY])
        with pytest.raises(SinkError, match="cannot see it"):
            sink.stat([NAME])

    def test_an_environment_that_is_not_there(self, app: Place) -> None:
        """Environments have to be made first."""
        with pytest.raises(SinkRefusedError, match="no environment staging of acme/app"):
            app.sink(environment="staging").preflight([ENTRY])

    @pytest.mark.parametrize("value", ["", "sk-\udcff", "x" * (48 * 1024 + 1), "ä" * (24 * 1024 + 1)])
    def test_a_value_that_github_does_not_take_is_refused(self, app: Place, value: str) -> None:
        """Before anything is written."""
        with pytest.raises(SinkError):
            app.sink().put(ENTRY, Secret(value), receipt())
        assert app.fake.requests == []

    def test_the_longest_value_is_taken(self, app: Place) -> None:
        """48 KB, counted in bytes."""
        deliver(app, "ä" * (24 * 1024))

        assert app.value() == "ä" * (24 * 1024)


class TestOwnership:
    """What somebody else wrote is not overwritten."""

    def test_a_secret_of_somebody_else(self, app: Place) -> None:
        """It has no receipt."""
        app.fake.write(app.secrets, NAME, "theirs")

        with pytest.raises(SinkRefusedError, match="did not write"):
            app.sink().preflight([ENTRY])
        with pytest.raises(SinkRefusedError, match="takeover"):
            app.sink().put(ENTRY, Secret(NEW), receipt())
        assert app.value() == "theirs"
        deliver(app, entry=replace(ENTRY, takeover=True))
        assert app.value() == OLD

    def test_a_variable_of_somebody_else(self, app: Place) -> None:
        """It has the name that the receipt would have."""
        app.fake.write(app.variables, f"{NAME}_RECEIPT", "theirs")

        with pytest.raises(SinkRefusedError, match=f"{NAME}_RECEIPT holds no receipt"):
            app.sink().preflight([ENTRY])
        with pytest.raises(SinkRefusedError, match="takeover"):
            app.sink().put(ENTRY, Secret(OLD), receipt())
        assert app.fake.rows(app.variables)[f"{NAME}_RECEIPT"].value == "theirs"
        assert app.sink().stat([NAME]) == {}
        deliver(app, entry=replace(ENTRY, takeover=True))

    def test_a_secret_of_another_key(self, app: Place) -> None:
        """Two keys never take turns in one entry."""
        deliver(app)
        other = replace(ENTRY, address="reseller/client-b")

        with pytest.raises(SinkRefusedError, match="reseller/client-a"):
            app.sink().preflight([other])
        with pytest.raises(SinkRefusedError, match="reseller/client-a"):
            app.sink().put(other, Secret(NEW), receipt(2, address=other.address))
        assert app.value() == OLD

    def test_a_secret_written_by_hand_is_not_in_custody(self, app: Place) -> None:
        """GitHub tells when it was written; delivering again mends it."""
        deliver(app)
        app.fake.write(app.secrets, NAME, "by hand")

        assert app.sink().stat([NAME]) == {}
        with pytest.raises(SinkUnverifiedError, match="written since"):
            app.sink().verify(ENTRY, Secret(OLD), receipt())
        deliver(app)
        assert app.value() == OLD

    def test_a_secret_that_was_removed_is_not_in_custody(self, app: Place) -> None:
        """The receipt alone is nothing."""
        deliver(app)
        del app.fake.rows(app.secrets)[NAME]

        assert app.sink().stat([NAME]) == {}
        deliver(app)
        assert app.value() == OLD

    def test_a_damaged_receipt_is_an_error(self, app: Place) -> None:
        """It is never taken for none."""
        deliver(app)
        app.fake.rows(app.variables)[f"{NAME}_RECEIPT"].value = '{"delivered": '

        with pytest.raises(SinkError, match="holds no receipt"):
            app.sink().stat([NAME])
        with pytest.raises(SinkRefusedError, match="holds no receipt"):
            app.sink().preflight([ENTRY])


class TestOrganization:
    """Who sees what is written."""

    def test_selected_repositories_are_looked_up(self, fake: GithubFake) -> None:
        """The API wants numbers, people write names; the receipt has the same audience."""
        place = Place(fake=fake, base="/orgs/acme/actions", options=dict(ORGANIZATION))
        sink = place.sink(visibility="selected", selected_repositories=("app", "web"))
        sink.put(ENTRY, Secret(OLD), receipt())
        sink.close()

        ids = [sum(f"/repos/acme/{name}".encode()) for name in ("app", "web")]
        expected = {"visibility": "selected", "selected_repository_ids": ids}
        assert fake.rows(place.secrets)[NAME].audience == expected
        assert fake.rows(place.variables)[f"{NAME}_RECEIPT"].audience == expected

    def test_private_is_what_private_repositories_see(self, fake: GithubFake) -> None:
        """No numbers are sent then."""
        place = Place(fake=fake, base="/orgs/acme/actions", options=dict(ORGANIZATION))
        sink = place.sink()
        sink.put(ENTRY, Secret(OLD), receipt())
        sink.close()

        assert fake.rows(place.secrets)[NAME].audience == {"visibility": "private"}


class TestTransfers:
    """Answers that are lost, late or strange."""

    def test_the_public_key_changed(self, app: Place) -> None:
        """What was sealed with the key before is sealed again."""
        sink = app.sink()
        sink.put(ENTRY, Secret(OLD), receipt())
        app.fake.change_key()
        sink.put(ENTRY, Secret(NEW), receipt(2))

        assert app.value() == NEW

    @pytest.mark.parametrize("status", [500, 502, 0])
    @pytest.mark.parametrize(
        ("method", "ending"), [("PUT", f"/{NAME}"), ("POST", "/variables"), ("PATCH", "_RECEIPT")]
    )
    def test_a_lost_answer_makes_no_difference(
        self, app: Place, method: str, ending: str, status: int
    ) -> None:
        """Everything that a put sends may be sent again, after a pause."""
        app.fake.after = on(method, ending, Reply(status=status, cut=not status))
        deliver(app)

        assert app.value() == OLD
        assert app.sink().stat([NAME]) == {NAME: receipt()}
        assert app.clock.slept == [0.5]

    @pytest.mark.parametrize(
        ("method", "ending", "error", "stored"),
        [
            ("GET", f"/{NAME}", SinkError, False),
            ("POST", "/variables", SinkError, False),
            ("GET", "/public-key", SinkError, False),
            ("PUT", f"/{NAME}", SinkUnverifiedError, True),
            ("PATCH", "_RECEIPT", SinkError, False),
        ],
    )
    def test_a_service_that_dies_during_a_put(
        self, app: Place, method: str, ending: str, error: type[SinkError], *, stored: bool
    ) -> None:
        """The error tells whether the secret may be there; the next run finishes."""
        app.fake.after = on(method, ending, *[Reply(status=500)] * 9)
        with pytest.raises(SinkError) as caught:
            app.sink().put(ENTRY, Secret(OLD), receipt())
        assert type(caught.value) is error
        assert leaked(shown(caught.value), OLD, WRITER) == []
        assert app.value() == (OLD if stored else None)
        app.fake.after = lambda _: None
        assert app.sink().stat([NAME]) == {}

        deliver(app)
        assert app.sink().stat([NAME]) == {NAME: receipt()}

    def test_a_receipt_that_cannot_be_completed(self, app: Place) -> None:
        """The secret is there and is not counted; the next run finishes."""
        seen: list[str] = []

        def fault(request: Request) -> Reply | None:
            seen.append(request.method)
            return Reply(status=403) if request.method == "PATCH" and "PUT" in seen else None

        app.fake.before = fault
        with pytest.raises(SinkUnverifiedError, match="Variables: write"):
            app.sink().put(ENTRY, Secret(OLD), receipt())
        app.fake.before = lambda _: None

        assert (app.value(), app.sink().stat([NAME])) == (OLD, {})
        deliver(app)

    def test_a_refusal_while_writing(self, app: Place) -> None:
        """A token that lost its rights since the preflight: nothing was stored, and the exit code is 9."""
        app.fake.before = on("PUT", f"/{NAME}", Reply(status=403))
        with pytest.raises(CredentialsError):
            app.sink().put(ENTRY, Secret(OLD), receipt())

        assert app.value() is None
        assert app.sink().stat([NAME]) == {}

    def test_an_answer_is_never_shown(self, app: Place) -> None:
        """GitHub's own words may hold what was sent."""
        app.fake.before = on("PUT", f"/{NAME}", *[Reply(status=422, body={"message": OLD})] * 2)
        with pytest.raises(SinkError, match="HTTP 422") as caught:
            app.sink().put(ENTRY, Secret(OLD), receipt())

        assert leaked(shown(caught.value), OLD, WRITER) == []

    @pytest.mark.parametrize(
        ("status", "headers", "seconds"),
        [
            (429, {"Retry-After": "7"}, 7.0),
            (403, {"Retry-After": "7"}, 7.0),
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795176030"}, 30.0),
        ],
    )
    def test_a_rate_limit_is_waited_for(
        self, app: Place, status: int, headers: dict[str, str], seconds: float
    ) -> None:
        """GitHub answers 403 to who is too fast, which is no missing permission."""
        app.fake.before = on("PUT", f"/{NAME}", Reply(status=status, headers=headers))
        deliver(app)

        assert app.clock.slept == [seconds]
        assert app.value() == OLD

    def test_a_long_rate_limit_is_not(self, app: Place) -> None:
        """The run ends and says when to come back."""
        app.fake.before = on("GET", "/public-key", Reply(status=429, headers={"Retry-After": "3600"}))
        with pytest.raises(DeferredError, match="run again after 2026-11-20T13:00:00Z"):
            app.sink().preflight([ENTRY])

    @pytest.mark.parametrize(
        "body", [{"key": "short", "key_id": "1"}, {"key_id": "1"}, [], "text", {"key": 5}], ids=str
    )
    def test_a_key_that_is_none(self, app: Place, body: object) -> None:
        """An address that is not GitHub's API is told, and nothing is sent there."""
        app.fake.before = on("GET", "/public-key", Reply(body=body))
        with pytest.raises(SinkError, match="API"):
            app.sink().put(ENTRY, Secret(OLD), receipt())
        assert app.value() is None


class TestApp:
    """A GitHub App gets its tokens itself."""

    @staticmethod
    def options(fake: GithubFake, **changes: object) -> dict[str, object]:
        """Return what the settings say."""
        usual: dict[str, object] = {
            "token": None,
            "app_id": APP_ID,
            "installation_id": INSTALLATION,
            "private_key": Secret(fake.app_pem),
        }
        return usual | changes

    def test_it_gets_a_token_for_just_this(self, place: Place) -> None:
        """No more permissions and repositories than needed, and one token for the whole run."""
        sink = place.sink(**self.options(place.fake))
        sink.preflight([ENTRY])
        sink.put(ENTRY, Secret(OLD), receipt())

        asked = [request.body for request in place.fake.requests if request.path.startswith("/app/")]
        assert place.value() == OLD
        assert len(asked) == 1
        expected = {
            "/repos/acme/app/actions": {"secrets": "write", "actions_variables": "write"},
            "/repos/acme/app/environments/production eu": {"environments": "write"},
            "/orgs/acme/actions": {
                "organization_secrets": "write",
                "organization_actions_variables": "write",
            },
        }
        assert asked[0]["permissions"] == expected[place.base]
        assert asked[0].get("repositories") == (None if "orgs" in place.base else ["app"])

    def test_it_gets_the_next_token_before_the_end(self, app: Place) -> None:
        """A run that takes longer than an hour goes on."""
        sink = app.sink(**self.options(app.fake))
        sink.stat([NAME])
        app.clock.advance(timedelta(minutes=59).total_seconds())
        sink.stat([NAME])

        assert sum(request.path.startswith("/app/") for request in app.fake.requests) == 2

    def test_a_permission_that_was_not_granted(self, app: Place) -> None:
        """The error names what the App has to be granted."""
        app.fake.granted["actions_variables"] = "read"
        with pytest.raises(CredentialsError, match="actions_variables: write, secrets: write") as caught:
            app.sink(**self.options(app.fake)).preflight([ENTRY])
        assert caught.value.exit_code == 9

    @pytest.mark.parametrize("wrong", [{"app_id": "1"}, {"installation_id": "1"}])
    def test_another_app_or_installation(self, app: Place, wrong: dict[str, object]) -> None:
        """GitHub refuses both."""
        with pytest.raises(CredentialsError, match="check app_id, installation_id and private_key"):
            app.sink(**self.options(app.fake, **wrong)).preflight([ENTRY])

    @pytest.mark.parametrize("key", ["no key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END"])
    def test_a_key_that_is_none(self, app: Place, key: str) -> None:
        """The error has nothing of it."""
        with pytest.raises(CredentialsError, match="no RSA private key in PEM") as caught:
            app.sink(**self.options(app.fake, private_key=Secret(key))).preflight([ENTRY])
        assert app.fake.requests == []
        assert caught.value.__cause__ is None

    def test_an_answer_without_a_token(self, app: Place) -> None:
        """An address that is not GitHub's API is told."""
        for body in ({"token": "x", "expires_at": "soon"}, {"token": "x"}, {}):
            app.fake.before = on("POST", "/access_tokens", Reply(status=201, body=body))
            with pytest.raises(ReconcilerError, match="GitHub's API"):
                app.sink(**self.options(app.fake)).stat([NAME])
