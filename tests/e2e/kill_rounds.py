"""One round: stop runs of a change, let clean ones go on, and tell what is wrong then. Each has a name."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.kill_moments import EXIT_CODES, SIGNALS, Interrupt, Kill, Moment, spread
from tests.e2e.kill_oracle import without_a_key, wrong
from tests.e2e.kill_worlds import CHANGES, VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.e2e.command import Finished
    from tests.e2e.kill_stage import Case, Stage
    from tests.e2e.kill_worlds import Vendor

AGAIN: Final = "python -m tests.e2e.kills --play"
RANDOM: Final = "random"
MISSED: Final = "the run ended before that moment, or never came to it"
MOST_KILLS: Final = 3
LONGEST_DELAY_SECONDS: Final = 0.01
LONGEST_RUN_SECONDS: Final = 0.15
HABITS: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "qcode": (
        {"list_order": "oldest"},
        {"list_paging": "clamped", "list_page_size": 10},
        {"numbers": "string", "field_names": "camel"},
        {"write_answer": "empty"},
        {"created_enabled": False},
        {"toggle_repeat": 409},
        {"idempotency_failures": "stored"},
    ),
    "new-api": ({"key_prefix": "sk"}, {"page_past_end": "null"}),
    "relatives": ({"put_returns": "nothing"}, {"page_past_end": "null"}),
}
"""What else a vendor of each family may do, without any say in what a kill costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a round ended.

    Attributes:
        name: plays it again.
        hits: runs that were stopped while they lived.
        clean_runs: applies until nothing was left to do.
        wrong: what must not be; empty in a good round.
    """

    name: str
    hits: int
    clean_runs: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([*(f"{self.name}: {text}" for text in self.wrong), f"  again: {AGAIN} {self.name}"])


def case_of(stage: Stage, vendor: str, change: str) -> Case:
    """Return a case by its two names.

    Raises:
        ValueError: there is no such vendor or change.
    """
    vendors = [item for item in VENDORS if item.name == vendor]
    changes = [item for item in CHANGES if item.name == change]
    if not vendors or not changes:
        known = f"{', '.join(item.name for item in VENDORS)}; {', '.join(item.name for item in CHANGES)}"
        msg = f"{vendor}:{change} is no vendor and change; take one each of {known}"
        raise ValueError(msg)
    return stage.case(vendors[0], changes[0])


def play(stage: Stage, name: str) -> Result:
    """Play a round: `VENDOR:CHANGE:MOMENT`, `VENDOR:CHANGE:MOMENT:SIGNALS` or `random:SEED`.

    Raises:
        ValueError: there is no such round.
    """
    first, *rest = name.split(":")
    if first == RANDOM and len(rest) == 1:
        return play_random(stage, int(rest[0]))
    if len(rest) not in {2, 3}:
        msg = f"{name!r} is no round; copy one from a failure, such as qcode:create:2.committed"
        raise ValueError(msg)
    case, moment = case_of(stage, first, rest[0]), Moment.read(rest[1])
    return interrupt(stage, case, moment, rest[2]) if rest[2:] else kill(stage, case, moment)


def kill(stage: Stage, case: Case, moment: Moment, *, fresh: bool = False) -> Result:
    """Kill an apply at a moment; a fresh one is a new interpreter."""
    stage.begin(case)
    hit = stage.run("apply", "--yes", stop=Kill(at=moment), fresh=fresh).code == -signal.SIGKILL
    found = [*([] if hit else _missed(moment)), *without_a_key(stage, case)]
    return _result(stage, case, f"{case.name}:{moment}", int(hit), found)


def interrupt(stage: Stage, case: Case, moment: Moment, word: str) -> Result:
    """Send signals to an apply that ask it to end: it finishes what it has in hand, and begins nothing."""
    stage.begin(case)
    before = len(stage.recorded("ended"))
    stop = Interrupt.of(moment, word, stage.begun)
    done = stage.run("apply", "--yes", stop=stop)
    found = _not_drained(stage, stop, done, before) if stop.hits else [MISSED]
    found += without_a_key(stage, case)
    return _result(stage, case, f"{case.name}:{moment}:{word}", min(stop.hits, 1), found)


def _missed(moment: Moment) -> list[str]:
    # Nobody waits for us behind an answer: on a busy machine, a run may end before it is killed there.
    return [] if moment.event == "answer" else [MISSED]


def _not_drained(stage: Stage, stop: Interrupt, done: Finished, before: int) -> list[str]:
    """Return how an interrupted run was not what the documentation promises."""
    ended = stage.recorded("ended")[before:]
    begun = stage.begun()
    # An answer that is out may be read, and the next action begun, before the signal arrives.
    most = stop.at_the_time + (stop.at.event == "answer")
    statuses = [record["status"] for record in ended]
    worked = statuses.count("done") + statuses.count("already")
    everything = set(statuses) <= {"done", "already"} and bool(statuses)
    # Of two signals that arrive before the interpreter looks, it hears the lower number first.
    codes = {0} if everything else {EXIT_CODES[kind] for kind in stop.kinds}
    found = []
    if begun > most:
        found.append(f"{begun - most} actions were begun after the signal")
    if statuses != ["done"] * worked + ["not_attempted"] * (len(statuses) - worked):
        found.append(f"the actions ended as {statuses}")
    if begun - before != worked:
        found.append(f"{begun - before} actions were begun and {worked} finished")
    if done.code not in codes:
        found.append(f"it ended with {done.code}, not one of {codes}: {done.stderr}{done.stdout}")
    return found


def play_random(stage: Stage, seed: int) -> Result:
    """Kill up to three applies of a random case with random habits, each anywhere, or somewhere after it."""
    rng = random.Random(seed)
    vendor, change = rng.choice(VENDORS), rng.choice(CHANGES)
    if rng.random() < 1 / 3:
        vendor = accustomed(vendor, rng.choice(HABITS[vendor.family]))
    case = stage.case(vendor, change)
    stage.begin(case)
    hits = 0
    for _ in range(rng.randint(1, MOST_KILLS)):
        if rng.random() < 1 / 4:
            seconds = rng.uniform(0, LONGEST_RUN_SECONDS)
            hits += stage.run("apply", "--yes", killed_after=seconds).code < 0
        else:
            delay = rng.choice((0.0, rng.uniform(0, LONGEST_DELAY_SECONDS)))
            stop = Kill(nth=rng.randint(1, len(case.moments)), delay=delay)
            hits += stage.run("apply", "--yes", stop=stop).code < 0
    return _result(stage, case, f"{RANDOM}:{seed}", hits, without_a_key(stage, case))


def accustomed(vendor: Vendor, habit: Mapping[str, Any]) -> Vendor:
    """Return a vendor with one more habit."""
    return replace(vendor, name=f"{vendor.name}+{'+'.join(habit)}", switches={**vendor.switches, **habit})


def _result(stage: Stage, case: Case, name: str, hits: int, found: Iterable[str]) -> Result:
    complaints = [*found, *stage.recover()]
    complaints += wrong(stage, case, stops=hits)
    return Result(name=name, hits=hits, clean_runs=stage.clean_runs, wrong=tuple(complaints))


def every_eighth_kill(stage: Stage, vendor: Vendor) -> list[Result]:
    """Kill the changes of a vendor at every eighth of their moments; each vendor at others."""
    return [
        kill(stage, case, moment)
        for case, offset in _cases(stage, vendor)
        for moment in spread(case.moments, 8, offset)
    ]


def interrupts(stage: Stage, vendor: Vendor, *, every: int) -> list[Result]:
    """Interrupt the changes of a vendor at moments that are so far apart, by each kind of signal in turn."""
    found: list[Result] = []
    for case, offset in _cases(stage, vendor):
        for number, moment in enumerate(spread(case.moments, every, offset * 5), start=offset):
            found.append(interrupt(stage, case, moment, signals_of(number)))
    return found


def signals_of(number: int) -> str:
    """Return the signals of the n-th round of that kind, each in its turn."""
    return SIGNALS[number % len(SIGNALS)]


def _cases(stage: Stage, vendor: Vendor) -> Iterator[tuple[Case, int]]:
    for number, change in enumerate(CHANGES):
        yield stage.case(vendor, change), VENDORS.index(vendor) + number
