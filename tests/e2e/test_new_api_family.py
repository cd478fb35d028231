"""What clients of the New API family get wrong: the real command line on simulated servers."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import ExitCode
from reconciler.sandbox.keys import NewKey
from reconciler.sandbox.newapi_dialects import HITOPEN
from reconciler.sandbox.newapi_token import Token, columns_of, new_key
from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project
from tests.e2e.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.e2e.command import Finished
    from tests.e2e.servers import Server

FAMILY = {server.name: server for server in SERVERS if server.provider != "qcode-partner"}
WRITES = frozenset({"POST", "PUT", "DELETE"})
ONE_KEY: Mapping[str, Mapping[str, Any]] = {"client-a": {"limits": {"total_usd": 5}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A directory for one account of a simulated server."""

    server: Server
    sandbox: SandboxServer
    project: Project

    def options(self, **options: Any) -> None:
        """Replace the account's options."""
        changed = replace(self.server, options=options)
        (self.project.root / "reconciler.yaml").write_text(changed.settings(self.sandbox.base_url))

    def declare(self, **declared: Mapping[str, Any]) -> None:
        """Replace the declarations; `_` in a name stands for `-`."""
        keys = {name.replace("_", "-"): fields for name, fields in declared.items()}
        (self.project.root / "keys" / "team.yaml").write_text(self.server.keys(keys))

    def run(self, *arguments: str, code: ExitCode = ExitCode.OK) -> Finished:
        """Run the command line and hold it to an exit code."""
        finished = self.project.run(*arguments)
        assert finished.code == code, f"{finished.code}\n{finished.stdout}{finished.stderr}"
        return finished

    def settle(self) -> None:
        """Apply, and make sure that nothing is left to plan."""
        self.run("apply", "--yes")
        self.run("plan", "--detailed-exitcode")

    def writes(self) -> list[str]:
        """Return what the server was asked to change."""
        requests = self.sandbox.operator.requests()
        return [f"{logged.method} {logged.path}" for logged in requests if logged.method in WRITES]

    def make(self, name: str, **fields: Any) -> str:
        """Make a key as the panel would, and return its id."""
        return self.sandbox.operator.create_key(self.server.account, name=name, **fields)["id"]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Return a function that serves a sandbox, with switches of one server, and a project in front of it."""
    with SandboxServer() as sandbox:

        def open_place(name: str, **switches: Any) -> Place:
            server = FAMILY[name]
            if switches:
                sandbox.operator.set_switches(name, **switches)
            project = Project.create(
                tmp_path / "project",
                sandbox.base_url,
                sandbox.tokens[server.account],
                server.keys(ONE_KEY),
                settings=server.settings(sandbox.base_url),
            )
            return Place(server=server, sandbox=sandbox, project=project)

        yield open_place


@pytest.mark.parametrize("name", FAMILY)
def test_the_form_of_every_server_is_found_out(opened: Callable[..., Place], name: str) -> None:
    """`new-api` with `auto` for dialect and scheme: from an empty list to a key with all restrictions."""
    place = opened(name)
    automatic = {
        "dialect": "auto",
        "auth_scheme": "auto",
        "user_id": place.server.options.get("user_id", 131),
    }
    if name in {"cometapi", "one-api"}:
        del automatic["user_id"]
    changed = replace(place.server, provider="new-api", options=automatic)
    (place.project.root / "reconciler.yaml").write_text(changed.settings(place.sandbox.base_url))
    limits = {"limits": {"total_usd": 5}, "expires": "2030-01-01T00:00:00Z"}
    place.declare(client_a={**limits, "models": ["gpt-4o", "o3"], "allow_ips": ["10.0.0.0/8"]})

    place.settle()

    (row,) = place.sandbox.operator.keys(place.server.account)
    assert (row.enabled, row.total_usd, row.extra["expired_time"]) == (True, 5, 1_893_456_000)
    assert row.extra["model_limits"] == "gpt-4o,o3"
    assert row.extra["allow_ips"] == "10.0.0.0/8"
    assert {text.removeprefix("sk-") for text in place.project.secrets().values()} == set(
        place.sandbox.operator.secrets()
    )


@pytest.mark.parametrize(
    "switches",
    [
        {"key_form": "masked", "reveal_routes": "single"},
        {"key_form": "masked", "reveal_routes": "both"},
        {"key_form": "full", "reveal_routes": "absent"},
        {"key_form": "full", "reveal_routes": "both", "key_prefix": "sk"},
        {"create_returns": "masked"},
        {"create_returns": "full"},
        {"page_past_end": "null"},
        {"put_returns": "nothing"},
        {"status_route": False},
        {"fork_field": True},
        {"status_only": "full_put", "put_status": "applied"},
        {"spent_status": "not_written"},
        {"unlimited_counted": False},
        {"quota_lag_seconds": 5},
        {"put_omitted": "kept"},
    ],
    ids=lambda switches: ",".join(f"{name}={value}" for name, value in switches.items()),
)
def test_the_job_ends_the_same_way(opened: Callable[..., Place], switches: dict[str, Any]) -> None:
    """Keys on and off are born, spend, are changed and switched, on every kind of server."""
    place = opened("new-api", **switches)
    place.sandbox.operator.no_limits("new-api")
    place.declare(client_a={"limits": {"total_usd": 5}}, client_b={"limits": {"total_usd": "unlimited"}})
    place.settle()
    rows = {row.name: row for row in place.sandbox.operator.keys("new_api")}
    for row in rows.values():
        place.sandbox.operator.spend(row.id, 2)
    place.run("plan", "--detailed-exitcode")

    place.declare(
        client_a={"limits": {"total_usd": 7}, "enabled": False},
        client_b={"limits": {"total_usd": 9}, "group": "default"},
    )
    place.settle()

    rows = {row.name: row for row in place.sandbox.operator.keys("new_api")}
    assert {name: (row.enabled, row.total_usd) for name, row in rows.items()} == {
        "client-a": (False, 7),
        "client-b": (True, 9 if switches.get("unlimited_counted", True) else rows["client-b"].total_usd),
    }
    assert all(row.extra["expired_time"] == -1 for row in rows.values())


def test_a_server_that_hides_every_secret_leaves_an_inert_key(opened: Callable[..., Place]) -> None:
    """Nothing can be spent with what nobody holds, and the run says what to do."""
    place = opened("new-api", key_form="masked", reveal_routes="absent")

    finished = place.project.run("apply", "--yes")

    assert finished.code not in {ExitCode.OK, ExitCode.CHANGES}
    assert "copy the secret from its panel" in finished.stdout + finished.stderr
    (row,) = place.sandbox.operator.keys("new_api")
    assert (row.extra["remain_quota"], row.extra["unlimited_quota"]) == (0, False)


def test_quota_units_without_a_price(opened: Callable[..., Place]) -> None:
    """CometAPI does not say what a unit is worth: units can be declared, and USD is refused offline."""
    place = opened("cometapi")
    place.options()
    place.declare(
        client_a={"limits": {"total_units": 1000}}, client_b={"limits": {"total_units": "unlimited"}}
    )
    place.settle()
    (row,) = [row for row in place.sandbox.operator.keys("cometapi") if row.name == "client-a"]
    place.sandbox.operator.spend(row.id, units=400)
    place.run("plan", "--detailed-exitcode")
    assert place.sandbox.operator.key(row.id).extra["remain_quota"] == 600

    place.declare(client_a={"limits": {"total_usd": 1}})
    refused = place.run("validate", code=ExitCode.INVALID)
    assert "declare `total_units`" in refused.stdout


def test_another_unit_than_the_configured_one_stops_everything(opened: Callable[..., Place]) -> None:
    """Every amount would be wrong by one factor."""
    place = opened("new-api", quota_per_unit=1_000_000)

    refused = place.run("apply", "--yes", code=ExitCode.ERROR)

    assert "correct `quota_per_unit`" in refused.stderr
    assert place.writes() == []


def test_keys_of_other_users_get_no_write(opened: Callable[..., Place]) -> None:
    """A root user sees them all; one of a declared name is neither adopted nor changed nor deleted."""
    place = opened("new-api-rc")
    operator = place.sandbox.operator
    operator.change_account("new_api_rc", role="root")
    for name in ("client-a", "team/x"):
        operator.create_key("new_api_rc_two", name=name, total_usd=3)
    theirs = operator.keys("new_api_rc_two")

    place.options()
    place.make("mine", total_usd=1)
    refused = place.run("apply", "--yes", code=ExitCode.ERROR)
    assert "set the account's `user_id`" in refused.stderr
    assert place.writes() == []

    place.options(user_id=111)
    place.settle()
    assert operator.keys("new_api_rc_two") == theirs
    assert {row.name for row in operator.keys("new_api_rc")} == {"mine", "client-a"}


def test_a_list_that_is_shorter_than_its_total_is_no_plan(opened: Callable[..., Place]) -> None:
    """What is missing in it would be minted again."""
    place = opened("new-api", list_total="too_high")

    refused = place.run("apply", "--yes", code=ExitCode.ERROR)

    assert "the list is not complete" in refused.stderr
    assert place.writes() == []


def test_a_key_made_while_the_pages_are_read_is_no_confusion(tmp_path: Path) -> None:
    """Rows shift to the next page: one comes twice, the total changes, and the list is read again."""
    server = FAMILY["hitopen"]
    lists: set[int] = set()

    def make_one(event: str, method: str, path: str, number: int) -> None:
        if (event, method) == ("head", "GET") and path.partition("?")[0].endswith("/api/token/"):
            lists.add(number)
            if len(lists) == 3:
                late = columns_of(Token(name="late"), HITOPEN)
                keys = sandbox.store.keys
                keys.add([NewKey(id=keys.next_id(), account="hitopen", secret=new_key(), **late)], now=0)

    with SandboxServer(on_event=make_one) as sandbox:
        names = [f"key-{number}" for number in range(250)]
        sandbox.operator.create_keys([{"account": "hitopen", "name": name, "total_usd": 5} for name in names])
        project = Project.create(
            tmp_path,
            sandbox.base_url,
            sandbox.tokens["hitopen"],
            server.keys({name: {"limits": {"total_usd": 5}} for name in names}, deliver="none"),
            settings=server.settings(sandbox.base_url),
        )
        finished = project.run("plan", "--detailed-exitcode")
        assert finished.code == ExitCode.OK, finished.stdout + finished.stderr
        assert len(lists) > 3


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "one-api"])
def test_pages_are_read_at_once_and_within_the_servers_limit(opened: Callable[..., Place], name: str) -> None:
    """A thousand keys are ten requests beside those for the unit and the wallet; none is refused."""
    place = opened(name)
    rows = [{"account": place.server.account, "name": f"k{number}", "total_usd": 1} for number in range(1000)]
    place.sandbox.operator.create_keys(rows)

    place.run("plan")

    requests = place.sandbox.operator.requests()
    assert [logged.status for logged in requests] == [200] * 12


@pytest.mark.parametrize("name", FAMILY)
def test_a_wrong_token_is_told_as_such(opened: Callable[..., Place], name: str) -> None:
    """Whether the server says so with 401 or with 200."""
    place = opened(name)
    place.sandbox.operator.reset_token(place.server.account)

    place.run("plan", code=ExitCode.CREDENTIALS)


@pytest.mark.parametrize(("name", "longest"), [("new-api", 45), ("hitopen", 25), ("one-api", 25)])
def test_names_are_measured_in_bytes_before_anything_is_sent(
    opened: Callable[..., Place], name: str, longest: int
) -> None:
    """A Chinese character is three of them; five are kept for what marks a generation and an attempt."""
    place = opened(name)
    place.declare(**{"客" * (longest // 3): ONE_KEY["client-a"]})
    place.run("validate")
    place.declare(**{"客" * (longest // 3 + 1): ONE_KEY["client-a"]})
    assert "bytes long" in place.run("validate", code=ExitCode.INVALID).stdout


def test_an_update_keeps_what_the_documented_one_loses(opened: Callable[..., Place]) -> None:
    """HitOpen's page sends three members; sent to a server, that ends the key. Ours keeps all the others."""
    place = opened("hitopen", fork_field=True)
    kept = {"expires_at": 1_893_456_000, "models": ["gpt-4o"], "ips": ["10.0.0.0/8"], "group": "vip"}
    documented, ours = (place.make(name, total_usd=5, **kept) for name in ("documented", "ours"))
    before = place.sandbox.operator.key(ours).extra
    place.declare(ours={"limits": {"total_usd": "unlimited"}, "deliver": "none"})

    send_documented_update(place, documented)
    place.settle()

    lost = place.sandbox.operator.key(documented).extra
    assert (lost["expired_time"], lost["model_limits"], lost["allow_ips"], lost["group"]) == (0, "", None, "")
    assert place.sandbox.operator.use(documented)
    after = place.sandbox.operator.key(ours).extra
    assert after == {**before, "unlimited_quota": True}
    assert place.sandbox.operator.use(ours) == ""


def send_documented_update(place: Place, key_id: str) -> None:
    """Send the example of the vendor's page (doc.hitopen.com, Tokens, "Update a token")."""
    body = {"id": int(key_id), "name": "production-app-v2", "unlimited_quota": True}
    token = place.sandbox.tokens[place.server.account]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(place.sandbox.base_url.removeprefix("http://"), timeout=10)
    connection.request("PUT", f"{place.server.path}/api/token/", json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["success"] is True
