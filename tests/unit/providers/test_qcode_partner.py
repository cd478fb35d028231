"""The QCode partner adapter: what it sends, and what it refuses to believe."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.fields import MICRO
from reconciler.core.identity import Incarnation
from reconciler.core.model import MintRequest, ObservedKey, RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import (
    AnswerError,
    CredentialsError,
    DeferredError,
    HostileAnswerError,
    KeyNotFoundError,
    OutcomeUnknownError,
    ReconcilerError,
    RequestRejectedError,
    SecretLostError,
)
from reconciler.providers.qcode_partner import CAPABILITIES, QCodePartner
from reconciler.sandbox.server import SandboxServer
from tests.unit.providers.clients import TOKEN, client
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.providers.raw_server import Answer

SECRET = "cr_" + "0123456789abcdef" * 4
REQUEST = MintRequest(incarnation=Incarnation(name="client-a"), name="client-a", idempotency_key="k" * 40)
OTHER = MintRequest(incarnation=Incarnation(name="client-b"), name="client-b", idempotency_key="j" * 40)
KEY = ObservedKey(id="k1", name="client-a", spec={})


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the documented API."""
    with SandboxServer() as server:
        yield server


def over(sandbox: SandboxServer, **options: Any) -> QCodePartner:
    """Return the adapter of the sandbox's first account."""
    return QCodePartner(client(sandbox.base_url, token=Secret(sandbox.tokens["one"]), **options))


def made(**changes: Any) -> dict[str, Any]:
    """Return the answer to a create; `...` takes a member away."""
    data = {"id": "k1", "name": "made-by-server", "api_key": SECRET, "warnings": [], **changes}
    return {"ok": True, "data": {name: value for name, value in data.items() if value is not ...}}


def create(*answers: Answer, requests: tuple[MintRequest, ...] = (REQUEST,)) -> Any:
    """Return what the last of some creates leads to."""
    with RawServer(answers) as server:
        provider = QCodePartner(client(server.url))
        try:
            return [provider.create_key(request) for request in requests][-1]
        finally:
            provider.close()


