"""What every provider adapter owes to the application, whatever API is behind it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.fields import ENABLED, MICRO
from reconciler.core.identity import Incarnation
from reconciler.core.model import MintRequest, RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import KeyNotFoundError, RequestRejectedError, SecretLostError
from reconciler.providers import memory
from reconciler.providers.memory import MemoryProvider, MemoryServer
from reconciler.providers.registry import PROVIDERS, Connection
from reconciler.sandbox.server import SandboxServer
from tests.clocks import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.core.fields import Spec
    from reconciler.core.model import Minted, ObservedKey
    from reconciler.ports.provider import Provider

DAILY, TOTAL, CONCURRENCY = "limits.daily_usd", "limits.total_usd", "limits.concurrency"
UNITS = "limits.total_units"
LIMITS = {DAILY: 5 * MICRO, TOTAL: 100_250_000, CONCURRENCY: 3}
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One provider under test, and what its operator can do.

    Attributes:
        provider: a client that may write.
        reader: a client that may not.
        put: makes a key as the panel would, with LIMITS, and returns its id.
        put_foreign: makes a key of somebody else.
        spend: books a cost in micro-USD.
        secret_of: the plaintext of a key.
        replays_secret: an equal create answers with the plaintext again.
        limits: what `put` sets.
        changes: an update that differs from it.
        amounts: lifetime caps in micro-USD that the provider can store.
        nobody: an id that no key has.
    """

    provider: Provider
    reader: Provider
    put: Callable[[str], str]
    put_foreign: Callable[[str], str]
    spend: Callable[[str, int], None]
    secret_of: Callable[[str], str]
    replays_secret: bool
    limits: Spec = field(default_factory=lambda: LIMITS)
    changes: Spec = field(default_factory=lambda: {DAILY: 7_250_000, CONCURRENCY: 9})
    amounts: tuple[int, ...] = (10_000, 333_333, 1_234_567_890_000, 100_000_000)
    nobody: str = NOBODY

    def mint(self, name: str, *, key: str | None = None) -> Minted:
        """Mint under a name; the idempotency key is made from it unless given."""
        return self.provider.create_key(request(name, key=key))

    def find(self, name: str) -> ObservedKey:
        """Return the one key of that name."""
        (found,) = [key for key in self.provider.list_keys().keys if key.name == name]
        return found


def request(name: str, *, key: str | None = None) -> MintRequest:
    """Return what a create of that name depends on."""
    return MintRequest(
        incarnation=Incarnation(name=name), name=name, idempotency_key=(key or name).ljust(40, "-")
    )


