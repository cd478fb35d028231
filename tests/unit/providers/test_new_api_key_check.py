"""A delivered key asks about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.model import RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import AnswerError, DeferredError, ProviderUnavailableError, RequestRejectedError
from reconciler.providers.registry import PROVIDERS, Connection
from reconciler.sandbox.server import SandboxServer
from tests.clocks import FakeClock
from tests.unit.providers.new_api_server import KEY, PAT, no, yes
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from reconciler.ports.key_check import CheckedKey, KeyCheck
    from tests.unit.providers.raw_server import Answer

SECRET = Secret(f"sk-{KEY}")
TOLD = {
    "object": "token_usage",
    "name": "production",
    "total_granted": 150_000,
    "total_used": 50_000,
    "total_available": 100_000,
    "unlimited_quota": False,
    "model_limits": {"gpt-4.1": True, "o3": True, "o1": False},
    "model_limits_enabled": True,
    "expires_at": 0,
}


def checker(base_url: str, provider: str = "cometapi", token: str = PAT, **options: object) -> KeyCheck:
    """Return the self-check of an account."""
    build = PROVIDERS[provider].key_check
    assert build is not None
    return build(
        Connection(
            base_url=base_url,
            token=Secret(token),
            clock=FakeClock(),
            rng=lambda: 0.5,
            options=options,
            rate_limits=RateLimits(requests_per_minute=10_000),
        )
    )


def answer(**changes: Any) -> Answer:
    """Return what the vendor's page shows, with some changes; `...` takes a member away."""
    data = {name: value for name, value in {**TOLD, **changes}.items() if value is not ...}
    return respond(200, {"code": True, "message": "ok", "data": data})


def asked(*answers: Answer, **options: object) -> tuple[CheckedKey, RawServer]:
    """Return what a key is told."""
    with RawServer(answers) as server:
        check = checker(server.url, **options)  # type: ignore[arg-type]  # by name
        try:
            return check.check(SECRET), server
        finally:
            check.close()


def test_the_vendors_own_example() -> None:
    """The key is the credential, after Bearer, whatever the account's own token is sent as."""
    found, server = asked(answer())
    assert (found.live, found.why, found.name) == (True, "", "production")
    assert (found.used_units, found.available_units) == (50_000, 100_000)
    assert found.spec == {
        "limits.total_units": 150_000,
        "expires": "never",
        "models": ("gpt-4.1", "o3"),
    }
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", "/api/usage/token")
    assert request.headers["authorization"] == f"Bearer sk-{KEY}"


@pytest.mark.parametrize(
    ("changes", "live", "spec"),
    [
        ({"total_available": 0}, False, {"limits.total_units": 150_000}),
        ({"total_available": -5}, False, {}),
        ({"unlimited_quota": True, "total_available": -5}, True, {"limits.total_units": "unlimited"}),
        ({"expires_at": 1_700_000_000}, False, {"expires": "2023-11-14T22:13:20Z"}),
        ({"expires_at": 1_893_456_000}, True, {"expires": "2030-01-01T00:00:00Z"}),
        ({"expires_at": -1}, True, {"expires": "never"}),
        ({"model_limits_enabled": False}, True, {"models": "all"}),
        ({"name": None}, True, {}),
    ],
    ids=range(8),
)
def test_what_the_answer_means(changes: dict[str, Any], spec: dict[str, Any], *, live: bool) -> None:
    """Spent and expired keys may still ask; zero is never here."""
    found, _ = asked(answer(**changes))
    assert found.live is live
    assert bool(found.why) is not live
    assert spec.items() <= found.spec.items()


def test_models_of_an_unknown_form_are_left_out() -> None:
    """What was not told is not compared."""
    found, _ = asked(answer(model_limits=["a"]))
    assert "models" not in found.spec


def test_usd_where_the_unit_is_known() -> None:
    """It is asked for with the account's own token, once."""
    status = yes({"quota_per_unit": 500_000})
    with RawServer((status, answer(), answer(unlimited_quota=True))) as server:
        check = checker(server.url, quota_per_unit=500_000)
        assert check.check(SECRET).spec["limits.total_usd"] == 300_000
        assert check.check(SECRET).spec["limits.total_usd"] == "unlimited"
        check.close()
        tokens = [request.headers["authorization"] for request in server.requests]
    assert tokens == [PAT, f"Bearer sk-{KEY}", f"Bearer sk-{KEY}"]


def test_a_server_with_the_slash_is_found() -> None:
    """A redirect is not followed, since the key would go along."""
    moved = respond(301, b"", {"Location": "/api/usage/token/"})
    found, server = asked(moved, answer())
    assert found.live
    assert [request.target for request in server.requests] == ["/api/usage/token", "/api/usage/token/"]


@pytest.mark.parametrize(
    "refused",
    [
        no("Invalid token", 401),
        no("User has been banned", 403),
        respond(401, {"error": {"message": "该令牌已过期", "type": "new_api_error"}}),
    ],
    ids=range(3),
)
def test_a_refused_key_is_an_answer(refused: Answer) -> None:
    """That is what is being asked."""
    found, _ = asked(refused)
    assert (found.live, dict(found.spec), found.name) == (False, {}, None)
    assert found.why == "the provider refuses the key"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (respond(404, {"error": {"message": "Invalid URL"}}), RequestRejectedError),
        (respond(429), DeferredError),
        (respond(500), ProviderUnavailableError),
        (respond(200, b"<html>"), AnswerError),
        (respond(200, {"code": True}), AnswerError),
        (answer(total_used="five"), AnswerError),
        (answer(expires_at=True), AnswerError),
    ],
    ids=range(7),
)
def test_an_answer_that_says_nothing_about_the_key(said: Answer, kind: type[Exception]) -> None:
    """It is an error, so that no key is called dead for it."""
    with pytest.raises(kind):
        asked(said)


def test_a_server_whose_keys_cannot_ask() -> None:
    """one-api has no such route, and a dialect that is set to it has none either."""
    assert PROVIDERS["one-api"].key_check is None
    with pytest.raises(AnswerError, match="look into its panel"):
        asked(yes({}), provider="new-api", dialect="one-api")


@pytest.mark.parametrize("dialect", ["new-api", "new-api-rc", "new-api-old", "cometapi", "hitopen"])
def test_on_every_server(dialect: str) -> None:
    """A live key says so with its caps, and a disabled one is refused."""
    with SandboxServer() as sandbox:
        label = dialect.replace("-", "_")
        made = sandbox.operator.create_key(label, name="a", remain_units=900, models=["gpt-4o"])
        sandbox.operator.spend(made["id"], units=100)
        provider = "new-api" if dialect.startswith("new-api") else dialect
        check = checker(f"{sandbox.base_url}/{dialect}", provider, sandbox.tokens[label], user_id=101)
        found = check.check(Secret(made["api_key"]))
        assert (found.live, found.used_units, found.spec["limits.total_units"]) == (True, 100, 900)
        assert found.spec["models"] == ("gpt-4o",)
        sandbox.operator.change_key(made["id"], enabled=False)
        assert check.check(Secret(made["api_key"])).live is False
        check.close()
