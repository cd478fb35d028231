"""The QCode read-only adapter: what it reads, and that it writes nothing."""

from __future__ import annotations

import json
import zoneinfo
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.identity import Incarnation
from reconciler.core.model import MintRequest, ObservedKey
from reconciler.core.secret import Secret
from reconciler.core.strict_json import parse
from reconciler.errors import (
    AnswerError,
    CredentialsError,
    DeferredError,
    KeyNotFoundError,
    ProviderUnavailableError,
    RequestRejectedError,
    UsageError,
)
from reconciler.providers._qcode_readonly_rows import parse_usage, zone_of
from reconciler.providers.qcode_readonly import CAPABILITIES, QCodeReadOnly, zone_in
from reconciler.providers.registry import PROVIDERS, Connection
from reconciler.sandbox.server import SandboxServer
from tests.clocks import FakeClock
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from reconciler.providers._qcode_readonly_rows import KeyUsage
    from tests.unit.providers.raw_server import Answer

SHANGHAI = zone_of("Asia/Shanghai")
EXAMPLE = {
    "name": "Pro unlimited/day",
    "is_active": True,
    "expires_at_display": "2026/08/22 21:35",
    "current_daily_cost": 42.04,
    "current_requests": 115,
    "monthly_cost_used": 8837.56,
    "monthly_cost_limit": 13000.0,
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the sandbox."""
    with SandboxServer() as server:
        yield server


def usage_of(changes: dict[str, Any], zone: tzinfo = SHANGHAI) -> KeyUsage:
    """Return the example with some changes, as it comes over the wire; `...` takes a member away."""
    shown = {name: value for name, value in {**EXAMPLE, **changes}.items() if value is not ...}
    return parse_usage(parse(json.dumps(shown).encode()), zone)


def connect(base_url: str, token: str = "qot_canary_0123456789", **options: Any) -> QCodeReadOnly:
    """Return the adapter of an account."""
    connection = Connection(
        base_url=base_url, token=Secret(token), clock=FakeClock(), rng=lambda: 0.5, options=options
    )
    found = PROVIDERS["qcode-readonly"].build(connection)
    assert isinstance(found, QCodeReadOnly)
    return found


def keys(*rows: object, **data: object) -> Answer:
    """Return the answer with these keys."""
    return respond(200, {"ok": True, "data": {"keys": list(rows), "active_api_keys": len(rows), **data}})


def listed(*rows: object) -> Any:
    """Return the listing of some rows."""
    with RawServer((keys(*rows),)) as server:
        found = connect(server.url)
        try:
            return found.list_keys()
        finally:
            found.close()


class TestRead:
    """What the page documents, and what it leaves open."""

    def test_the_vendors_own_example(self) -> None:
        """The name is all there is to know a key by; a time without a zone is China's."""
        with RawServer((keys(EXAMPLE),)) as server:
            found = connect(server.url)
            listing = found.list_keys()
            found.close()
            (request,) = server.requests
        assert (request.method, request.target) == ("GET", "/api/v1/openapi/keys")
        assert request.headers["authorization"] == "Bearer qot_canary_0123456789"
        (key,) = listing.keys
        assert (key.id, key.name, key.used_micro_usd, key.unused) == (
            EXAMPLE["name"],
            EXAMPLE["name"],
            None,
            None,
        )
        assert key.spec == {
            "enabled": True,
            "limits.monthly_usd": 13_000_000_000,
            "expires": "2026-08-22T13:35:00Z",
        }
        assert listing.warnings == (
            "times are taken to be in Asia/Shanghai, which the provider does not say",
        )

    def test_costs_are_exact(self) -> None:
        """Today's and this month's, in micro-USD."""
        with RawServer((keys(EXAMPLE),)) as server:
            found = connect(server.url)
            (usage,) = found.usage()
            found.close()
        assert (usage.daily, usage.requests, usage.monthly) == (42_040_000, 115, 8_837_560_000)
        assert (usage.monthly_limit, usage.active) == (13_000_000_000, True)

    def test_numbers_as_databases_write_them(self) -> None:
        """A decimal zero of eight places has an exponent, and a boolean may be a count."""
        costs = {"current_daily_cost": "0E-8", "monthly_cost_used": "8.83756E+3"}
        found = usage_of({"is_active": 0, **costs})
        assert (found.active, found.daily, found.monthly) == (False, 0, 8_837_560_000)

    def test_keys_of_one_name_stay_apart(self) -> None:
        """Names are not promised to be unique."""
        found = listed(EXAMPLE, EXAMPLE, {**EXAMPLE, "id": "k7"})
        assert [key.id for key in found.keys] == ["Pro unlimited/day", "Pro unlimited/day (2)", "k7"]

    def test_one_key_is_looked_for_in_the_list(self) -> None:
        """And one that is not in it may only be off."""
        with RawServer((keys(EXAMPLE),)) as server:
            found = connect(server.url)
            assert found.get_key("Pro unlimited/day").name == "Pro unlimited/day"
            with pytest.raises(KeyNotFoundError, match="it may be off"):
                found.get_key("nobody")
            found.close()

    def test_an_expiry_that_is_not_understood_is_told(self) -> None:
        """It is left out, not guessed at."""
        found = listed({**EXAMPLE, "expires_at_display": "22.08.2026"}, EXAMPLE)
        assert "expires" not in found.keys[0].spec
        assert found.warnings[1] == "the expiry of 1 keys is not shown or was not understood"

    @pytest.mark.parametrize(
        "answer",
        [
            respond(200, {"ok": True, "data": {}}),
            respond(200, {"ok": True, "data": []}),
            respond(200, {"ok": True}),
            respond(200, {"ok": True, "data": {"keys": {}}}),
            keys(EXAMPLE, active_api_keys=2),
            keys(5),
            keys({**EXAMPLE, "name": ""}),
            keys({**EXAMPLE, "is_active": "yes"}),
            keys({**EXAMPLE, "is_active": 2}),
            keys({**EXAMPLE, "current_daily_cost": -1}),
            keys({**EXAMPLE, "current_daily_cost": True}),
            keys({**EXAMPLE, "monthly_cost_used": "much"}),
        ],
        ids=range(12),
    )
    def test_a_list_that_is_not_understood_is_an_error(self, answer: Answer) -> None:
        """An unknown form is not an empty account."""
        with RawServer((answer,)) as server:
            found = connect(server.url)
            with pytest.raises(AnswerError):
                found.list_keys()
            found.close()

    def test_an_account_that_does_not_tell_its_number_is_believed(self) -> None:
        """The number is a check where it is there."""
        with RawServer((respond(200, {"ok": True, "data": {"keys": [EXAMPLE]}}),)) as server:
            found = connect(server.url)
            assert len(found.list_keys().keys) == 1
            found.close()

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (respond(401, {"detail": "bad token"}), CredentialsError),
            (respond(429, {"detail": "slow down"}, {"Retry-After": "3600"}), DeferredError),
            (respond(500), ProviderUnavailableError),
        ],
        ids=range(3),
    )
    def test_errors(self, answer: Answer, kind: type[Exception]) -> None:
        """As of any other account."""
        with RawServer((answer,)) as server:
            found = connect(server.url)
            with pytest.raises(kind):
                found.alive()
            found.close()

    def test_the_other_two_routes(self) -> None:
        """One says that the token is good, the other what the account has spent today."""
        me = respond(200, {"ok": True, "data": {"active_api_keys": 3, "current_daily_cost": 1.5}})
        with RawServer((respond(200, {"ok": True, "data": {}}), me)) as server:
            found = connect(server.url)
            assert found.alive()
            facts = {fact.name: fact.value for fact in found.account_facts()}
            found.close()
            assert [request.target for request in server.requests] == [
                "/api/v1/openapi",
                "/api/v1/openapi/me",
            ]
        assert facts == {"active_api_keys": "3", "current_daily_cost": "1.5"}


