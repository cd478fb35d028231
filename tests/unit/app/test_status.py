"""Reading the table: accounts fail alone, and a second source fills in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.app.status import read_status
from reconciler.core.calendar import Kind
from reconciler.core.fields import MICRO
from reconciler.core.spending import Baseline
from reconciler.core.status import Custody, Thresholds, Usage
from reconciler.errors import CredentialsError, ExitCode, ProviderUnavailableError
from reconciler.providers.memory import MemoryServer
from tests.unit.app.stage import ACCOUNT, Stage, key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.model import Listing
    from reconciler.core.status import StatusTable


class Source:
    """Says what keys have used, or raises."""

    def __init__(self, *usages: Usage, error: Exception | None = None) -> None:
        self._usages = usages
        self._error = error

    def usages(self) -> Sequence[Usage]:
        """Return the usages."""
        if self._error:
            raise self._error
        return self._usages


def born() -> Stage:
    """Return a stage on which key `a` is applied and has spent 25 USD."""
    stage = Stage()
    stage.declare(key("a"))
    stage.apply()
    stage.server.spend(stage.live()[0].id, 25 * MICRO)
    return stage


def table(stage: Stage, source: Source | None = None) -> StatusTable:
    """Read the status of the one account."""
    return read_status(
        stage.world(),
        [ACCOUNT],
        thresholds=Thresholds(),
        sources={ACCOUNT: source} if source else {},
    )


def test_a_key_is_read_with_its_custody() -> None:
    """Provider and sinks are asked, and nothing is written."""
    stage = born()
    writes = len(stage.server.writes)

    found = table(stage)

    (row,) = found.rows
    assert (row.address, row.total, row.custody) == ("main/a", 25 * MICRO, Custody.HELD)
    assert (found.accounts, found.unread, found.notes, found.tool) == ((ACCOUNT,), (), (), "reconciler test")
    assert len(stage.server.writes) == writes


def test_an_account_that_fails_hides_no_other() -> None:
    """Its error and exit code are kept, the other account's keys are shown."""
    stage = born()
    world = stage.world()
    broken = MemoryServer()
    broken.before = _refuse
    second = replace(world.desired.accounts[ACCOUNT], label="second")
    world = replace(
        world,
        desired=replace(world.desired, accounts={**world.desired.accounts, "second": second}),
        providers={**world.providers, "second": broken.client()},
    )

    found = read_status(world, ["second", ACCOUNT], thresholds=Thresholds(), sources={})

    assert [row.address for row in found.rows] == ["main/a"]
    assert found.accounts == (ACCOUNT,)
    assert [(item.account, item.message, item.code) for item in found.unread] == [
        ("second", "the token is refused; set it again", ExitCode.CREDENTIALS)
    ]


def test_usage_of_a_second_source_is_joined() -> None:
    """By name; a source that knows no key of the account is told about."""
    stage = born()

    joined = table(stage, Source(Usage(name="a", today=MICRO)))
    other = table(stage, Source(Usage(name="x", today=MICRO)))

    assert (joined.rows[0].today, joined.notes) == (MICRO, ())
    assert other.rows[0].today is None
    assert other.notes == ("main: its usage source shows no key by a name of this account",)


def test_a_source_that_fails_is_a_note() -> None:
    """The table is good without it."""
    found = table(born(), Source(error=ProviderUnavailableError("no answer; run again")))

    assert len(found.rows) == 1
    assert found.notes[0] == "main: its usage could not be read: no answer; run again"


def test_warnings_of_a_list_are_passed_on() -> None:
    """With the account that they are about."""
    stage = born()
    world = stage.world()
    provider = world.providers[ACCOUNT]
    listed = provider.list_keys()

    class WarningList:
        """The same account with a warning."""

        capabilities = provider.capabilities
        origin = provider.origin

        def list_keys(self) -> Listing:
            """Return the list."""
            return replace(listed, warnings=("one key is odd",))

    found = read_status(
        replace(world, providers={ACCOUNT: WarningList()}),  # type: ignore[dict-item]  # it only lists
        [ACCOUNT],
        thresholds=Thresholds(),
        sources={},
    )

    assert found.notes == ("main: one key is odd",)


def _refuse(call: object) -> None:
    del call
    msg = "the token is refused; set it again"
    raise CredentialsError(msg)


def test_what_is_due_and_how_fast_a_key_spends_are_read_too() -> None:
    """The rotation by its delivery, the pace since an earlier moment; nothing more is asked for it."""
    stage = Stage()
    stage.declare(key("a", rotate_every=timedelta(days=30)))
    stage.apply()
    start = stage.clock.now()
    stage.clock.advance(10 * 86400)
    stage.server.spend(stage.live()[0].id, 50 * MICRO)

    found = read_status(
        stage.world(),
        [ACCOUNT],
        thresholds=Thresholds(),
        sources={},
        baseline=Baseline(at=start, used={(ACCOUNT, stage.live()[0].id): 0}),
    )

    (row,) = found.rows
    assert [(event.kind, event.at) for event in row.due] == [(Kind.ROTATION, start + timedelta(days=30))]
    assert row.used_up == start + timedelta(days=20)
