"""The New API adapter: which requests it sends, and what it makes of the answers."""

from __future__ import annotations

import http.client
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.fields import ENABLED
from reconciler.errors import (
    AnswerError,
    CredentialsError,
    DeferredError,
    HostileAnswerError,
    KeyNotFoundError,
    OutcomeUnknownError,
    ProviderUnavailableError,
    ReconcilerError,
    RequestRejectedError,
)
from reconciler.sandbox.server import SandboxServer
from tests.clocks import FakeClock
from tests.unit.providers.new_api_server import (
    KEPT,
    KEY,
    OBSERVED,
    PAT,
    REQUEST,
    adapter,
    asked,
    no,
    page,
    row,
    sent,
    yes,
)
from tests.unit.providers.raw_server import RawServer, reset, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.core.fields import Spec
    from reconciler.core.model import Minted
    from reconciler.providers.new_api import NewApi
    from tests.unit.providers.raw_server import Answer, Received

USD, UNITS = "limits.total_usd", "limits.total_units"
DOLLAR: dict[str, Any] = {"options": {"quota_per_unit": 500_000}}
STATUS = yes({"quota_per_unit": 500_000})


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """Serve the sandbox for the whole module; each test starts it afresh."""
    with SandboxServer() as found:
        yield found


@pytest.fixture
def sandbox(server: SandboxServer) -> SandboxServer:
    """Return a sandbox without a trace of other tests."""
    server.operator.reset()
    return server


def over(sandbox: SandboxServer, dialect: str, provider: str, **options: object) -> NewApi:
    """Return the adapter of the dialect's first account."""
    token = sandbox.tokens[dialect.replace("-", "_")]
    return adapter(f"{sandbox.base_url}/{dialect}", provider, token, options=options)


def update(changes: Spec, *answers: Answer, provider: str = "cometapi", **how: Any) -> list[Received]:
    """Return the requests of an update."""
    with RawServer(answers) as server:
        found = adapter(server.url, provider, **how)
        found.update_key(OBSERVED, changes)
        found.close()
        return server.requests


class TestCreate:
    """A key is born inert, and mostly without a word about it."""

    def create(self, *answers: Answer, **how: Any) -> tuple[Minted, list[Received], FakeClock]:
        """Return what a create came to, its requests and its waits."""
        clock = FakeClock()
        with RawServer(answers) as server:
            found = adapter(server.url, clock=clock, **how)
            try:
                return found.create_key(REQUEST), server.requests, clock
            finally:
                found.close()
                self.requests = list(server.requests)

    def test_the_body_is_inert_whatever_the_server_would_default_to(self) -> None:
        """Nothing is left, it is not unlimited, and the one word for never is written out."""
        minted, (request,), _ = self.create(yes())
        assert request.body == (
            b'{"name":"client-a","remain_quota":0,"unlimited_quota":false,"expired_time":-1}'
        )
        assert (request.method, request.target) == ("POST", "/api/token/")
        assert request.headers["authorization"] == PAT
        assert (minted.key_id, minted.secret) == (None, None)

    @pytest.mark.parametrize(
        ("data", "key_id", "secret"),
        [
            (row(key=KEY), "42", f"sk-{KEY}"),
            (row(key=f"sk-{KEY}"), "42", f"sk-{KEY}"),
            (row(), "42", None),
            (row(key="short"), "42", None),
            (row(name="client-b", key=KEY), None, None),
            (row(id="42"), "42", None),
            (row(id="new"), None, None),
            ([row()], None, None),
            ("created", None, None),
        ],
        ids=range(9),
    )
    def test_what_the_answer_tells_is_used_and_nothing_else(
        self, data: object, key_id: str | None, secret: str | None
    ) -> None:
        """Some servers answer with the key, full or masked; one of another name is not believed."""
        minted, _, _ = self.create(yes(data))
        assert minted.key_id == key_id
        assert (minted.secret.reveal() if minted.secret else None) == secret

    def test_the_id_of_a_known_key_is_not_believed(self) -> None:
        """A create that answers with an old row tells nothing about the new one."""
        with RawServer((page(row()), yes(row(key=KEY)))) as server:
            found = adapter(server.url)
            found.list_keys()
            minted = found.create_key(REQUEST)
            found.close()
        assert (minted.key_id, minted.secret) == (None, None)

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (no("Token name is too long"), RequestRejectedError),
            (no("已达到最大令牌数量限制 (1000)"), RequestRejectedError),
            (no("Invalid URL (POST /api/token/)", 404), RequestRejectedError),
            (no("Unauthorized, invalid access token"), CredentialsError),
            (no("无权进行此操作，access token 无效"), CredentialsError),  # noqa: RUF001  # the server's own
            (no("denied", 401), CredentialsError),
            (no("ACCESS_TOKEN_SCOPE_DENIED api_key:write", 403), CredentialsError),
            (no("internal error", 500), OutcomeUnknownError),
            (respond(500), OutcomeUnknownError),
            (respond(502, b"<html>"), OutcomeUnknownError),
            (respond(200, b"<html>"), OutcomeUnknownError),
            (respond(307, b"", {"Location": "/api/token/"}), OutcomeUnknownError),
            (respond(200, b"{}"), OutcomeUnknownError),
            (reset(), OutcomeUnknownError),
        ],
        ids=range(14),
    )
    def test_no_answer_makes_it_send_a_create_twice(self, answer: Answer, kind: type[Exception]) -> None:
        """There is no idempotency, so what is unknown is for the list to tell."""
        with pytest.raises(kind):
            self.create(answer)
        assert len(self.requests) == 1

    def test_a_full_limiter_is_waited_out(self) -> None:
        """A 429 comes before the create is looked at; without a word when, the waits grow to the window."""
        _, requests, clock = self.create(respond(429), respond(429), respond(429), yes(), max_wait=500.0)
        assert len(requests) == 4
        assert clock.slept == [22.0, 45.0, 90.0]

    def test_a_limiter_that_stays_full_defers_the_create(self) -> None:
        """After five refusals nothing was created, and the run may go on later."""
        with pytest.raises(DeferredError, match="5 times in a row"):
            self.create(respond(429), deadline=100_000.0)
        assert len(self.requests) == 5


