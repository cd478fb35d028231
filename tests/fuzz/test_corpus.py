"""Every input that was ever kept, and a fixed number of changes of them: success, or an error of ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import FOLDER, inputs_of
from tests.fuzz.mutation import mutated
from tests.fuzz.oracle import MOST_SECONDS, crash_of
from tests.fuzz.registry import TARGETS

if TYPE_CHECKING:
    from random import Random

    from tests.fuzz.target import Target

_EXAMPLES = 100
_TRACED = 10
"""By so many times, at most, measuring coverage makes a feed slower."""


def crashed(target: Target, data: bytes) -> str:
    """Return how an input crashes a target; empty when it does not."""
    crash = crash_of(target, data, seconds=MOST_SECONDS * (_TRACED if sys.gettrace() else 1))
    return "" if crash is None else f"{crash.kind}\n{crash.story}"


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_are_taken_or_refused(name: str) -> None:
    """No crash comes back: each input ends in a result or in an error of ours, in time, without a secret."""
    stories = {file: crashed(TARGETS[name], data) for file, data in inputs_of(name).items()}
    assert {file: story for file, story in stories.items() if story} == {}


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_are_taken_or_refused(name: str) -> None:
    """The same holds for what is like the kept inputs; `make fuzz` looks for longer."""
    target, inputs = TARGETS[name], list(inputs_of(name).values())

    @settings(max_examples=_EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.sampled_from(inputs), rng=st.randoms(use_true_random=False))
    def check(data: bytes, rng: Random) -> None:
        changed = mutated(target, data, inputs, rng)
        note(f"input: {changed!r}")
        assert not crashed(target, changed)

    check()


def test_every_corpus_has_a_target() -> None:
    """An input in a folder that nobody feeds would only look like a test."""
    assert {path.name for path in FOLDER.iterdir()} == set(TARGETS)
