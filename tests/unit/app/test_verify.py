"""Asking with delivered keys: what is asked, what is not, and that errors end only their own question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.app.verify import verify_keys
from reconciler.core.verification import Verdict
from reconciler.errors import DeferredError, ExitCode
from reconciler.ports.key_check import CheckedKey
from reconciler.sinks.memory import MemorySink
from tests.unit.app.stage import ACCOUNT, SMALL, Stage, key

if TYPE_CHECKING:
    from reconciler.core.secret import Secret
    from reconciler.core.verification import Verified


class OpenSink(MemorySink):
    """A sink in memory that shows its values."""

    def read(self, name: str) -> Secret | None:
        """Return what an entry holds."""
        return self.store.values.get(name)


class Check:
    """Answers with one sentence about every key, and remembers the fingerprints of those who asked."""

    def __init__(self, answer: CheckedKey | Exception) -> None:
        self.asked: list[str] = []
        self._answer = answer

    def check(self, secret: Secret) -> CheckedKey:
        """Answer."""
        self.asked.append(secret.fingerprint())
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def close(self) -> None:
        """Hold nothing."""


LIVE = CheckedKey(live=True, name="a", spec=SMALL)


def born(sink: MemorySink | None = None) -> Stage:
    """Return a stage on which key `a` is in custody."""
    stage = Stage(sinks={"local": sink or OpenSink()})
    stage.declare(key("a"))
    stage.apply()
    return stage


def asked(stage: Stage, check: Check | None) -> list[Verified]:
    """Return the results for every declared key."""
    world = stage.world()
    checks = {ACCOUNT: check} if check else {}
    return list(verify_keys(world.desired, world.desired.keys, sinks=world.sinks, checks=checks))


def test_the_delivered_key_itself_asks() -> None:
    """The secret that the sink holds is the one that is asked with."""
    stage, check = born(), Check(LIVE)

    (found,) = asked(stage, check)

    assert (found.address, found.sink, found.entry, found.judged.verdict) == (
        "main/a",
        "local",
        "A",
        Verdict.GOOD,
    )
    assert check.asked == [stage.sinks["local"].store.values["A"].fingerprint()]


def test_a_refused_key_is_wrong() -> None:
    """What the provider says is the reason."""
    (found,) = asked(born(), Check(CheckedKey(live=False, why="refused", spec={})))

    assert (found.judged.verdict, found.judged.why) == (Verdict.WRONG, "refused")


def test_a_spent_key_is_not_compared_in_its_lifetime_cap() -> None:
    """A lower cap than the spend cannot be stored, so it is no difference."""
    told = replace(
        LIVE, live=False, why="spent", spec={"limits.total_usd": 999}, used_units=9, available_units=0
    )

    (found,) = asked(born(), Check(told))

    assert (found.judged.verdict, found.judged.why) == (Verdict.DIFFERS, "spent")


def test_what_cannot_be_asked_is_said() -> None:
    """A sink that does not show, a provider that does not answer keys, and an adopted key."""
    closed = asked(born(MemorySink()), Check(LIVE))
    silent = asked(born(), None)
    stage = born()
    stage.declare(key("a", adopt=stage.live()[0].id))
    adopted = asked(stage, Check(LIVE))

    assert [item.judged.why for item in closed + silent + adopted] == [
        "this sink does not show secrets again; its receipt is there",
        "keys of memory cannot ask about themselves",
        "adopted: its secret was never delivered",
    ]
    assert {item.judged.verdict for item in closed + silent + adopted} == {Verdict.UNKNOWN}


def test_an_entry_without_a_receipt_is_wrong() -> None:
    """Never delivered, delivered for another generation, or emptied; a key declared absent needs none."""
    never = Stage(sinks={"local": OpenSink()})
    never.declare(key("a"))
    older = born()
    older.declare(key("a", generation=2))
    gone = Stage(sinks={"local": OpenSink()})
    gone.declare(key("a", absent=True))

    assert [asked(stage, Check(LIVE))[0].judged.verdict for stage in (never, older, gone)] == [
        Verdict.WRONG,
        Verdict.WRONG,
        Verdict.GOOD,
    ]


def test_an_entry_that_is_empty_after_all_is_wrong() -> None:
    """Between the receipt and the reading somebody took the value away."""

    class Emptied(OpenSink):
        """Shows receipts and no value."""

        def read(self, name: str) -> Secret | None:
            """Return nothing."""
            del name
            return None

    (found,) = asked(born(Emptied()), Check(LIVE))

    assert (found.judged.verdict, found.judged.why) == (
        Verdict.WRONG,
        "the entry is empty; run `reconciler plan`",
    )


def test_an_error_ends_one_question_only() -> None:
    """It is kept with its exit code, and the next key is asked about."""
    stage = born()
    stage.declare(key("a"), key("b"))
    stage.apply()

    found = asked(stage, Check(DeferredError("the limit is used up; run again later")))

    assert [(item.judged.verdict, item.judged.why, item.code) for item in found] == [
        (Verdict.UNKNOWN, "the limit is used up; run again later", ExitCode.DEFERRED)
    ] * 2