class TestUpdate:
    """A PUT replaces the whole key, so the whole key is what is sent."""

    def test_what_hitopens_page_sends_would_kill_the_key(self, sandbox: SandboxServer) -> None:
        """The documented example loses expiry, models, addresses and group; our update keeps them."""
        made = sandbox.operator.create_key(
            "hitopen",
            name="client-a",
            remain_units=1000,
            expires_at=1_893_456_000,
            models=["gpt-4o"],
            ips=["10.0.0.0/8"],
            group="vip",
        )
        key_id = made["id"]
        found = over(sandbox, "hitopen", "hitopen", user_id=131)
        before = found.get_key(key_id).spec
        found.update_key(OBSERVED.__class__(id=key_id, name=None, spec={}), {UNITS: "unlimited"})
        kept = found.get_key(key_id)
        assert dict(kept.spec) == {**before, UNITS: "unlimited", USD: "unlimited"}
        found.rename_key(kept, "client-b")
        assert dict(found.get_key(key_id).spec) == dict(kept.spec)

        put(sandbox, "hitopen", {"id": int(key_id), "name": "production-app-v2", "unlimited_quota": True})
        ruined = found.get_key(key_id).spec
        found.close()
        assert ruined["expires"] == "1970-01-01T00:00:00Z"
        assert (ruined["models"], ruined["allow_ips"], ruined["group"]) == ("all", "any", "")

    def test_the_whole_key_goes_back_with_the_change(self) -> None:
        """Also members that nobody here knows, spelled as they came; what the server owns stays out."""
        shown = json.dumps(row(rate_limit=5, note="ü", nested={"a": [1, None, True]}))
        body = f'{{"success":true,"data":{shown[:-1]},"ratio":1.50,"big":9007199254740991}}}}'
        get, write = update({"expires": "2027-01-31T00:00:00Z"}, respond(200, body.encode()), yes(row()))
        assert (get.method, get.target) == ("GET", "/api/token/42")
        assert (write.method, write.target) == ("PUT", "/api/token/")
        assert b'"ratio":1.50,"big":9007199254740991' in write.body
        assert sent(write) == {
            **KEPT,
            "expired_time": 1_801_353_600,
            "rate_limit": 5,
            "note": "ü",
            "nested": {"a": [1, None, True]},
            "ratio": 1.5,
            "big": 9_007_199_254_740_991,
        }

    def test_numbers_that_came_otherwise_go_back_as_whole_ones(self) -> None:
        """Go reads 5 into an integer, and refuses 5.0 and "5"."""
        body = json.dumps({"success": True, "data": row(id="42", remain_quota=5.0, expired_time="-1")})
        write = update({"group": ""}, respond(200, body.encode()), yes(row(remain_quota=5)))[-1]
        assert write.body.startswith(b'{"id":42,"name"')
        assert b'"expired_time":-1,"remain_quota":5,' in write.body

    @pytest.mark.parametrize(("state", "reset"), [(2, 1), (2, 0), (1, 0)])
    def test_a_state_that_a_server_resets_is_put_back(self, state: int, reset: int) -> None:
        """Raising the cap of a key that is off must not switch it on."""
        stored, after = row(status=state), row(status=reset, group="")
        requests = update({"group": ""}, yes(stored), yes(after), yes(row(status=state, group="")))
        assert asked(requests)[1:] == ["PUT /api/token/", "PUT /api/token/?status_only=true"]
        assert sent(requests[1]).get("status") == (2 if state == 2 else None)
        assert sent(requests[2])["status"] == state

    def test_a_key_that_somebody_switched_off_meanwhile_stays_off(self) -> None:
        """That was no reset: servers that reset a state make it on, or nothing."""
        assert len(update({"group": ""}, yes(row()), yes(row(status=2, group="")))) == 2

    def test_nothing_to_change_asks_nothing(self) -> None:
        """An empty update is no request."""
        assert update({}, yes()) == []

    @pytest.mark.parametrize(
        ("changes", "stored", "written"),
        [
            ({UNITS: 900_000}, {}, {"remain_quota": 800_000}),
            ({UNITS: 100_000}, {}, {"remain_quota": 0}),
            ({UNITS: 5}, {}, {"remain_quota": 0}),
            ({UNITS: 0}, {}, {"remain_quota": 0}),
            ({USD: 2_000_000}, {}, {"remain_quota": 900_000}),
            ({USD: 2_000_000, UNITS: 1_000_000}, {}, {"remain_quota": 900_000}),
            ({UNITS: "unlimited"}, {}, {"unlimited_quota": True}),
            ({USD: "unlimited"}, {"remain_quota": -7}, {"unlimited_quota": True, "remain_quota": -7}),
            (
                {UNITS: 300_000},
                {"unlimited_quota": True, "remain_quota": -160, "used_quota": 160},
                {"remain_quota": 299_840, "unlimited_quota": False},
            ),
            (
                {"group": ""},
                {"unlimited_quota": True, "remain_quota": -160},
                {"group": "", "remain_quota": -160, "unlimited_quota": True},
            ),
            ({"group": ""}, {"remain_quota": -160}, {"group": "", "remain_quota": 0}),
            ({"expires": "never"}, {}, {"expired_time": -1}),
            ({"expires": "2027-01-31T02:00:00Z"}, {"expired_time": 0}, {"expired_time": 1_801_360_800}),
        ],
        ids=range(13),
    )
    def test_what_is_written_for_a_value(
        self, changes: Spec, stored: dict[str, Any], written: dict[str, Any]
    ) -> None:
        """A cap is what is left plus what was used; never is -1; unlimited keys have a cap in name only."""
        after = row(**{**stored, **written})
        requests = update(changes, STATUS, yes(row(**stored)), yes(after), **DOLLAR)
        (write,) = [request for request in requests if request.method == "PUT"]
        assert sent(write) == {**KEPT, **written}

    @pytest.mark.parametrize(
        ("provider", "stored", "changes", "written"),
        [
            (
                "cometapi",
                {},
                {"models": ("b", "c"), "allow_ips": ("::1", "10.0.0.0/8")},
                {"model_limits": "b,c", "model_limits_enabled": True, "allow_ips": "::1\n10.0.0.0/8"},
            ),
            (
                "cometapi",
                {},
                {"models": "all", "allow_ips": "any"},
                {"model_limits": "", "model_limits_enabled": False, "allow_ips": ""},
            ),
            (
                "hitopen",
                {},
                {"models": ("b", "c")},
                {"model_limits": "b,c", "model_limits_enabled": True, "models": ["b", "c"]},
            ),
            (
                "hitopen",
                {"model_limits": ..., "models": ["a"]},
                {"models": "all"},
                {"model_limits": "", "model_limits_enabled": False, "models": []},
            ),
            (
                "one-api",
                {"models": None, "subnet": None, "model_limits": ..., "model_limits_enabled": ...}
                | {"allow_ips": ..., "group": ..., "cross_group_retry": ...},
                {"models": ("b", "c"), "allow_ips": ("10.0.0.0/8", "192.0.2.0/24")},
                {"models": "b,c", "subnet": "10.0.0.0/8,192.0.2.0/24"},
            ),
        ],
        ids=["lists", "cleared", "hitopen", "hitopen-array", "one-api"],
    )
    def test_sets_are_written_as_each_server_reads_them(
        self, provider: str, stored: dict[str, Any], changes: Spec, written: dict[str, Any]
    ) -> None:
        """Commas for models, line breaks for addresses, and an array beside where a page documents one."""
        status = () if provider == "cometapi" else (STATUS,)
        answers = (*status, yes(row(**stored)), yes(row(**{**stored, **written})))
        write = update(changes, *answers, provider=provider)[-1]
        shown = {name: value for name, value in {**KEPT, **stored}.items() if value is not ...}
        assert sent(write) == {**shown, **written}

    def test_a_one_api_behind_the_usual_name_is_recognised_by_its_fields(self) -> None:
        """The form of a row decides where the settings leave the dialect open."""
        stored = row(models="a", subnet="", model_limits=..., model_limits_enabled=..., allow_ips=...)
        changes: Spec = {"models": ("b",), "allow_ips": ("10.0.0.0/8",)}
        write = update(changes, STATUS, yes(stored), yes(stored), provider="new-api")[-1]
        assert (sent(write)["models"], sent(write)["subnet"]) == ("b", "10.0.0.0/8")
        assert "model_limits" not in sent(write)

    def test_spend_between_read_and_write_is_corrected(self) -> None:
        """The answer shows the cap too high, so the write is repeated from a new read."""
        grown = row(remain_quota=400_000, used_quota=130_000)
        settled = row(remain_quota=370_000, used_quota=130_000)
        requests = update({UNITS: 500_000}, yes(row()), yes(grown), yes(grown), yes(settled))
        assert asked(requests) == ["GET /api/token/42", "PUT /api/token/"] * 2
        assert [sent(request)["remain_quota"] for request in requests[1::2]] == [400_000, 370_000]

    def test_a_change_of_something_else_does_not_raise_the_cap(self) -> None:
        """The echo of what was left gives back what was spent meanwhile; that is taken away again."""
        grown = row(remain_quota=400_000, used_quota=130_000)
        settled = row(remain_quota=370_000, used_quota=130_000)
        requests = update({"group": ""}, yes(row()), yes(grown), yes(grown), yes(settled))
        assert [sent(request)["remain_quota"] for request in requests[1::2]] == [400_000, 370_000]

    def test_correcting_ends(self) -> None:
        """A key in heavy use is left to the read-back and the next plan."""
        grown = row(used_quota=130_000)
        requests = update({UNITS: 500_000}, yes(row()), yes(grown))
        assert len([request for request in requests if request.method == "PUT"]) == 3

    def test_a_cap_below_the_spend_is_as_good_as_written(self) -> None:
        """Nothing is left and that is all a server can store, so it is not tried again."""
        spent = row(remain_quota=0, used_quota=600_000)
        requests = update({UNITS: 500_000}, yes(row(used_quota=600_000)), yes(spent))
        assert asked(requests) == ["GET /api/token/42", "PUT /api/token/"]

    @pytest.mark.parametrize(
        "answer", [yes(), respond(200), yes({"id": 42}), yes([1]), yes(row(id=43))], ids=range(5)
    )
    def test_an_answer_without_the_key_is_read_back(self, answer: Answer) -> None:
        """A 200 is not proof."""
        requests = update({UNITS: 500_000}, yes(row()), answer, yes(row()))
        assert asked(requests) == ["GET /api/token/42", "PUT /api/token/", "GET /api/token/42"]

    @pytest.mark.parametrize(
        ("dead", "changes", "alive"),
        [
            (
                {"status": 4, "remain_quota": 0, "used_quota": 500_000},
                {UNITS: 600_000},
                {"remain_quota": 100_000, "used_quota": 500_000},
            ),
            ({"status": 4, "remain_quota": -5}, {UNITS: "unlimited"}, {"unlimited_quota": True}),
            ({"status": 3, "expired_time": 1}, {"expires": "never"}, {"expired_time": -1}),
        ],
        ids=["spent", "unlimited", "expired"],
    )
    def test_a_dead_key_is_revived_in_two_steps(
        self, dead: dict[str, Any], changes: Spec, alive: dict[str, Any]
    ) -> None:
        """First what killed it is taken away, without a word on the state; only then is it enabled."""
        halfway = row(**{**dead, **alive})
        answers = (yes(row(**dead)), yes(halfway), yes(halfway), yes({**halfway, "status": 1}))
        requests = update(changes, *answers)
        assert asked(requests) == [
            *("GET /api/token/42", "PUT /api/token/"),
            *("GET /api/token/42", "PUT /api/token/?status_only=true"),
        ]
        assert "status" not in sent(requests[1])
        assert sent(requests[3])["status"] == 1
        assert sent(requests[3])["expired_time"] == halfway["expired_time"]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"status": 2, "expired_time": 1}, {"status": 2, "expired_time": -1}),
            ({"status": 4, "remain_quota": 0, "expired_time": 1}, {"status": 4, "expired_time": 1}),
            ({"status": 3}, {"status": 3}),
        ],
        ids=["disabled", "still expired", "was not dead"],
    )
    def test_no_other_key_is_enabled_by_an_update(
        self, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        """What somebody switched off stays off, and what would be dead again is not tried."""
        requests = update({UNITS: 500_000}, yes(row(**before)), yes(row(**after)))
        assert [request.target for request in requests if "status_only" in request.target] == []

    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({UNITS: 1, USD: 1_000_000}, "one limit and do not agree"),
            ({UNITS: -1}, "whole number from zero"),
            ({UNITS: True}, "whole number from zero"),
            ({USD: ("a",)}, "whole number from zero"),
            ({USD: 1}, "use steps of 0.000002 USD"),
            ({"models": ("a,b",)}, "holds a comma"),
            ({"models": (" a",)}, "a blank at its end"),
            ({"allow_ips": ("a\nb",)}, "a line break"),
            ({"models": "some"}, "neither a list nor `all`"),
            ({"expires": "soon"}, "no instant"),
            ({"limits.daily_usd": 1}, "nothing that this provider can set"),
            ({"cometapi.cross_group_retry": True}, "group `auto` only"),
            ({"cometapi.auto_groups": ("vip",)}, "no auto_groups"),
        ],
        ids=range(13),
    )
    def test_what_no_server_can_store_is_refused_before_it_is_sent(self, changes: Spec, match: str) -> None:
        """Each message says what to do instead."""
        with RawServer((STATUS, yes(row()))) as server:
            found = adapter(server.url, **DOLLAR)
            with pytest.raises(RequestRejectedError, match=match):
                found.update_key(OBSERVED, changes)
            found.close()
            assert {request.method for request in server.requests} <= {"GET"}

    def test_a_field_that_the_server_does_not_have_is_refused(self) -> None:
        """Sent in vain it would differ for ever."""
        changes: list[Spec] = [{"group": ""}, {"models": ("a",)}, {"allow_ips": ("10.0.0.0/8",)}]
        for change in changes:
            without = row(group=..., model_limits=..., allow_ips=...)
            with pytest.raises(RequestRejectedError, match="keys have no"):
                update(change, yes(without))

    def test_usd_needs_a_unit(self) -> None:
        """A vendor that does not tell its unit is not guessed at."""
        with pytest.raises(RequestRejectedError, match="set `quota_per_unit`"):
            update({USD: 1_000_000}, yes(row()))

    def test_groups_and_their_companions(self) -> None:
        """In the automatic group the retry and the order of groups are settable."""
        stored = row(group="auto", auto_groups=None)
        changes: Spec = {"cometapi.cross_group_retry": True, "cometapi.auto_groups": ("vip", "default")}
        write = update(changes, yes(stored), yes(stored))[-1]
        assert (sent(write)["cross_group_retry"], sent(write)["auto_groups"]) == (True, ["vip", "default"])
        for names in (("a", "a"), tuple("abcdef")):
            with pytest.raises(RequestRejectedError, match="up to 5 different"):
                update({"cometapi.auto_groups": names}, yes(stored))

    @pytest.mark.parametrize(
        ("groups", "refused"),
        [
            (yes({"vip": {}, "default": {}}), False),
            (yes({"default": {}}), True),
            (yes({}), False),
            (no("scope", 403), False),
            (no("Invalid URL", 404), False),
            (respond(200, b"<html>"), False),
        ],
        ids=range(6),
    )
    def test_a_group_that_the_user_does_not_have_is_refused(self, groups: Answer, *, refused: bool) -> None:
        """The server would store it and serve nothing; one that does not tell its groups is believed."""
        with RawServer((groups, yes(row()), yes(row()))) as server:
            found = adapter(server.url)
            if refused:
                with pytest.raises(RequestRejectedError, match="use one of default"):
                    found.update_key(OBSERVED, {"group": "vip"})
            else:
                found.update_key(OBSERVED, {"group": "vip"})
                found.update_key(OBSERVED, {"group": "vip"})
            found.close()
            assert [request.target for request in server.requests].count("/api/user/self/groups") == 1

    def test_a_key_of_somebody_else_is_never_written(self) -> None:
        """Whatever the server would let a root user do."""
        with RawServer((yes(row(user_id=8)),)) as server:
            found = adapter(server.url, options={"user_id": 7})
            calls: list[Callable[[], None]] = [
                lambda: found.update_key(OBSERVED, {UNITS: 1}),
                lambda: found.set_enabled(OBSERVED, enabled=False),
                lambda: found.rename_key(OBSERVED, "x"),
            ]
            for call in calls:
                with pytest.raises(KeyNotFoundError, match="another user"):
                    call()
            found.close()
            assert {request.method for request in server.requests} == {"GET"}

    def test_the_answer_about_another_key_is_not_believed(self) -> None:
        """A cache in between could mix keys up."""
        with pytest.raises(AnswerError, match="answered with another key"):
            update({UNITS: 1}, yes(row(id=43)))


