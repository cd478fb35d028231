"""One throw-away key: what is measured, and that it always ends disabled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.probe import Probe
from reconciler.core.findings import Level
from reconciler.core.model import Listing
from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    ExitCode,
    OutcomeUnknownError,
    ProviderUnavailableError,
    RequestRejectedError,
    SecretLostError,
)
from reconciler.providers.memory import CLASS_A, CLASS_B, CLASS_C, MemoryServer
from tests.clocks import FakeClock

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.findings import Finding
    from reconciler.core.model import Minted, MintRequest, ObservedKey
    from reconciler.providers.memory import Behaviour, MemoryProvider


@dataclass(slots=True)
class Odd:
    """A provider in memory with one oddity at a time.

    Attributes:
        refuses_marks: names with a slash are rejected.
        refuses_all: every create is rejected.
        hides_for: how many lists a new key is missing from.
        renames: what the list shows instead of the name.
        ignores: fields that an update does not change.
        rejects: fields that an update is rejected for.
        cents: amounts that are cut to the cent.
        other_secret: a replay shows another secret.
        second_key: a replay makes another key.
        cannot_disable: raised instead of disabling.
        shown: what rows show besides.
        hidden: fields that rows leave out.
    """

    inner: MemoryProvider
    refuses_marks: bool = False
    refuses_all: bool = False
    hides_for: int = 0
    renames: str | None = None
    ignores: frozenset[str] = frozenset()
    rejects: frozenset[str] = frozenset()
    cents: frozenset[str] = frozenset()
    other_secret: bool = False
    second_key: bool = False
    cannot_disable: Exception | None = None
    shown: dict[str, Any] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    lost: Exception | None = None
    creates: int = 0
    can: Any = None

    @property
    def capabilities(self) -> Any:
        """Those of the provider in memory, unless others are given."""
        return self.can or self.inner.capabilities

    @property
    def origin(self) -> str:
        """That of the provider in memory."""
        return self.inner.origin

    def list_keys(self) -> Listing:
        """Return the list with its oddities."""
        if self.creates and self.hides_for:
            self.hides_for -= 1
            return Listing(keys=())
        return Listing(keys=tuple(self._shown(key) for key in self.inner.list_keys().keys))

    def get_key(self, key_id: str) -> ObservedKey:
        """Return a row with its oddities."""
        return self._shown(self.inner.get_key(key_id))

    def create_key(self, request: MintRequest) -> Minted:
        """Create with the oddities."""
        if self.refuses_all or (self.refuses_marks and "/" in request.name):
            msg = "invalid name; use letters"
            raise RequestRejectedError(msg)
        self.creates += 1
        if self.creates > 1 and self.second_key:
            return self.inner.create_key(replace(request, idempotency_key="another"))
        minted = self.inner.create_key(request)
        if self.lost is not None:
            raise self.lost
        if self.creates > 1 and self.other_secret:
            return replace(minted, secret=Secret("another-secret"))
        return minted

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Update with the oddities."""
        if self.rejects & changes.keys():
            msg = "unknown field; remove it"
            raise RequestRejectedError(msg)
        kept = {name: value for name, value in changes.items() if name not in self.ignores}
        self.inner.update_key(key, {name: self._rounded(name, value) for name, value in kept.items()})

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Switch with the oddities."""
        if self.cannot_disable is not None:
            raise self.cannot_disable
        if "enabled" not in self.ignores:
            self.inner.set_enabled(key, enabled=enabled)

    def _rounded(self, name: str, value: Any) -> Any:
        return value // 10_000 * 10_000 if name in self.cents else value

    def _shown(self, key: ObservedKey) -> ObservedKey:
        spec = {name: value for name, value in {**key.spec, **self.shown}.items() if name not in self.hidden}
        return replace(key, spec=spec, name=self.renames or key.name)


def probed(behaviour: Behaviour = CLASS_A, **oddities: Any) -> tuple[list[Finding], MemoryServer]:
    """Return what a probe finds, and the server after it."""
    clock = FakeClock()
    server = MemoryServer(behaviour=behaviour, clock=clock)
    server.put("others", {"limits.total_usd": 7})
    provider = Odd(server.client(), **oddities)
    probe = Probe(provider=provider, where="main", tag="ab12", clock=clock)  # type: ignore[arg-type]  # no deletes
    return list(probe.run()), server


def texts(findings: list[Finding], level: Level) -> list[str]:
    """Return what the findings of a level say."""
    return [item.what for item in findings if item.level is level]


def ours(server: MemoryServer) -> list[tuple[str | None, bool]]:
    """Return name and state of every key but the one that was there."""
    return [(row.name, row.live) for row in server.rows() if row.name != "others"]


def test_a_provider_as_documented_passes() -> None:
    """Everything is measured with one key, which is off at the end; the others are untouched."""
    found, server = probed()

    assert texts(found, Level.OK) == [
        "a new key is listed at once",
        "names come back as they were sent",
        "a replayed create shows the same key and the same secret",
        (
            "updates take: expires, limits.concurrency, limits.daily_usd, limits.monthly_usd, "
            "limits.requests_per_minute, limits.tokens_per_minute, limits.total_units, limits.total_usd, "
            "limits.weekly_usd"
        ),
        f"the probe's key is disabled; its id is {server.rows()[1].id}",
    ]
    assert len(found) == 5
    assert ours(server) == [("probe-ab12/x~9.9", False)]
    assert server.rows()[0].live


def test_creates_that_answer_nothing_are_found_in_the_list() -> None:
    """By the name; nothing is replayed where the provider cannot."""
    found, server = probed(CLASS_C)

    assert texts(found, Level.FAIL) == []
    assert ours(server) == [("probe-ab12/x~9.9", False)]
    assert not [text for text in texts(found, Level.OK) if "replayed" in text]


def test_names_without_marks_are_tried_where_the_others_are_refused() -> None:
    """And it is said what that means for the settings."""
    found, server = probed(refuses_marks=True)

    assert texts(found, Level.WARN)[0].startswith("names with / and ~ are refused, so use no `namespace`")
    assert ours(server) == [("probe-ab12", False)]


def test_a_create_that_is_refused_for_another_reason_says_nothing_of_names() -> None:
    """A plain name is refused like the marked one, so the answer to it is all that is told."""
    found, server = probed(refuses_all=True)

    assert [item.level for item in found] == [Level.FAIL]
    assert "invalid name" in found[0].what
    assert ours(server) == []


def test_a_list_that_lags_is_measured() -> None:
    """In seconds; where the key never comes, that is a failure, and what the create named is disabled."""
    slow, _ = probed(hides_for=2)
    never, server = probed(hides_for=5)

    assert texts(slow, Level.WARN) == ["a new key is listed after 2 s; leave that long between two runs"]
    assert texts(never, Level.FAIL)[0].startswith("the new key probe-ab12/x~9.9 is not in the list")
    assert ours(server) == [("probe-ab12/x~9.9", False)]


def test_what_the_list_changes_or_hides_is_told() -> None:
    """The name, a floor that is not shown, and one that is another."""
    found, server = probed(
        renames="sub-1", shown={"limits.concurrency": 3}, hidden=frozenset({"limits.daily_usd"})
    )

    assert "came back as 'sub-1'" in texts(found, Level.FAIL)[0]
    assert texts(found, Level.WARN) == [
        "the list does not show limits.daily_usd; drift in it cannot be seen",
        "a new key does not have the limits.concurrency that was sent; check it",
    ]
    assert ours(server) == [("probe-ab12/x~9.9", False)]


def test_replays_are_told_apart() -> None:
    """No secret, another secret, another key: each with what it means; every key is disabled."""
    lost, _ = probed(CLASS_B)
    other, _ = probed(other_secret=True)
    second, server = probed(second_key=True)

    assert texts(lost, Level.WARN)[0].startswith("a replayed create does not show the secret again")
    assert texts(other, Level.FAIL) == ["a replayed create shows another secret; ask the provider"]
    assert texts(second, Level.FAIL)[0].startswith("the same create made a second key")
    assert ours(server) == [("probe-ab12/x~9.9", False)] * 2


def test_updates_that_do_not_take_are_failures() -> None:
    """Rejected or ignored, with the advice not to declare the field."""
    found, _ = probed(rejects=frozenset({"limits.total_usd"}), ignores=frozenset({"limits.daily_usd"}))

    assert texts(found, Level.FAIL) == [
        f"an update does not take: {text}; do not declare this field"
        for text in (
            "limits.daily_usd (it is not 1.000001 afterwards)",
            "limits.total_usd (unknown field; remove it)",
        )
    ]


def test_amounts_that_are_kept_to_the_cent_can_be_declared() -> None:
    """Only finer steps cannot, which is worth a warning."""
    found, _ = probed(cents=frozenset({"limits.daily_usd"}))

    assert texts(found, Level.FAIL) == []
    (told,) = texts(found, Level.WARN)
    assert told.startswith("amounts are kept to the cent: limits.daily_usd (it is not 1.000001")
    assert told.endswith("declare no smaller step")


def test_a_provider_without_limits_has_no_updates_to_tell_of() -> None:
    """Sets and texts are not probed."""
    can = replace(MemoryServer().client().capabilities, updatable=frozenset({"models", "group"}))

    found, _ = probed(can=can)

    assert not [item for item in found if "update" in item.what]


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknownError("no answer; run again"),
        SecretLostError("no secret; run again"),
    ],
)
def test_a_lost_answer_is_no_end(error: Exception) -> None:
    """The key is found by its name, measured and disabled."""
    found, server = probed(lost=error)

    assert "names come back as they were sent" in texts(found, Level.OK)
    assert ours(server) == [("probe-ab12/x~9.9", False)]


def test_an_error_in_between_still_disables() -> None:
    """What made the probe end is told first."""
    found, server = probed(lost=ProviderUnavailableError("no answer; run again"))

    assert next(item.what for item in found) == "no answer; run again"
    assert ours(server) == [("probe-ab12/x~9.9", False)]


def test_a_key_that_cannot_be_disabled_is_named() -> None:
    """It is the one thing that a person has to do."""
    refused, _ = probed(cannot_disable=CredentialsError("HTTP 401; set the token again"))
    failed, _ = probed(cannot_disable=ProviderUnavailableError("no answer; run again"))
    ignored, _ = probed(ignores=frozenset({"enabled"}))

    assert (refused[-1].code, refused[-1].level) == (ExitCode.CREDENTIALS, Level.FAIL)
    assert failed[-1].what.startswith("disable key ")
    assert failed[-1].what.endswith("no answer; run again")
    assert ignored[-1].what.endswith("it is still on")


def test_a_provider_that_makes_no_keys_is_not_probed() -> None:
    """Nothing is written."""
    can = replace(MemoryServer().client().capabilities, mintable=False)

    found, server = probed(can=can)

    assert [item.level for item in found] == [Level.NOTE]
    assert server.writes == ()


def test_a_list_that_fails_at_the_end_does_not_hide_the_key() -> None:
    """The key that the create named is disabled all the same."""
    clock = FakeClock()
    server = MemoryServer(clock=clock)
    provider = server.client()
    probe = Probe(provider=provider, where="main", tag="ab12", clock=clock)
    lists = 0

    def fail_late(call: Any) -> None:
        nonlocal lists
        lists += call.method == "list_keys"
        if call.method == "list_keys" and lists > 2:
            msg = "no answer; run again"
            raise ProviderUnavailableError(msg)

    server.before = fail_late

    assert texts(list(probe.run()), Level.FAIL) == []
    assert ours(server) == [("probe-ab12/x~9.9", False)]


def test_a_key_that_somebody_else_makes_meanwhile_is_not_taken_for_ours() -> None:
    """It is neither measured nor disabled."""
    clock = FakeClock()
    server = MemoryServer(clock=clock)

    def meanwhile(call: Any) -> None:
        if call.method == "create_key" and not server.rows():
            server.put("theirs")

    server.before = meanwhile
    probe = Probe(provider=server.client(), where="main", tag="ab12", clock=clock)

    assert texts(list(probe.run()), Level.FAIL) == []
    assert [(row.name, row.live) for row in server.rows()] == [
        ("theirs", True),
        ("probe-ab12/x~9.9", False),
    ]
