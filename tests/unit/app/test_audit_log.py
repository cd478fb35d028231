"""What a run tells its audit trail, and what it does when it cannot."""

from __future__ import annotations

import pytest

from reconciler.core.report import Status
from reconciler.errors import AuditError, ExitCode
from reconciler.sinks.memory import MemorySink
from tests.unit.app.stage import Stage, key
from tests.unit.app.test_escrow import Trail


def staged(trail: Trail) -> Stage:
    """Return a stage with two keys to mint."""
    stage = Stage(audit=trail)
    stage.declare(key("client-a"), key("client-b"))
    return stage


def test_every_action_is_recorded_before_and_after() -> None:
    """With plan, key, fields and receipt; the secret is in none of it."""
    trail = Trail()
    stage = staged(trail)
    report = stage.apply()
    assert [record.event for record in trail.records] == ["began", "started", "ended", "started", "ended"]
    assert {record.facts["plan"] for record in trail.records} == {report.digest}
    ended = trail.records[2].facts
    assert (ended["address"], ended["status"], ended["remote_id"]) == ("main/client-a", "done", "k1")
    assert ended["after"]["limits.total_usd"] == "100"
    assert ended["receipts"][0]["entry"] == "local/CLIENT_A"


def test_what_is_not_tried_is_recorded_too() -> None:
    """A trail that ends early can be told from a run that stopped."""
    trail = Trail()
    stage = staged(trail)
    stage.control.interrupt(ExitCode.SIGTERM)
    stage.apply()
    assert [record.event for record in trail.records] == ["began", "ended", "ended"]
    assert {record.facts["status"] for record in trail.records[1:]} == {"not_attempted"}


def test_a_trail_that_cannot_be_opened_refuses_everything() -> None:
    """Before the first write, the preflight of the sinks included."""
    stage = staged(Trail(fails_from=1))
    with pytest.raises(AuditError):
        stage.apply()
    assert stage.server.writes == ()


def test_an_action_that_cannot_be_recorded_is_not_begun() -> None:
    """It fails with the reason, and so does every later one."""
    stage = staged(Trail(fails_from=2))
    report = stage.apply()
    assert [outcome.status for outcome in report.outcomes] == [Status.FAILED, Status.FAILED]
    assert report.outcomes[1].message == "the disk is full"
    assert report.verdict == ("failed", ExitCode.ERROR)
    assert stage.server.writes == ()


def test_an_outcome_that_cannot_be_recorded_is_not_hidden() -> None:
    """The key in hand is finished and reported with a warning; nothing new is begun."""
    stage = staged(Trail(fails_from=3))
    first, second = stage.apply().outcomes
    assert (first.status, first.warnings) == (Status.DONE, ("the disk is full",))
    assert second.status is Status.FAILED
    assert stage.holds("CLIENT_A") == "k1"
    assert isinstance(stage.sinks["local"], MemorySink)
    assert [row.name for row in stage.live()] == ["client-a"]