class TestState:
    """Only `status_only` changes a state on most servers."""

    def switch(self, *answers: Answer, enabled: bool) -> list[Received]:
        """Return the requests of a switch."""
        with RawServer(answers) as server:
            found = adapter(server.url)
            try:
                found.set_enabled(OBSERVED, enabled=enabled)
            finally:
                found.close()
                self.requests = list(server.requests)
            return server.requests

    def test_the_whole_key_goes_along(self) -> None:
        """A server that does not know the parameter takes the body for a replacement, and loses nothing."""
        get, write = self.switch(yes(row()), yes(row(status=2)), enabled=False)
        assert asked([get, write]) == ["GET /api/token/42", "PUT /api/token/?status_only=true"]
        assert sent(write) == {**KEPT, "status": 2}

    def test_a_server_that_wants_it_in_the_ordinary_body_gets_it_there(self) -> None:
        """The second way is tried when the state shows that the first did nothing."""
        requests = self.switch(yes(row()), yes(row()), yes(row()), yes(row(status=2)), enabled=False)
        assert asked(requests)[2:] == ["GET /api/token/42", "PUT /api/token/"]
        assert sent(requests[3]) == {**KEPT, "status": 2}

    def test_a_state_that_only_a_read_shows_is_enough(self) -> None:
        """A server may answer with the row as it was before."""
        requests = self.switch(yes(row()), yes(row()), yes(row(status=2)), enabled=False)
        assert [request.method for request in requests] == ["GET", "PUT", "GET"]

    def test_a_state_that_nothing_changes_is_an_error(self) -> None:
        """A switch without effect must not look like one."""
        with pytest.raises(AnswerError, match="did not take it"):
            self.switch(yes(row()), enabled=False)
        assert len(self.requests) == 5

    @pytest.mark.parametrize(
        ("stored", "enabled"),
        [
            ({"status": 1}, True),
            ({"status": 2}, False),
            ({"status": 3, "expired_time": 1}, True),
            ({"status": 4, "remain_quota": 0}, True),
        ],
        ids=range(4),
    )
    def test_a_key_that_is_so_already_is_left_alone(self, stored: dict[str, Any], *, enabled: bool) -> None:
        """An expired or spent key counts as on: enabling it would be refused as long as it is dead."""
        assert len(self.switch(yes(row(**stored)), enabled=enabled)) == 1

    @pytest.mark.parametrize("state", [3, 4])
    def test_a_key_marked_dead_without_a_reason_is_enabled(self, state: int) -> None:
        """A run that was killed between the two steps of a revival is finished by the next one."""
        _, write = self.switch(yes(row(status=state)), yes(row(status=1)), enabled=True)
        assert sent(write)["status"] == 1

    def test_revival_on_a_server(self, sandbox: SandboxServer) -> None:
        """An exhausted and expired key works again after one update, and a disabled one does not."""
        operator = sandbox.operator
        key_id = operator.create_key("new_api", name="a", remain_units=100, expires_at=None)["id"]
        operator.spend(key_id, units=150)
        assert "exhausted" in operator.use(key_id)
        found = over(sandbox, "new-api", "new-api", user_id=101)
        key = found.get_key(key_id)
        assert (key.spec[ENABLED], key.spec[UNITS], key.used_up) == (True, 100, True)
        found.update_key(key, {UNITS: 400})
        assert operator.use(key_id) == ""
        operator.change_key(key_id, expires_at=1)
        assert "expired" in operator.use(key_id)
        found.update_key(key, {"expires": "2030-01-01T00:00:00Z"})
        assert operator.use(key_id) == ""
        found.set_enabled(key, enabled=False)
        found.update_key(key, {UNITS: 500})
        assert "not available" in operator.use(key_id)
        found.close()


