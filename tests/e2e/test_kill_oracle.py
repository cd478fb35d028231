"""What the tests of kills look for is found when it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kill_moments import Moment
from tests.e2e.kill_oracle import without_a_key, wrong
from tests.e2e.kill_rounds import HABITS, accustomed, case_of
from tests.e2e.kill_stage import TRAIL
from tests.e2e.kill_worlds import CHANGES, VENDORS
from tests.e2e.kills import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kill_stage import Case, Stage
    from tests.e2e.kill_worlds import Vendor


def switched_off(stage: Stage) -> None:
    """Nobody can use the new key."""
    stage.sandbox.operator.change_key(own_row(stage), enabled=False)


def other_cap(stage: Stage) -> None:
    """The key is not as declared."""
    stage.sandbox.operator.change_key(own_row(stage), total_usd=99)


def twin(stage: Stage) -> None:
    """There is a second key of the name."""
    stage.sandbox.operator.create_key("one", description="client-a", total_usd=100)


def minted_in_vain(stage: Stage) -> None:
    """A create was repeated, and its row given up."""
    made = stage.sandbox.operator.create_key("one", description="client-a~1.2", total_usd=1)
    stage.sandbox.operator.change_key(made["id"], enabled=False)


def foreign_change(stage: Stage) -> None:
    """Somebody else's key was touched."""
    (foreign, *_) = [row for row in stage.sandbox.operator.keys("one") if row.description != "client-a"]
    stage.sandbox.operator.change_key(foreign.id, total_usd=8)


def lost_secret(stage: Stage) -> None:
    """The sink holds nothing of use."""
    (stage.project.root / ".secrets" / "keys.env").write_text("CLIENT_A=other\n")


def leak_to_a_file(stage: Stage) -> None:
    """A secret stands in another file."""
    (stage.project.root / "notes.txt").write_text(f"it is {stage.sandbox.operator.secrets()[-1]}\n")


def leak_to_the_output(stage: Stage) -> None:
    """A program wrote its token."""
    stage.heard.append(f"token {stage.sandbox.tokens['one']}")


def damaged_trail(stage: Stage) -> None:
    """A line of the audit trail was changed."""
    path = stage.project.root / TRAIL
    path.write_text(path.read_text().replace("client-a", "client-b"))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (switched_off, "client-a, generation 1: no live row"),
        (other_cap, "after an unharmed run"),
        (twin, "client-a, generation 1: 2 live rows"),
        (minted_in_vain, "2 rows were minted, 1 at the most may be"),
        (foreign_change, "a foreign row was changed"),
        (lost_secret, "client-a: the sink does not hold the secret of"),
        (leak_to_a_file, "notes.txt shows a secret"),
        (leak_to_the_output, "output 2 shows a secret"),
        (damaged_trail, "the audit trail is damaged in lines"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_each_harm_is_told(stage: Stage, harm: Callable[[Stage], None], said: str) -> None:
    """A round that leaves this behind is a violation."""
    case = applied(stage)
    assert wrong(stage, case, stops=0) == []

    harm(stage)

    assert any(said in text for text in wrong(stage, case, stops=0))


def test_an_outage_right_after_a_kill_is_told(stage: Stage) -> None:
    """At every moment of a change, keys that stay can be used."""
    case = case_of(stage, "qcode", "replace")
    stage.begin(case)
    assert without_a_key(stage, case) == []

    switched_off(stage)

    assert without_a_key(stage, case) == ["no key of client-a was left that works"]


def test_what_is_left_to_do_is_told(stage: Stage) -> None:
    """Clean runs that do not finish are a violation, with what they said."""
    applied(stage)
    (stage.project.root / "keys" / "team.yaml").write_text("version: 1\nkeys: [\n")

    (*runs, plan) = stage.recover()

    assert len(runs) == 3
    assert "ended with 3" in runs[0]
    assert "plan ends with 3" in plan


def test_one_round_can_be_played_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A violation prints this command."""
    assert main(["--play", "qcode:create:2.committed", "new-api:create:3.half:INT"]) == 0

    said = capsys.readouterr().out
    assert "2 rounds (2 named): 2 processes stopped, 0 violations" in said


@pytest.mark.parametrize("name", ["nothing", "qcode:create", "qcode:nothing:1.head", "qcode:create:first"])
def test_a_round_that_is_none_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what there is."""
    with pytest.raises(SystemExit, match="2"):
        main(["--play", name])
    assert "is no" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VENDORS if not vendor.switches], ids=lambda vendor: vendor.name
)
def test_every_habit_leaves_an_unharmed_run_as_it_is(stage: Stage, vendor: Vendor) -> None:
    """A random round sets one of them; what it finds is due to its kills."""
    for habit in HABITS[vendor.family]:
        case = stage.case(accustomed(vendor, habit), CHANGES[0])
        assert case.moments


def test_a_moment_is_read_as_it_is_written() -> None:
    """The name of a round leads back to it."""
    assert Moment.read(str(Moment(12, "half"))) == Moment(12, "half")


def applied(stage: Stage) -> Case:
    """Create the key with nothing going wrong."""
    case = case_of(stage, "qcode", "create")
    stage.begin(case)
    assert stage.run("apply", "--yes").code == 0
    return case


def own_row(stage: Stage) -> str:
    """Return the id of the key that was created."""
    return next(row.id for row in stage.sandbox.operator.keys("one") if row.description == "client-a")