class TestSandbox:
    """Every behaviour that the page leaves open."""

    @pytest.mark.parametrize(
        ("switches", "expires", "limit"),
        [
            ({}, "never", "unlimited"),
            ({"no_expiry": "empty", "no_monthly_limit": "zero"}, "never", "unlimited"),
            ({"no_expiry": "never", "numbers": "string"}, "never", "unlimited"),
            ({"no_expiry": "absent", "utilization_field": True}, None, "unlimited"),
            ({"expires_at_field": True, "me_names": "short"}, "never", "unlimited"),
        ],
        ids=range(5),
    )
    def test_partner_keys_are_joined_by_name(
        self, sandbox: SandboxServer, switches: dict[str, object], expires: object, limit: object
    ) -> None:
        """With expiry and monthly limit where they are set, and the words for none where they are not."""
        operator = sandbox.operator
        operator.reset()
        operator.set_switches("qcode-readonly", cache_seconds=0, **switches)
        names = {
            operator.create_key("one", name="a", expires_at=1_893_456_000, monthly_usd=20, total_usd=100)[
                "name"
            ],
            operator.create_key("one", name="b", total_usd=100)["name"],
        }
        found = connect(sandbox.base_url, sandbox.tokens["one_readonly"])
        rows = {key.name: key for key in found.list_keys().keys}
        found.close()
        assert rows.keys() == names == {"a", "b"}
        assert rows["a"].spec["expires"] == "2030-01-01T00:00:00Z"
        assert rows["a"].spec["limits.monthly_usd"] == 20_000_000
        assert rows["b"].spec.get("expires") == expires
        assert rows["b"].spec["limits.monthly_usd"] == limit