class TestDelete:
    """A key goes for good."""

    def test_it_is_gone_and_that_is_looked_at(self) -> None:
        """One request deletes, one makes sure."""
        with RawServer((yes(), no("record not found"))) as server:
            found = adapter(server.url)
            found.delete_key(OBSERVED)
            found.close()
            assert asked(server.requests) == ["DELETE /api/token/42", "GET /api/token/42"]

    def test_one_that_was_gone_counts_as_deleted(self) -> None:
        """The wanted state is there, in either way of saying so, and it is looked at."""
        for gone in (no("record not found"), no("record not found", 404), no("", 404)):
            with RawServer((gone,)) as server:
                found = adapter(server.url)
                found.delete_key(OBSERVED)
                found.close()
                assert asked(server.requests) == ["DELETE /api/token/42", "GET /api/token/42"]

    def test_one_that_stays_is_an_error(self) -> None:
        """A yes is not proof."""
        with RawServer((yes(), yes(row()))) as server:
            found = adapter(server.url)
            with pytest.raises(AnswerError, match="still shows it"):
                found.delete_key(OBSERVED)
            found.close()

    def test_a_wrong_address_deletes_nothing(self) -> None:
        """A path that does not exist is not a key that is gone."""
        with RawServer((no("Invalid URL", 404),)) as server:
            found = adapter(server.url)
            with pytest.raises(RequestRejectedError, match="no such path"):
                found.delete_key(OBSERVED)
            found.close()

    def test_a_name_that_does_not_take_is_an_error(self) -> None:
        """A server may cut a name, and the key would not be found again."""
        with RawServer((yes(row()), yes(row(name="client")))) as server:
            found = adapter(server.url)
            with pytest.raises(AnswerError, match="did not take it"):
                found.rename_key(OBSERVED, "client-b")
            found.close()
            assert sent(server.requests[1]) == {**KEPT, "name": "client-b"}