MEMORY = {
    "memory-a": memory.CLASS_A,
    "memory-b": memory.CLASS_B,
    "memory-c": memory.CLASS_C,
    "memory-d": memory.CLASS_D,
    "memory-e": memory.CLASS_E,
}
QCODE: dict[str, dict[str, Any]] = {
    "qcode-documented": {},
    "qcode-bare": {"list_shape": "bare"},
    "qcode-results": {"list_shape": "results", "list_total": "exact", "list_order": "oldest"},
    "qcode-pages-clamped": {"list_shape": "items", "list_paging": "clamped", "list_total": "exact"},
    "qcode-pages-empty": {"list_paging": "empty", "list_page_size": 10},
    "qcode-pages-silent": {"list_paging": "clamped", "list_page_info": False},
    "qcode-pages-bare": {"list_paging": "empty", "list_shape": "bare"},
    "qcode-camel-text": {"field_names": "camel", "numbers": "string", "concurrency_as": "string"},
    "qcode-snake-status": {"field_names": "snake", "enabled_field": "status", "timestamp_form": "epoch"},
    "qcode-nested": {"limits_nested": True, "id_field": "key_id", "extra_fields": True},
    "qcode-camel-nested": {"limits_nested": True, "field_names": "camel", "id_field": "key_id"},
    "qcode-created-201": {"create_status": 201, "write_answer": "empty", "create_warnings": "text"},
    "qcode-thin-list": {"list_limits": False, "list_description": False, "timestamps": False},
    "qcode-no-date": {"date_header": False, "create_warnings": "object", "enabled_field": "enabled"},
    "qcode-no-plaintext": {"idempotency_replay": "no_plaintext", "error_detail": "list"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One server of the New API family under test.

    Attributes:
        server: the dialect of the sandbox.
        provider: the word in the settings.
        options: the account's.
        switches: how the server differs from its dialect.
    """

    server: str
    provider: str
    options: dict[str, object] = field(default_factory=dict)
    switches: dict[str, Any] = field(default_factory=dict)


def new_api(options: dict[str, object] | None = None, **switches: Any) -> Member:
    """Return the usual server with some switches."""
    chosen: dict[str, object] = {"user_id": 101} if options is None else options
    return Member(server="new-api", provider="new-api", options=chosen, switches=switches)


COMET: dict[str, object] = {"quota_per_unit": 500_000}
FAMILY = {
    "new-api": new_api(),
    "new-api-single-reveal": new_api(reveal_routes="single", put_returns="nothing"),
    "new-api-full-keys": new_api(key_form="full", reveal_routes="absent", key_prefix="sk"),
    "new-api-tells-key": new_api(create_returns="full"),
    "new-api-tells-id": new_api(create_returns="masked", messages="chinese"),
    "new-api-unknown-status-route": new_api(status_only="full_put", put_status="applied"),
    "new-api-fork": new_api(fork_field=True, page_past_end="null", page_size_params="size"),
    "new-api-keeps": new_api(put_omitted="kept", unlimited_counted=False),
    "new-api-small-pages": new_api(page_size_max=7, group_checked=True),
    "new-api-bearer": new_api({"user_id": 101, "auth_scheme": "auto"}, auth_scheme="bearer"),
    "new-api-one-api": new_api(
        {"user_id": 101}, page_base=0, page_shape="array", model_field="models", ip_field="subnet"
    ),
    "new-api-rc": Member(server="new-api-rc", provider="new-api"),
    "new-api-old": Member(server="new-api-old", provider="new-api", options={"user_id": 121}),
    "new-api-0.8.3": Member(
        server="new-api-old",
        provider="new-api",
        options={"user_id": 121},
        switches={"page_base": 0, "page_shape": "array", "page_size_params": "size"},
    ),
    "hitopen": Member(server="hitopen", provider="hitopen"),
    "hitopen-array": Member(
        server="hitopen",
        provider="hitopen",
        options={"user_id": 131},
        switches={"models_array": "stored", "key_form": "masked", "reveal_routes": "both"},
    ),
    "cometapi": Member(server="cometapi", provider="cometapi", options=COMET),
    "cometapi-closed": Member(
        server="cometapi", provider="cometapi", options=COMET, switches={"status_route": False}
    ),
    "one-api": Member(server="one-api", provider="one-api"),
    "one-api-sniffed": Member(server="one-api", provider="new-api"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the sandbox for the whole module; each test starts it afresh."""
    with SandboxServer() as server:
        yield server


@pytest.fixture(params=[*MEMORY, *QCODE, *FAMILY])
def world(request: pytest.FixtureRequest, sandbox: SandboxServer) -> Iterator[World]:
    """Return each provider in each of its behaviours."""
    name = str(request.param)
    if name in MEMORY:
        yield memory_world(MemoryServer(behaviour=MEMORY[name], clock=FakeClock()))
        return
    sandbox.operator.reset()
    if name in FAMILY:
        found = family_world(sandbox, FAMILY[name])
    else:
        sandbox.operator.no_limits()
        if QCODE[name]:
            sandbox.operator.set_switches(**QCODE[name])
        found = qcode_world(sandbox)
    yield found
    found.provider.close()
    found.reader.close()


def memory_world(server: MemoryServer) -> World:
    """Return a provider in this process."""
    return World(
        provider=server.client(),
        reader=MemoryProvider(server, read_only=True),
        put=lambda name: server.put(name, LIMITS),
        put_foreign=lambda name: server.put(name, LIMITS, foreign=True),
        spend=server.spend,
        secret_of=lambda key_id: server.secret_of(key_id).reveal(),
        replays_secret=server.behaviour.replays_secret,
    )


def qcode_world(sandbox: SandboxServer) -> World:
    """Return the QCode adapter over real HTTP."""

    def connect(*, read_only: bool) -> Provider:
        connection = Connection(
            base_url=sandbox.base_url,
            token=Secret(sandbox.tokens["one"]),
            clock=FakeClock(),
            rng=lambda: 0.5,
            # The budgets have tests of their own, and this clock never gives anything back.
            rate_limits=RateLimits(
                requests_per_minute=10_000, requests_per_day=10_000, creates_per_hour=10_000
            ),
            read_only=read_only,
        )
        return PROVIDERS["qcode-partner"].build(connection)

    def put(account: str) -> Callable[[str], str]:
        return lambda name: sandbox.operator.create_key(
            account, description=name, daily_usd=5, total_usd=100.25, concurrency=3
        )["id"]

    def spend(key_id: str, micro_usd: int) -> None:
        sandbox.operator.spend(key_id, micro_usd / MICRO)

    return World(
        provider=connect(read_only=False),
        reader=connect(read_only=True),
        put=put("one"),
        put_foreign=put("two"),
        spend=spend,
        secret_of=lambda _key_id: sandbox.operator.secrets()[-1],
        replays_secret=sandbox.operator.switches()["idempotency_replay"] == "same",
    )


def family_world(sandbox: SandboxServer, member: Member) -> World:
    """Return the New API adapter over real HTTP."""
    operator, mine = sandbox.operator, member.server.replace("-", "_")
    operator.no_limits(member.server)
    if member.switches:
        operator.set_switches(member.server, **member.switches)

    def connect(*, read_only: bool) -> Provider:
        connection = Connection(
            base_url=f"{sandbox.base_url}/{member.server}",
            token=Secret(sandbox.tokens[mine]),
            clock=FakeClock(),
            rng=lambda: 0.5,
            rate_limits=RateLimits(requests_per_minute=10_000),
            options=member.options,
            read_only=read_only,
        )
        return PROVIDERS[member.provider].build(connection)

    def put(account: str) -> Callable[[str], str]:
        return lambda name: operator.create_key(account, name=name, total_usd=100.25)["id"]

    def spend(key_id: str, micro_usd: int) -> None:
        operator.spend(key_id, micro_usd / MICRO)

    return World(
        provider=connect(read_only=False),
        reader=connect(read_only=True),
        put=put(mine),
        put_foreign=put(f"{mine}_two"),
        spend=spend,
        secret_of=lambda key_id: f"sk-{sandbox.store.keys.plaintext(key_id)}",
        replays_secret=False,
        limits={TOTAL: 100_250_000, UNITS: 50_125_000},
        changes={"expires": "2027-01-31T12:00:00Z", "models": ("gpt-4o", "o3"), "allow_ips": ("10.0.0.0/8",)},
        amounts=(10_000, 333_334, 1_234_567_890_000, 100_000_000),
        nobody="999999999",
    )


def test_a_new_account_has_no_keys_and_may_get_some(world: World) -> None:
    """An empty list is complete, and no obstacle to the first create."""
    listing = world.provider.list_keys()
    assert (listing.keys, listing.creates_refused) == ((), None)


def test_the_capabilities_fit_together(world: World) -> None:
    """Every key can be born at the floor, and only known fields are promised."""
    found = world.provider.capabilities
    assert found.floor.keys() == found.creatable
    assert found.creatable | found.updatable | found.clearable <= found.fields
    assert found.name_unit in {"characters", "bytes"}
    assert found.create_returns_secret or found.reveals
    assert found.mintable
    assert world.provider.origin == world.reader.origin


def test_a_key_of_the_panel_is_seen_with_its_values(world: World) -> None:
    """Name, limits and state come back in canonical form, in the list as in the detail."""
    key_id = world.put("client-a")
    (key,) = world.provider.list_keys().keys
    assert (key.id, key.name, key.foreign) == (key_id, "client-a", False)
    assert {name: key.spec[name] for name in (ENABLED, *world.limits)} == {ENABLED: True, **world.limits}
    detail = world.provider.get_key(key_id)
    assert (detail.id, detail.name, dict(detail.spec)) == (key_id, "client-a", dict(key.spec))


def test_a_key_is_born_at_the_floor_under_its_name(world: World) -> None:
    """Whatever the declaration says, the create asks for the floor only."""
    minted = world.mint("client-a")
    key = world.find("client-a")
    floor = world.provider.capabilities.floor
    assert {name: key.spec[name] for name in floor} == dict(floor)
    assert minted.key_id in {None, key.id}
    if world.provider.capabilities.create_returns_secret:
        assert minted.key_id == key.id
        assert minted.secret is not None
        assert minted.secret.reveal() == world.secret_of(key.id)


def test_a_repeated_create_mints_once_where_there_is_idempotency(world: World) -> None:
    """The same request twice is one key; elsewhere it is two, which is why callers must know."""
    first = world.mint("client-a")
    if not world.provider.capabilities.idempotent_create:
        world.mint("client-a")
        assert len(world.provider.list_keys().keys) == 2
        return
    if world.replays_secret:
        again = world.mint("client-a")
        assert again.key_id == first.key_id
        assert again.secret is not None
        assert first.secret is not None
        assert again.secret.fingerprint() == first.secret.fingerprint()
    else:
        with pytest.raises(SecretLostError) as caught:
            world.mint("client-a")
        assert caught.value.key_id == first.key_id
    assert len(world.provider.list_keys().keys) == 1


def test_an_idempotency_key_of_another_create_gives_no_secret(world: World) -> None:
    """A key that was used for another name mints nothing and hands out nothing."""
    if not world.provider.capabilities.idempotent_create:
        return
    world.mint("client-a", key="shared")
    with pytest.raises(SecretLostError):
        world.mint("client-b", key="shared")
    assert [key.name for key in world.provider.list_keys().keys] == ["client-a"]


def test_a_secret_is_revealed_only_where_that_is_promised(world: World) -> None:
    """Elsewhere the call is refused and nothing is asked of the server."""
    world.mint("client-a")
    key = world.find("client-a")
    if world.provider.capabilities.reveals:
        assert world.provider.reveal(key).reveal() == world.secret_of(key.id)
    else:
        with pytest.raises(RequestRejectedError):
            world.provider.reveal(key)


def test_every_key_has_a_secret_of_its_own(world: World) -> None:
    """No two keys share a secret or an id."""
    if not world.provider.capabilities.create_returns_secret:
        return
    minted = [world.mint(f"client-{number}") for number in range(4)]
    assert len({one.key_id for one in minted}) == 4
    assert len({one.secret.fingerprint() for one in minted if one.secret}) == 4


def test_an_update_sets_what_it_names_and_nothing_else(world: World) -> None:
    """Values are absolute, so repeating the call is harmless."""
    key = world.provider.get_key(world.put("client-a"))
    for _ in range(2):
        world.provider.update_key(key, world.changes)
    found = world.provider.get_key(key.id)
    assert dict(found.spec) == {**key.spec, **world.changes}


def test_every_amount_survives_the_way_there_and_back(world: World) -> None:
    """A cent, a fraction and a large amount are read back exactly."""
    key = world.provider.get_key(world.put("client-a"))
    for amount in world.amounts:
        world.provider.update_key(key, {TOTAL: amount})
        assert world.provider.get_key(key.id).spec[TOTAL] == amount


def test_a_key_is_disabled_and_enabled(world: World) -> None:
    """Either may be repeated, and the limits stay as they are."""
    key = world.provider.get_key(world.put("client-a"))
    for enabled in (False, False, True, True):
        world.provider.set_enabled(key, enabled=enabled)
        found = world.provider.get_key(key.id)
        assert dict(found.spec) == {**key.spec, ENABLED: enabled}


def test_a_disabled_key_stays_in_the_list(world: World) -> None:
    """It is part of the actual state."""
    key = world.provider.get_key(world.put("client-a"))
    world.provider.set_enabled(key, enabled=False)
    assert world.find("client-a").spec[ENABLED] is False


def test_an_unknown_id_is_not_found(world: World) -> None:
    """Reading and writing it say so, each in the same way."""
    key = world.provider.get_key(world.put("client-a"))
    ghost = type(key)(id=world.nobody, name="ghost", spec={})
    for call in (
        lambda: world.provider.get_key(world.nobody),
        lambda: world.provider.update_key(ghost, world.changes),
        lambda: world.provider.set_enabled(ghost, enabled=False),
    ):
        with pytest.raises(KeyNotFoundError):
            call()


def test_somebody_else_s_key_cannot_be_touched(world: World) -> None:
    """It is hidden or marked, and every access is refused."""
    key_id = world.put_foreign("theirs")
    assert all(key.foreign for key in world.provider.list_keys().keys)
    with pytest.raises(KeyNotFoundError):
        world.provider.get_key(key_id)
    mine = world.provider.get_key(world.put("client-a"))
    theirs = type(mine)(id=key_id, name="theirs", spec={})
    with pytest.raises(KeyNotFoundError):
        world.provider.set_enabled(theirs, enabled=False)


def test_a_reading_client_changes_nothing(world: World) -> None:
    """Every write is a programming error, and none arrives."""
    key = world.reader.get_key(world.put("client-a"))
    for call in (
        lambda: world.reader.create_key(request("client-b")),
        lambda: world.reader.update_key(key, world.changes),
        lambda: world.reader.set_enabled(key, enabled=False),
    ):
        with pytest.raises(RuntimeError):
            call()
    assert [dict(row.spec) for row in world.reader.list_keys().keys] == [dict(key.spec)]


def test_deleting_and_renaming_only_where_promised(world: World) -> None:
    """Elsewhere the call is refused and the key stays as it is; a key already gone counts as deleted."""
    key = world.provider.get_key(world.put("client-a"))
    if world.provider.capabilities.renames:
        world.provider.rename_key(key, "client-b")
        assert world.provider.get_key(key.id).name == "client-b"
    else:
        with pytest.raises(RequestRejectedError):
            world.provider.rename_key(key, "client-b")
        assert world.provider.get_key(key.id).name == "client-a"
    if world.provider.capabilities.deletes:
        for _ in range(2):
            world.provider.delete_key(key)
        assert world.provider.list_keys().keys == ()
    else:
        with pytest.raises(RequestRejectedError):
            world.provider.delete_key(key)
        assert len(world.provider.list_keys().keys) == 1


def test_two_keys_of_one_name_are_both_listed(world: World) -> None:
    """Providers do not keep names unique; what that means is for the planner to say."""
    world.put("twin")
    world.put("twin")
    assert Counter(key.name for key in world.provider.list_keys().keys) == {"twin": 2}


def test_a_list_of_many_keys_is_complete(world: World) -> None:
    """Every key exactly once, however many requests that takes."""
    names = {f"client-{number}" for number in range(45)}
    for name in names:
        world.put(name)
    listing = world.provider.list_keys()
    assert Counter(key.name for key in listing.keys) == dict.fromkeys(names, 1)
    assert len({key.id for key in listing.keys}) == 45


def test_spend_is_told_or_unknown_and_never_wrong(world: World) -> None:
    """A key that spent is never called unused, and an amount is given only in USD."""
    key_id = world.put("client-a")
    fresh = world.find("client-a")
    assert fresh.unused is not False
    assert fresh.used_micro_usd in {None, 0}
    world.spend(key_id, 1_500_000)
    spent = world.find("client-a")
    assert spent.unused is not True
    assert spent.used_micro_usd in {None, 1_500_000}


def test_an_age_is_small_or_unknown(world: World) -> None:
    """It comes from the provider's own clock, however wrong the machine's is."""
    world.put("client-a")
    age = world.find("client-a").age
    assert age is None or 0 <= age.total_seconds() < 60