class TestWrite:
    """There is nothing that it can do."""

    def test_its_capabilities_say_so(self) -> None:
        """Declaring a key on such an account is an error while the settings are read."""
        can = CAPABILITIES
        assert not can.updatable | can.creatable | can.clearable
        assert not any((can.mintable, can.toggles, can.deletes, can.renames, can.reveals))
        assert PROVIDERS["qcode-readonly"].capabilities is can

    def test_every_write_is_refused_and_nothing_is_sent(self) -> None:
        """With where to do it instead."""
        key = ObservedKey(id="a", name="a", spec={})
        request = MintRequest(incarnation=Incarnation(name="a"), name="a", idempotency_key="k" * 40)
        with RawServer((keys(),)) as server:
            found = connect(server.url)
            calls: list[Callable[[], object]] = [
                lambda: found.create_key(request),
                lambda: found.reveal(key),
                lambda: found.update_key(key, {"expires": "never"}),
                lambda: found.set_enabled(key, enabled=True),
                lambda: found.set_enabled(key, enabled=False),
                lambda: found.delete_key(key),
                lambda: found.rename_key(key, "b"),
            ]
            for call in calls:
                with pytest.raises(RequestRejectedError, match="use a qcode-partner account"):
                    call()
            found.update_key(key, {})
            assert (found.origin, found.capabilities) == (server.url, CAPABILITIES)
            found.close()
            assert server.requests == []


class TestRows:
    """Times, and amounts."""

    @pytest.mark.parametrize(
        ("changes", "expires"),
        [
            ({}, "2026-08-22T13:35:00Z"),
            ({"expires_at_display": None}, "never"),
            ({"expires_at_display": " Never "}, "never"),
            ({"expires_at_display": "永久"}, "never"),
            ({"expires_at_display": 5}, None),
            ({"expires_at_display": "2026/13/01 00:00"}, None),
            ({"expires_at_display": "0001/01/01 00:00"}, None),
            ({"expires_at_display": "2026/08/22 21:35:10"}, None),
            ({"expires_at_display": "x" * 100}, None),
            ({"expires_at_display": ...}, None),
            ({"expires_at": "2026-08-22T00:00:00+02:00"}, "2026-08-21T22:00:00Z"),
            ({"expires_at": "2026-08-22T00:00:00"}, "2026-08-22T13:35:00Z"),
            ({"expires_at": "soon"}, "2026-08-22T13:35:00Z"),
            ({"expires_at": "0001-01-01T00:00:00+23:59"}, "2026-08-22T13:35:00Z"),
            ({"expires_at": 1_893_456_000}, "2030-01-01T00:00:00Z"),
            ({"expires_at": 1_893_456_000_500}, "2030-01-01T00:00:00Z"),
            ({"expires_at": 9 * 10**15}, "2026-08-22T13:35:00Z"),
            ({"expires_at": 0}, "2026-08-22T13:35:00Z"),
            ({"expires_at": None, "expires_at_display": ...}, "never"),
        ],
        ids=range(19),
    )
    def test_when_a_key_ends(self, changes: dict[str, Any], expires: str | None) -> None:
        """A machine's spelling counts before the one for people, and an unknown one counts for nothing."""
        assert usage_of(changes).expires == expires

    def test_the_zone_is_an_option(self) -> None:
        """Summer time included."""
        assert usage_of({}, zone_in({"time_zone": "Europe/Berlin"})).expires == "2026-08-22T19:35:00Z"
        assert PROVIDERS["qcode-readonly"].capabilities_with({"time_zone": "Asia/Tokyo"}) is CAPABILITIES
        assert usage_of({}, zone_in({})).expires == "2026-08-22T13:35:00Z"

    @pytest.mark.parametrize(
        "options",
        [{"time_zone": "Mars/Base"}, {"time_zone": 8}, {"time_zone": "../x"}, {"zone": "UTC"}],
        ids=str,
    )
    def test_a_wrong_zone_is_refused_offline(self, options: dict[str, object]) -> None:
        """While the settings are read, not when a key expires."""
        with pytest.raises(UsageError):
            PROVIDERS["qcode-readonly"].capabilities_with(options)

    def test_a_machine_without_zones_still_knows_the_usual_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """China has had one offset since 1991."""

        def nothing(_name: str) -> None:
            raise zoneinfo.ZoneInfoNotFoundError

        monkeypatch.setattr(zoneinfo, "ZoneInfo", nothing)
        assert zone_of("Asia/Shanghai") == timezone(timedelta(hours=8))
        with pytest.raises(UsageError, match="install tzdata"):
            zone_of("Europe/Berlin")

    @pytest.mark.parametrize(
        ("changes", "limit"),
        [
            ({"monthly_cost_limit": None}, "unlimited"),
            ({"monthly_cost_limit": 0}, "unlimited"),
            ({"monthly_cost_limit": "12.5"}, 12_500_000),
            ({"monthly_cost_limit": ...}, None),
        ],
        ids=range(4),
    )
    def test_the_monthly_limit(self, changes: dict[str, Any], limit: object) -> None:
        """Nothing and zero are none; one that is not shown is unknown."""
        assert usage_of(changes).monthly_limit == limit

    def test_what_a_row_may_leave_out(self) -> None:
        """Everything but its name; only active keys are listed, so one that does not say is active."""
        usage = parse_usage({"name": "a", "current_requests": "5", "id": True}, SHANGHAI)
        assert usage.spec == {"enabled": True}
        assert (usage.daily, usage.requests, usage.monthly, usage.key_id) == (None, None, None, None)
        assert parse_usage({"name": "a", "is_active": False, "id": 5}, SHANGHAI).spec == {"enabled": False}