class TestReveal:
    """The plaintext of an existing key."""

    def shown(self, *answers: Answer, provider: str = "cometapi", **how: Any) -> str:
        """Return the plaintext that the answers lead to."""
        with RawServer(answers) as server:
            found = adapter(server.url, provider, **how)
            try:
                return found.reveal(OBSERVED).reveal()
            finally:
                found.close()
                self.asked = asked(server.requests)
                self.requests = list(server.requests)

    @pytest.mark.parametrize("spelling", [KEY, f"sk-{KEY}", f"sk-sk-{KEY}"])
    def test_a_server_that_shows_keys_is_asked_for_the_row(self, spelling: str) -> None:
        """In one spelling, whatever the server's is."""
        assert self.shown(yes(row(key=spelling))) == f"sk-{KEY}"
        assert self.asked == ["GET /api/token/42"]

    def test_a_masked_key_is_revealed(self) -> None:
        """By the route for one key, which every masking server has."""
        assert self.shown(yes(row()), yes({"key": KEY})) == f"sk-{KEY}"
        assert self.asked == ["GET /api/token/42", "POST /api/token/42/key"]
        assert self.requests[1].body == b""

    def test_where_that_route_is_missing_the_one_for_many_is_asked(self) -> None:
        """One key is a small batch."""
        missing = no("Invalid URL (POST /api/token/42/key)", 404)
        assert self.shown(yes(row()), missing, yes({"keys": {"42": KEY}})) == f"sk-{KEY}"
        assert self.asked[-1] == "POST /api/token/batch/keys"
        assert sent(self.requests[-1]) == {"ids": [42]}

    def test_a_route_that_is_missing_is_asked_for_once(self) -> None:
        """The next secret goes straight to the route that there is."""
        missing = no("Invalid URL (POST /api/token/42/key)", 404)
        other = row(id=43)
        many = [yes({"keys": {number: KEY[:-1] + number[-1]}}) for number in ("42", "43")]
        with RawServer((page(row(), other), missing, *many)) as server:
            found = adapter(server.url)
            for key in found.list_keys().keys:
                found.reveal(key)
            found.close()
            assert [request.target for request in server.requests[1:]] == [
                "/api/token/42/key",
                "/api/token/batch/keys",
                "/api/token/batch/keys",
            ]

    def test_a_list_that_masks_saves_the_look_at_the_row(self) -> None:
        """Reveals are scarce, and so is everything else."""
        with RawServer((page(row()), yes({"key": KEY}))) as server:
            found = adapter(server.url)
            (key,) = found.list_keys().keys
            assert found.reveal(key).reveal() == f"sk-{KEY}"
            found.close()
            assert len(server.requests) == 2

    def test_a_route_may_answer_with_the_bare_key(self) -> None:
        """Without an object around it."""
        assert self.shown(yes(row()), yes(KEY)) == f"sk-{KEY}"

    @pytest.mark.parametrize(
        "missing",
        [respond(404, b"404 page not found"), respond(405), respond(404)],
        ids=["text", "405", "none"],
    )
    def test_a_route_may_be_missing_in_every_way(self, missing: Answer) -> None:
        """A proxy, or the framework below, answers without the envelope."""
        assert self.shown(yes(row()), missing, yes({"keys": {"42": KEY}})) == f"sk-{KEY}"

    def test_keys_that_only_the_list_hides_are_taken_from_the_row(self) -> None:
        """Where there is no route for it."""
        gone = no("Invalid URL", 404)
        with RawServer((page(row()), gone, gone, yes(row(key=KEY)))) as server:
            found = adapter(server.url)
            found.list_keys()
            assert found.reveal(OBSERVED).reveal() == f"sk-{KEY}"
            found.close()

    def test_a_server_without_a_way_says_so_and_loses_nothing(self) -> None:
        """The key stays as it is; it is not a lost secret, which would be minted anew."""
        with pytest.raises(AnswerError, match="no way to reveal"):
            self.shown(yes(row()), no("Invalid URL", 404))
        with pytest.raises(AnswerError, match="no way to reveal"):
            self.shown(yes(row()), provider="one-api")

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (yes({"key": "Abcd**********cd01"}), AnswerError),
            (yes({"key": 5}), AnswerError),
            (yes({"keys": {"43": KEY}}), AnswerError),
            (yes([KEY]), AnswerError),
            (no("ACCESS_TOKEN_SCOPE_DENIED api_key:reveal", 403), CredentialsError),
            (no("record not found"), KeyNotFoundError),
            (reset(), ProviderUnavailableError),
            (respond(429), DeferredError),
        ],
        ids=range(8),
    )
    def test_answers_without_a_plaintext(self, answer: Answer, kind: type[Exception]) -> None:
        """Nothing was changed, so the next run may ask again."""
        with pytest.raises(kind):
            self.shown(yes(row()), answer)

    def test_the_small_limit_is_reported_and_not_waited_for(self) -> None:
        """Twenty minutes are too long, and requests of another kind go on."""
        clock = FakeClock()
        with RawServer((yes(row()), respond(429), yes(row()))) as server:
            found = adapter(server.url, clock=clock, deadline=clock.monotonic() + 7_200)
            with pytest.raises(DeferredError, match="12:20:00Z") as caught:
                found.reveal(OBSERVED)
            assert found.get_key("42").id == "42"
            found.close()
        assert caught.value.until is not None
        assert clock.slept == []

    def test_one_secret_for_two_keys_is_hostile(self) -> None:
        """Two clients with one secret could spend each other's money."""
        with RawServer((yes(row(key=KEY)), yes(row(key=KEY)), yes(row(id=43, key=KEY)))) as server:
            found = adapter(server.url)
            found.reveal(OBSERVED)
            found.reveal(OBSERVED)
            with pytest.raises(HostileAnswerError, match="the secret of key 42"):
                found.reveal(OBSERVED.__class__(id="43", name=None, spec={}))
            found.close()


