"""Looking at accounts and sinks: what is passed, what is told, and how each failure reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.app.doctor import capability_lines, examine_account, examine_sink
from reconciler.core.findings import Level
from reconciler.core.model import RateLimits
from reconciler.errors import CredentialsError, ExitCode, ProviderUnavailableError
from reconciler.ports.sink import Entry
from reconciler.sinks.memory import MemorySink
from tests.unit.app.stage import ACCOUNT, Stage, key

if TYPE_CHECKING:
    from reconciler.core.findings import Finding
    from reconciler.core.model import Listing
    from reconciler.ports.provider import Provider


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing about the account."""

    name: str
    value: str
    unit: str | None = None


class Described:
    """A provider whose list and facts are given."""

    def __init__(self, inner: Provider, listing: Listing, facts: tuple[Fact, ...] | Exception) -> None:
        self.capabilities, self.origin = inner.capabilities, inner.origin
        self._listing, self._facts = listing, facts

    def list_keys(self) -> Listing:
        """Return the list."""
        return self._listing

    def account_facts(self) -> tuple[Fact, ...]:
        """Return the facts."""
        if isinstance(self._facts, Exception):
            raise self._facts
        return self._facts


def examined(stage: Stage, provider: Any = None, limits: RateLimits | None = None) -> list[Finding]:
    """Return what a look at the stage's account finds."""
    world = stage.world()
    return list(
        examine_account(
            provider or world.providers[ACCOUNT],
            world.desired.accounts[ACCOUNT],
            list(world.desired.keys),
            limits or RateLimits(),
        )
    )


def test_an_account_that_answers_is_passed() -> None:
    """How many keys there are, what the provider can do, and the budgets."""
    stage = Stage()
    stage.declare(key("a"))
    stage.apply()

    found = examined(stage, limits=RateLimits(requests_per_minute=60, creates_per_hour=5))

    assert [item.what for item in found if item.level is Level.OK] == [
        "reachable, credentials accepted, keys: 1 listed, 1 governed, 1 declared"
    ]
    assert found[-1].what == (
        "rate limits: 60 requests a minute, 5 creates an hour; "
        "the provider does not tell how much of them is left"
    )
    untold = "rate limits: none known; the provider does not tell how much of them is left"
    assert examined(stage)[-1].what == untold
    assert not [item for item in found if item.level in {Level.WARN, Level.FAIL}]


def test_refused_credentials_are_a_failure() -> None:
    """With the exit code for them; nothing more is asked."""
    stage = Stage()
    stage.on("list_keys", CredentialsError("HTTP 401; set the token again"))

    found = examined(stage)

    assert (found[-1].level, found[-1].what, found[-1].code) == (
        Level.FAIL,
        "HTTP 401; set the token again",
        ExitCode.CREDENTIALS,
    )


def test_what_a_list_warns_of_is_a_warning() -> None:
    """So is a list by which no key could be recognised."""
    stage = Stage()
    inner = stage.world().providers[ACCOUNT]
    listing = replace(inner.list_keys(), warnings=("odd",), creates_refused="no names are shown")

    found = examined(stage, Described(inner, listing, (Fact("tier", "B"), Fact("balance", "10", "CNY"))))

    assert [item.what for item in found if item.level is Level.WARN] == [
        "odd",
        "no key is minted: no names are shown",
    ]
    assert "account: tier B, balance 10 CNY" in [item.what for item in found]


class Sniffed(Described):
    """A provider that found out which server this is, and was told its budget."""

    budget_left: int | None = 41

    def server_lines(self) -> tuple[str, ...]:
        """Return what was seen."""
        return ("dialect: auto; the server looks like one\x1b[31m",)


def test_the_server_and_the_budget_that_is_left_are_told() -> None:
    """What stands behind a provider's name, and what its last answer said of the rate limit."""
    stage = Stage()
    inner = stage.world().providers[ACCOUNT]
    provider = Sniffed(inner, inner.list_keys(), ())

    found = [item.what for item in examined(stage, provider, RateLimits(requests_per_minute=60))]

    assert any(text.startswith("dialect: auto; the server looks like one") for text in found)
    assert not any("\x1b" in text for text in found)
    assert found[-1] == ("rate limits: 60 requests a minute; the last answer said that 41 requests are left")
    provider.budget_left = None
    assert examined(stage, provider)[-1].what.endswith("does not tell how much of them is left")


def test_an_account_that_says_nothing_of_itself_is_looked_at_all_the_same() -> None:
    """No facts are no line, and a failure to get them is a warning."""
    stage = Stage()
    inner = stage.world().providers[ACCOUNT]

    none = examined(stage, Described(inner, inner.list_keys(), ()))
    error = examined(
        stage, Described(inner, inner.list_keys(), ProviderUnavailableError("no answer; run again"))
    )

    assert not [item for item in none if item.what.startswith("account")]
    assert [item.what for item in error if item.level is Level.WARN] == [
        "the account itself is not shown: no answer; run again"
    ]


def test_capabilities_are_told_in_words() -> None:
    """What can be declared and lifted, what the provider can and cannot do."""
    can = Stage().world().desired.accounts[ACCOUNT].capabilities
    bare = replace(can, clearable=frozenset(), floor={}, updatable=frozenset(), toggles=False, mintable=False)
    bare = replace(bare, idempotent_create=False)

    lines = list(capability_lines(can))

    assert "can: creates keys, replays a create, disables" in lines
    assert "cannot: shows secrets again, deletes, renames" in lines
    assert "keys are born with: limits.concurrency 1, limits.daily_usd 1, limits.total_usd 1" in lines
    assert list(capability_lines(bare)) == [
        "fields that can be declared: none",
        "can: -",
        "cannot: creates keys, replays a create, shows secrets again, disables, deletes, renames",
        "names: at most 100 characters",
    ]


def test_a_sink_is_asked_about_every_entry() -> None:
    """One bad entry is named; the others are not blamed for it."""
    sink = MemorySink()
    entries = [Entry(name=name, address=f"main/{name}", origin="memory://") for name in ("A", "B")]

    good = list(examine_sink("local", sink, entries))
    sink.store.denied.add("B")
    bad = list(examine_sink("local", sink, entries))

    assert [(item.level, item.what) for item in good] == [
        (Level.OK, "ready for every declared entry, which is 2")
    ]
    assert [(item.level, item.where, item.what) for item in bad] == [
        (Level.FAIL, "sink local", "entry B: writing is denied; grant it")
    ]


def test_a_sink_that_is_not_there_is_one_failure() -> None:
    """The same sentence for every entry is said once, and with no entry as well."""

    def refuse(step: object) -> None:
        msg = f"the store refuses the token at {type(step).__name__}; set it again"
        raise CredentialsError(msg)

    sink = MemorySink(before=refuse)
    entries = [Entry(name=name, address=f"main/{name}", origin="memory://") for name in ("A", "B")]

    for some in (entries, []):
        (found,) = examine_sink("local", sink, some)
        assert (found.level, found.code) == (Level.FAIL, ExitCode.CREDENTIALS)


def test_an_error_that_goes_away_is_told_as_it_was() -> None:
    """All entries together were refused, each by itself is not: the first refusal stands."""
    calls: list[object] = []

    def refuse_once(step: object) -> None:
        calls.append(step)
        if len(calls) == 1:
            msg = "the store is busy; run again"
            raise ProviderUnavailableError(msg)

    entry = Entry(name="A", address="main/A", origin="memory://")

    (found,) = examine_sink("local", MemorySink(before=refuse_once), [entry])

    assert (found.level, found.what) == (Level.FAIL, "the store is busy; run again")