class TestCreate:
    """A key is born."""

    def test_the_body_is_the_floor_and_always_the_same_bytes(self) -> None:
        """A replay that differs in one byte could be refused or mint a second key."""
        with RawServer((respond(200, made()),)) as server:
            provider = QCodePartner(client(server.url))
            provider.create_key(REQUEST)
            provider.create_key(REQUEST)
            provider.close()
        first, second = server.requests
        assert first.body == second.body
        assert first.body == (
            b'{"description":"client-a","daily_cost_limit_usd":1,"total_cost_limit_usd":1,"concurrency_limit":1}'
        )
        assert first.headers["idempotency-key"] == "k" * 40
        assert (first.method, first.target) == ("POST", "/api/v1/reseller/keys")

    @pytest.mark.parametrize(
        "value",
        [
            *(..., None, "", 5, True, [SECRET], "cr_short", "sk-" + "a" * 40, "cr_0123****************cdef"),
            *("cr_0123…0123456789abcdef", "cr_" + "a" * 510, "cr_has blanks in its middle", SECRET + "\n"),
        ],
        ids=range(13),
    )
    def test_an_unusable_secret_is_a_lost_one(self, value: object) -> None:
        """Missing, masked, foreign or too long: the key exists, and its id is told for the clean-up."""
        with pytest.raises(SecretLostError) as caught:
            create(respond(200, made(api_key=value)))
        assert caught.value.key_id == "k1"
        assert "0123" not in str(caught.value)

    @pytest.mark.parametrize("value", [..., None, "", 0, "a b"], ids=range(5))
    def test_an_answer_without_an_id_is_a_lost_key(self, value: object) -> None:
        """It was minted, and only the list can tell which it is."""
        with pytest.raises(SecretLostError) as caught:
            create(respond(200, made(id=value)))
        assert caught.value.key_id is None

    @pytest.mark.parametrize("document", [{"ok": True}, {"ok": True, "data": []}], ids=json.dumps)
    def test_an_answer_without_data_is_a_lost_key(self, document: object) -> None:
        """A yes without content is still a yes."""
        with pytest.raises(SecretLostError):
            create(respond(201, document))

    def test_the_description_of_another_key_is_hostile(self) -> None:
        """Its secret must not reach a sink under our name."""
        with pytest.raises(HostileAnswerError, match="is another one"):
            create(respond(200, made(description="client-b")))

    @pytest.mark.parametrize("description", [[], {}, ["client-a"], 7], ids=str)
    def test_a_description_that_is_no_text_is_not_ours(self, description: object) -> None:
        """It says something, and not our name; the error is a typed one, after a mint above all."""
        with pytest.raises(HostileAnswerError, match="is another one"):
            create(respond(200, made(description=description)))

    def test_the_key_may_stand_inside_the_data(self) -> None:
        """`data.key` is as good as `data`, in the answer to a create too."""
        minted = create(respond(200, {"ok": True, "data": {"key": made()["data"]}}))
        assert (minted.key_id, minted.secret.reveal()) == ("k1", SECRET)

    @pytest.mark.parametrize(
        "masked", ["cr_0123456789abcdef...cdef", "cr_0123456789xxxxxxxxcdef", "cr_" + "X" * 64]
    )
    def test_a_mask_of_dots_or_crosses_is_no_secret(self, masked: str) -> None:
        """Delivered, it would be taken for the plaintext and the key would be lost."""
        with pytest.raises(SecretLostError):
            create(respond(200, made(api_key=masked)))

    def test_a_name_made_by_the_server_is_not_hostile(self) -> None:
        """The vendor builds `name` itself, so it contradicts nothing."""
        assert create(respond(200, made(name="client-b", description="client-a"))).key_id == "k1"

    def test_the_id_of_a_known_key_is_hostile(self) -> None:
        """A create that answers with an existing row of another name is not believed."""
        listed = respond(200, {"ok": True, "data": {"keys": [{"id": "k1", "description": "client-z"}]}})
        detail = respond(200, {"ok": True, "data": {"id": "k1", "description": "client-z"}})
        with RawServer((listed, detail, respond(200, made()))) as server:
            provider = QCodePartner(client(server.url))
            provider.list_keys()
            with pytest.raises(HostileAnswerError):
                provider.create_key(REQUEST)
            provider.close()

    def test_one_secret_for_two_keys_is_hostile(self) -> None:
        """Two clients with one secret could spend each other's money."""
        with pytest.raises(HostileAnswerError, match="the secret of key k1"):
            create(respond(200, made()), respond(200, made(id="k2")), requests=(REQUEST, OTHER))

    def test_a_replay_of_the_same_key_is_welcome(self) -> None:
        """Same id and same secret: that is what the idempotency key is for."""
        again = create(respond(200, made()), requests=(REQUEST, REQUEST))
        assert again.secret.reveal() == SECRET

    def test_warnings_are_shown_without_secrets(self) -> None:
        """They are no failure, and they are foreign text."""
        minted = create(respond(200, made(warnings=["low\x1b[1m balance", {"key": SECRET}, 7])))
        assert minted.warnings == ("low[1m balance", "{'key': 'cr_…'}", "7")
        assert create(respond(200, made(warnings="one"))).warnings == ("one",)
        assert create(respond(200, made(warnings=...))).warnings == ()

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (respond(422, {"detail": "daily_cost_limit_usd must be > 0"}), RequestRejectedError),
            (respond(404, {"detail": "Not Found"}), RequestRejectedError),
            (respond(422, {"detail": "Idempotency-Key was used with another body"}), SecretLostError),
            (respond(409, {"detail": "a request with this key is in progress"}), OutcomeUnknownError),
            (respond(200, {"ok": False, "detail": "?"}), OutcomeUnknownError),
            (respond(403, {"detail": "suspended"}), CredentialsError),
            (respond(429, b"", {"Retry-After": "3000"}), DeferredError),
        ],
        ids=range(7),
    )
    def test_refusals(self, answer: Answer, kind: type[Exception]) -> None:
        """Each answer that is no key has the error that says what is known."""
        with pytest.raises(kind):
            create(answer)

    def test_a_refused_create_says_what_it_asked_for(self) -> None:
        """It is not the declared limits that were refused, so correcting those would not help."""
        answer = respond(422, {"detail": "daily_cost_limit_usd must be at least 5"})
        with pytest.raises(RequestRejectedError, match=r"at least 5.*1 USD a day, 1 USD in total"):
            create(answer)

    @pytest.mark.parametrize(
        ("listed", "detail", "kind"),
        [
            ("client-a", "description already in use", SecretLostError),
            ("client-a", "daily_cost_limit_usd must be at least 5", RequestRejectedError),
            ("client-b", "description already in use", RequestRejectedError),
        ],
    )
    def test_a_name_that_is_taken_by_our_own_key(
        self, listed: str, detail: str, kind: type[Exception]
    ) -> None:
        """A server that forgot the create and wants unique names will never tell the secret."""
        listing = respond(200, {"ok": True, "data": {"keys": [{"id": "k9", "description": listed}]}})
        with RawServer((listing, respond(404, {"detail": "?"}), respond(422, {"detail": detail}))) as server:
            provider = QCodePartner(client(server.url))
            provider.list_keys()
            with pytest.raises(kind) as caught:
                provider.create_key(REQUEST)
            provider.close()
        assert getattr(caught.value, "key_id", None) == ("k9" if kind is SecretLostError else None)

    def test_no_secret_is_in_an_error_or_a_log(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither token nor key, with every logger at DEBUG."""
        caplog.set_level(logging.DEBUG)
        texts = []
        for answer in (
            respond(200, made(description="other")),
            respond(422, {"detail": f"{TOKEN} {SECRET}"}),
            respond(200, json.dumps(made()).encode() + b"x"),
            respond(500, made()),
        ):
            with pytest.raises(ReconcilerError) as caught:
                create(answer)
            texts += ["".join(traceback.format_exception(caught.value)), repr(vars(caught.value))]
        everything = caplog.text + "".join(texts)
        assert TOKEN not in everything
        assert SECRET not in everything
        assert SECRET[3:12] not in everything


class TestChange:
    """Limits and state."""

    def sent(self, changes: dict[str, Any]) -> str:
        """Return the body of the PATCH for some changes."""
        with RawServer((respond(200, {"ok": True, "data": {}}),)) as server:
            provider = QCodePartner(client(server.url))
            provider.update_key(KEY, changes)
            provider.close()
        assert (server.requests[0].method, server.requests[0].target) == ("PATCH", "/api/v1/reseller/keys/k1")
        return server.requests[0].body.decode()

    def test_only_what_changed_is_sent(self) -> None:
        """Amounts are exact decimals, in a fixed order."""
        assert self.sent({"limits.total_usd": 333_333}) == '{"total_cost_limit_usd":0.333333}'
        assert self.sent({"limits.concurrency": 4, "limits.daily_usd": 9_007_199_254_740_000_001}) == (
            '{"daily_cost_limit_usd":9007199254740.000001,"concurrency_limit":4}'
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"limits.daily_usd": 0},
            {"limits.daily_usd": -1},
            {"limits.daily_usd": "unlimited"},
            {"limits.concurrency": True},
            {"enabled": False},
            {"expires": "never"},
        ],
        ids=json.dumps,
    )
    def test_what_the_api_does_not_know_is_not_sent(self, changes: dict[str, Any]) -> None:
        """A zero might mean "no limit at all" to the server."""
        with RawServer((respond(200),)) as server:
            provider = QCodePartner(client(server.url))
            with pytest.raises(RequestRejectedError):
                provider.update_key(KEY, changes)
            provider.update_key(KEY, {})
            provider.close()
        assert server.connections == 0

    def test_an_id_cannot_lead_to_another_path(self) -> None:
        """It is one segment, whatever it holds; what cannot be one is refused."""
        with RawServer((respond(200, {"ok": True, "data": {}}),)) as server:
            provider = QCodePartner(client(server.url))
            provider.set_enabled(ObservedKey(id="a/../me?x=#y", name="n", spec={}), enabled=False)
            with pytest.raises(AnswerError):
                provider.set_enabled(ObservedKey(id="..", name="n", spec={}), enabled=False)
            provider.close()
        assert [request.target for request in server.requests] == [
            "/api/v1/reseller/keys/a%2F..%2Fme%3Fx%3D%23y/disable"
        ]


class TestList:
    """The actual state."""

    def test_a_list_without_descriptions_is_completed_by_details(self, sandbox: SandboxServer) -> None:
        """One request a row, for up to fifty rows."""
        sandbox.operator.set_switches(list_description=False, list_limits=False)
        sandbox.operator.no_limits()
        for number in range(3):
            sandbox.operator.create_key("one", description=f"client-{number}", daily_usd=5, total_usd=9)
        provider = over(sandbox)
        listing = provider.list_keys()
        provider.close()
        assert {key.name for key in listing.keys} == {"client-0", "client-1", "client-2"}
        assert {key.spec["limits.daily_usd"] for key in listing.keys} == {5 * MICRO}
        assert (listing.creates_refused, listing.warnings) == (None, ())

    def test_more_rows_than_details_leave_things_unknown(self, sandbox: SandboxServer) -> None:
        """Fifty-one rows are not asked one by one: limits stay unknown, and nothing may be minted."""
        sandbox.operator.set_switches(list_description=False, list_limits=False)
        sandbox.operator.create_keys(
            [{"account": "one", "description": f"c{n}", "daily_usd": 5, "total_usd": 9} for n in range(51)]
        )
        provider = over(sandbox)
        listing = provider.list_keys()
        provider.close()
        assert len(listing.keys) == 51
        assert listing.creates_refused is not None
        assert listing.warnings == (
            "51 of 51 keys do not show all their limits, or whether they are on; not shown is not compared",
        )
        assert len(sandbox.operator.requests()) == 1
        assert listing.abridged == {key.id for key in listing.keys}

    def test_a_spent_budget_leaves_things_unknown(self, sandbox: SandboxServer) -> None:
        """Details are a courtesy: without requests left for them, the list stands as it is."""
        sandbox.operator.set_switches(list_description=False)
        sandbox.operator.create_key("one", description="client-a", daily_usd=5, total_usd=9)
        provider = over(sandbox, limits=RateLimits(requests_per_day=1))
        listing = provider.list_keys()
        provider.close()
        assert len(listing.keys) == 1
        assert listing.creates_refused is not None

    def test_a_server_that_hides_descriptions_gets_no_new_keys(self, sandbox: SandboxServer) -> None:
        """A key that could not be recognised later would be minted again and again."""
        sandbox.operator.set_switches(list_description=False, detail_description=False)
        provider = over(sandbox)
        assert provider.list_keys().creates_refused is None
        made = sandbox.operator.create_key("one", description="client-a", daily_usd=5, total_usd=9)
        listing = provider.list_keys()
        provider.close()
        assert listing.creates_refused is not None
        assert "`adopt`" in listing.creates_refused
        assert [key.name for key in listing.keys] == [made["name"]]

    def test_a_detail_without_a_description_keeps_the_name_from_the_list(
        self, sandbox: SandboxServer
    ) -> None:
        """A description can never change, so what was read before still holds."""
        sandbox.operator.set_switches(detail_description=False)
        provider = over(sandbox)
        minted = provider.create_key(REQUEST)
        assert minted.key_id is not None
        assert provider.get_key(minted.key_id).name == "client-a"
        provider.close()
        again = over(sandbox)
        again.list_keys()
        assert again.get_key(minted.key_id).name == "client-a"
        again.close()

    def test_a_new_key_that_cannot_be_recognised_does_not_bear_its_name(self, sandbox: SandboxServer) -> None:
        """The first create on a server that hides descriptions must show that they are hidden."""
        sandbox.operator.set_switches(list_description=False, detail_description=False)
        provider = over(sandbox)
        minted = provider.create_key(REQUEST)
        for _ in range(2):
            assert provider.get_key(minted.key_id or "").name != "client-a"
        provider.close()
        assert [logged.path for logged in sandbox.operator.requests()].count("/api/v1/reseller/keys") == 2

    def test_a_row_that_vanishes_while_details_are_read_stays_as_listed(self) -> None:
        """Its absence is for the next run to see."""
        listed = respond(200, {"ok": True, "data": [{"id": "k1", "name": "n", "is_active": True}]})
        with RawServer((listed, respond(404, {"detail": "gone"}))) as server:
            provider = QCodePartner(client(server.url))
            (key,) = provider.list_keys().keys
            provider.close()
        assert (key.id, key.name, dict(key.spec)) == ("k1", "n", {"enabled": True})

    @pytest.mark.parametrize("status", [404, 405])
    def test_without_a_detail_route_the_list_answers(self, status: int) -> None:
        """A write is read back wherever the key is shown, and the missing route is asked for once."""
        missing = respond(status, {"detail": "Not Found"})
        row = {
            "id": "k1",
            "description": "client-a",
            "is_active": True,
            "daily_cost_limit_usd": 5,
            "total_cost_limit_usd": 50,
            "concurrency_limit": 3,
        }
        listed = respond(200, {"ok": True, "data": {"keys": [row]}})
        with RawServer((missing, listed, listed)) as server:
            provider = QCodePartner(client(server.url))
            assert [provider.get_key("k1").name for _ in range(2)] == ["client-a"] * 2
            provider.close()
        assert [request.target for request in server.requests] == [
            "/api/v1/reseller/keys/k1",
            "/api/v1/reseller/keys",
            "/api/v1/reseller/keys",
        ]

    def test_a_key_that_neither_detail_nor_list_shows_is_not_found(self) -> None:
        """The list is no excuse for a key that is gone."""
        missing = respond(404, {"detail": "Not Found"})
        empty = respond(200, {"ok": True, "data": {"keys": []}})
        with RawServer((missing, empty)) as server:
            provider = QCodePartner(client(server.url))
            with pytest.raises(KeyNotFoundError):
                provider.get_key("k1")
            provider.close()

    def test_a_detail_of_another_key_is_an_error(self) -> None:
        """What was asked for must be what is answered."""
        with RawServer((respond(200, {"ok": True, "data": {"id": "k2"}}),)) as server:
            provider = QCodePartner(client(server.url))
            with pytest.raises(AnswerError, match="answered with another key"):
                provider.get_key("k1")
            provider.close()

    def test_a_detail_may_be_wrapped(self) -> None:
        """`data.key` is as good as `data`."""
        with RawServer(
            (respond(200, {"ok": True, "data": {"key": {"id": "k1", "name": "n", "description": None}}}),)
        ) as server:
            provider = QCodePartner(client(server.url))
            assert provider.get_key("k1").name == "n"
            provider.close()

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (respond(404, {"detail": "Not Found"}), AnswerError),
            (respond(200, {"ok": True, "data": {"entries": []}}), AnswerError),
            (respond(200, {"ok": False}), AnswerError),
            (respond(401, {"detail": "no"}), CredentialsError),
            (respond(403, {"detail": "no"}), CredentialsError),
        ],
        ids=range(5),
    )
    def test_no_answer_but_a_list_means_no_keys(self, answer: Answer, kind: type[Exception]) -> None:
        """An error is never taken for an empty account."""
        with RawServer((answer,)) as server:
            provider = QCodePartner(client(server.url))
            with pytest.raises(kind):
                provider.list_keys()
            provider.close()

    def test_an_unknown_id_stays_not_found(self) -> None:
        """For one key a 404 is an answer."""
        with RawServer((respond(404, {"detail": "no"}),)) as server:
            provider = QCodePartner(client(server.url))
            with pytest.raises(KeyNotFoundError):
                provider.get_key("k1")
            provider.close()

    def test_ages_come_from_the_provider_s_clock(self, sandbox: SandboxServer) -> None:
        """The machine's clock says another year, and the age is still two hours."""
        sandbox.operator.set_clock(1_900_000_000, frozen=True)
        sandbox.operator.create_key("one", description="client-a", daily_usd=5, total_usd=9)
        sandbox.operator.advance(7200)
        provider = over(sandbox)
        (key,) = provider.list_keys().keys
        provider.close()
        assert key.age == timedelta(hours=2)


class TestLimits:
    """The vendor's budgets, against the vendor's own counting."""

    def test_the_sixth_create_of_an_hour_is_deferred_by_ourselves(self, sandbox: SandboxServer) -> None:
        """The server never has to say 429."""
        provider = over(sandbox, limits=CAPABILITIES.rate_limits)
        for number in range(5):
            name = f"client-{number}"
            provider.create_key(
                MintRequest(
                    incarnation=Incarnation(name=name), name=name, idempotency_key=name.ljust(40, "-")
                )
            )
        with pytest.raises(DeferredError, match="5 creates per hour"):
            provider.create_key(REQUEST)
        provider.close()
        assert all(logged.status == 200 for logged in sandbox.operator.requests())

    def test_a_budget_spent_by_another_run_is_deferred_with_the_time(self, sandbox: SandboxServer) -> None:
        """A new process knows nothing of the last one; the server's 429 tells."""
        sandbox.operator.set_limit("creates", 1, 3600)
        first, second = over(sandbox), over(sandbox)
        first.create_key(REQUEST)
        with pytest.raises(DeferredError) as caught:
            second.create_key(OTHER)
        first.close()
        second.close()
        assert caught.value.until is not None


def test_the_account_tells_its_facts(sandbox: SandboxServer) -> None:
    """Summary, balance and the daily series, each amount with its unit."""
    provider = over(sandbox)
    facts = {fact.name: fact for fact in provider.account_facts()}
    assert facts["currency"].value == "CNY"
    assert facts["balance"].unit == "CNY"
    assert len(provider.usage(7)) >= 7
    provider.close()


def test_the_capabilities_are_the_documented_ones() -> None:
    """What the vendor page promises, as data that offline commands read."""
    assert CAPABILITIES.rate_limits == RateLimits(
        requests_per_minute=60, requests_per_day=1000, creates_per_hour=5
    )
    assert CAPABILITIES.floor == {
        "limits.daily_usd": MICRO,
        "limits.total_usd": MICRO,
        "limits.concurrency": 1,
    }
    assert CAPABILITIES.clearable == frozenset()
    assert (CAPABILITIES.reveals, CAPABILITIES.deletes, CAPABILITIES.renames) == (False, False, False)


def test_reading_the_capabilities_loads_no_http_library() -> None:
    """`validate` is offline and starts fast."""
    program = (
        "import sys, reconciler.providers.registry as r\n"
        "assert r.PROVIDERS['qcode-partner'].capabilities.toggles\n"
        "print([n for n in ('httpx', 'httpcore', 'ssl', 'certifi', 'deepdiff') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