class TestList:
    """Everything that there is, and nothing less."""

    def test_a_thousand_keys_cost_ten_requests_and_one_for_the_unit(self, sandbox: SandboxServer) -> None:
        """One page tells the total, the others come at the same time."""
        sandbox.operator.create_keys(
            [{"account": "new_api", "name": f"k{number}", "remain_units": number} for number in range(1000)]
        )
        sandbox.operator.clear_requests()
        found = over(sandbox, "new-api", "new-api", user_id=101)
        listing = found.list_keys()
        found.close()
        assert len({key.id for key in listing.keys}) == 1000
        targets = [logged.path for logged in sandbox.operator.requests()]
        assert len(targets) == 11

    def test_the_first_page_asks_for_as_much_as_there_is(self) -> None:
        """By every name that a version of the server knows, and for the configured user's keys."""
        with RawServer((STATUS, page())) as server:
            found = adapter(server.url, "new-api", options={"user_id": 7})
            assert found.list_keys().keys == ()
            found.close()
            assert asked(server.requests) == [
                "GET /api/status",
                "GET /api/token/?p=1&page_size=100&size=100&user_id=7",
            ]
            assert server.requests[1].headers["new-api-user"] == "7"

    def test_somebody_elses_rows_are_foreign(self) -> None:
        """A root user is shown everybody's keys; only the configured user's are ours."""
        with RawServer((page(row(), row(id=43, user_id=8)),)) as server:
            found = adapter(server.url, options={"user_id": 7})
            assert [(key.id, key.foreign) for key in found.list_keys().keys] == [("42", False), ("43", True)]
            found.close()

    def test_several_users_without_a_word_on_who_is_ours_stop_everything(self) -> None:
        """Guessing could write to somebody else's keys."""
        with RawServer((page(row(), row(id=43, user_id=8)),)) as server:
            found = adapter(server.url)
            with pytest.raises(AnswerError, match="set the account's `user_id`"):
                found.list_keys()
            found.close()

    def test_the_only_user_of_a_list_is_remembered(self) -> None:
        """A later answer about another user's key is refused."""
        with RawServer((page(row()), yes(row(user_id=8)))) as server:
            found = adapter(server.url)
            found.list_keys()
            with pytest.raises(KeyNotFoundError):
                found.get_key("42")
            found.close()

    def test_a_key_stuck_in_a_dead_state_is_told(self) -> None:
        """Where `enabled` is not managed, nothing else would say why it is not served."""
        with RawServer((page(row(status=4), row(id=43, status=3)),)) as server:
            found = adapter(server.url)
            (warning,) = found.list_keys().warnings
            found.close()
        assert warning.startswith("2 keys are marked as expired or used up and are neither")

    def test_a_server_that_hides_its_unit_is_told_once(self) -> None:
        """Limits in USD are unknown then, and no drift is claimed in them."""
        with RawServer((no("Invalid URL", 404), page(row()))) as server:
            found = adapter(server.url, "new-api")
            listing = found.list_keys()
            found.close()
        assert "set `quota_per_unit`" in listing.warnings[0]
        assert USD not in listing.keys[0].spec
        assert listing.keys[0].used_micro_usd is None

    def test_a_unit_that_contradicts_the_settings_stops_everything(self) -> None:
        """Every amount would be wrong by the same factor."""
        with RawServer((yes({"quota_per_unit": 1_000_000}),)) as server:
            found = adapter(server.url, "new-api", **DOLLAR)
            with pytest.raises(AnswerError, match="correct `quota_per_unit`"):
                found.list_keys()
            found.close()

    @pytest.mark.parametrize("key_id", ["", "0", "4/2", "-1", "x", "²", "1" * 30])
    def test_what_is_no_id_is_not_asked_for(self, key_id: str) -> None:
        """It would be part of a path."""
        with RawServer((yes(row()),)) as server:
            found = adapter(server.url)
            with pytest.raises(KeyNotFoundError, match="ids are numbers"):
                found.get_key(key_id)
            found.close()
            assert server.requests == []


class TestBalance:
    """The wallet is counted in the unit of the keys, so it may be held against them."""

    @pytest.mark.parametrize(
        ("answer", "balance"),
        [
            (yes({"id": 7, "quota": 750_000, "used_quota": 5}), 1_500_000),
            (yes({"quota": -500_000}), -1_000_000),
            (yes({"quota": "750000"}), 1_500_000),
            (yes({"quota": True}), None),
            (yes({"id": 7}), None),
            (yes(), None),
            (no("scope", 403), None),
            (no("Invalid URL", 404), None),
            (respond(200, b"<html>"), None),
        ],
        ids=range(9),
    )
    def test_what_the_user_has_left_is_told_in_usd(self, answer: Answer, balance: int | None) -> None:
        """A server that does not tell it, or in a way that nobody knows, is no reason to stop."""
        with RawServer((answer, STATUS)) as server:
            found = adapter(server.url, **DOLLAR)
            assert found.balance() == balance
            found.close()
            assert server.requests[0].target == "/api/user/self"

    def test_without_a_unit_there_is_no_amount(self) -> None:
        """Quota units are no USD."""
        with RawServer((yes({"quota": 750_000}),)) as server:
            found = adapter(server.url)
            assert found.balance() is None
            found.close()

    @pytest.mark.parametrize("dialect", ["hitopen", "one-api"])
    def test_the_sandbox_tells_it_too(self, sandbox: SandboxServer, dialect: str) -> None:
        """A key's spend comes out of the wallet, whatever the key's own cap is."""
        label = dialect.replace("-", "_")
        found = over(sandbox, dialect, dialect, quota_per_unit=500_000)
        before = found.balance()
        key = sandbox.operator.create_key(label, name="a", total_usd=20)
        sandbox.operator.spend(key["id"], 5)
        after = found.balance()
        found.close()
        assert before is not None
        assert after == before - 5_000_000


class TestAuth:
    """The access token, and whose it is."""

    def test_each_vendor_gets_the_token_as_its_page_says(self) -> None:
        """Bare for most, after Bearer for HitOpen."""
        seen = {}
        for provider in ("new-api", "one-api", "cometapi", "hitopen"):
            with RawServer((yes(row()),)) as server:
                found = adapter(server.url, provider)
                found.set_enabled(OBSERVED, enabled=True)
                found.close()
                seen[provider] = server.requests[0].headers["authorization"]
        assert seen == {"new-api": PAT, "one-api": PAT, "cometapi": PAT, "hitopen": f"Bearer {PAT}"}

    def test_extra_headers_go_with_every_request(self) -> None:
        """Forks have user headers of their own, and some look at the program's name."""
        options = {"extra_headers": {"veloera-user": "7", "User-Agent": "panel/1"}, "user_id": 7}
        with RawServer((yes(row()), STATUS)) as server:
            found = adapter(server.url, "new-api", options=options)
            found.get_key("42")
            found.close()
            headers = server.requests[1].headers
        assert (headers["veloera-user"], headers["user-agent"]) == ("7", "panel/1")
        assert headers["new-api-user"] == "7"

    def test_an_open_scheme_is_found_by_reading(self) -> None:
        """A refused read is tried once with the other scheme, which is kept."""
        with RawServer((no("no", 401), page(), yes())) as server:
            found = adapter(server.url, options={"auth_scheme": "auto"})
            found.create_key(REQUEST)
            found.close()
            schemes = [request.headers["authorization"] for request in server.requests]
        assert schemes == [PAT, f"Bearer {PAT}", f"Bearer {PAT}"]

    def test_a_token_that_no_scheme_helps_is_refused_with_the_first_reason(self) -> None:
        """And the write that wanted it is not sent."""
        with RawServer((no("first reason", 401), no("second reason", 401))) as server:
            found = adapter(server.url, "hitopen", options={"auth_scheme": "auto"})
            with pytest.raises(CredentialsError, match="first reason"):
                found.create_key(REQUEST)
            with pytest.raises(CredentialsError, match="second reason"):
                found.get_key("42")
            found.close()
            assert [request.method for request in server.requests] == ["GET", "GET", "GET"]

    @pytest.mark.parametrize(
        ("dialect", "options"), [("new-api", {}), ("new-api", {"user_id": 999}), ("new-api-old", {})]
    )
    def test_a_missing_or_wrong_user_number_says_what_to_set(
        self, sandbox: SandboxServer, dialect: str, options: dict[str, object]
    ) -> None:
        """In English as in Chinese."""
        found = over(sandbox, dialect, "new-api", **options)
        with pytest.raises(CredentialsError, match="set the account's `user_id`"):
            found.list_keys()
        found.close()

    @pytest.mark.parametrize(
        "dialect", ["new-api", "new-api-rc", "new-api-old", "hitopen", "cometapi", "one-api"]
    )
    def test_a_bad_token_is_a_matter_of_credentials_on_every_server(
        self, sandbox: SandboxServer, dialect: str
    ) -> None:
        """Whether it is refused with 401 or with 200."""
        provider = "new-api" if dialect.startswith("new-api") else dialect
        found = adapter(f"{sandbox.base_url}/{dialect}", provider, "wrong", options={"user_id": 101})
        with pytest.raises(CredentialsError):
            found.list_keys()
        found.close()

    def test_no_secret_is_in_an_error_or_a_log(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither token nor key, with every logger at DEBUG."""
        caplog.set_level(logging.DEBUG)
        texts = []
        for answer in (
            no(f"{PAT} sk-{KEY}"),
            respond(200, json.dumps({"success": True, "data": row(key=KEY)}).encode() + b"x"),
            yes({"key": KEY, "id": 42}),
            no(f"sk-{KEY}", 500),
        ):
            with RawServer((answer,)) as server:
                found = adapter(server.url)
                with pytest.raises(ReconcilerError) as caught:
                    found.get_key("42")
                found.close()
            texts += ["".join(traceback.format_exception(caught.value)), repr(vars(caught.value))]
        everything = caplog.text + "".join(texts)
        assert PAT not in everything
        assert KEY not in everything


def put(sandbox: SandboxServer, dialect: str, body: dict[str, Any]) -> None:
    """Send a PUT as a vendor's page shows it."""
    address = sandbox.base_url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=10)
    token = sandbox.tokens[dialect.replace("-", "_")]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("PUT", f"/{dialect}/api/token/", json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["success"] is True
