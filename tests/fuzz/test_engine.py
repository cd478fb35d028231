"""The fuzzer itself: what counts as a crash, how it is made small, what is kept, and that bugs are found."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import UsageError
from tests.fuzz.answers import CUT, Script
from tests.fuzz.corpus import inputs_of
from tests.fuzz.inert import check_html, check_markdown, check_terminal
from tests.fuzz.minimize import minimized
from tests.fuzz.mutation import MOST_BYTES, mutated
from tests.fuzz.oracle import crash_of
from tests.fuzz.reached import ReachedLines
from tests.fuzz.session import Session
from tests.fuzz.target import CANARY, Target

if TYPE_CHECKING:
    from pathlib import Path


def planted(data: bytes) -> None:
    """Read JSON, with a bug for one member."""
    document = parse(data)
    if isinstance(document, dict) and document.get("planted") is not None:
        raise IndexError


TARGET = Target(name="planted", feed=planted, errors=(BadJsonError,), words=(b'{"planted": 1}', b"planted"))


def raising(error: BaseException) -> Target:
    """Return a target that raises one error at every input."""

    def feed(_data: bytes) -> None:
        raise error

    return replace(TARGET, feed=feed, errors=(UsageError,))


def endless(_data: bytes) -> None:
    """Never return."""
    while True:
        pass


@pytest.mark.parametrize(
    "error", [ValueError("x"), RecursionError(), MemoryError(), BaseException(), KeyError("x")]
)
def test_foreign_errors_are_crashes(error: BaseException) -> None:
    """Only the errors that a target names are refusals."""
    crash = crash_of(raising(error), b"")
    assert crash is not None
    assert type(error).__name__ in crash.kind


def test_a_typed_error_is_no_crash() -> None:
    """A refusal in words of ours is what a reader is for."""
    assert crash_of(raising(UsageError("the file is no plan; write one")), b"") is None


def test_a_secret_in_a_typed_error_is_a_crash() -> None:
    """So is one in the error that it was raised from."""
    error = UsageError("short")
    error.__cause__ = ValueError(CANARY)
    for shown in (error, UsageError(f"not {CANARY}")):
        crash = crash_of(raising(shown), b"")
        assert crash is not None
        assert "secret" in crash.kind


def test_an_endless_error_is_a_crash() -> None:
    """A file must not come back as its own error."""
    crash = crash_of(raising(UsageError("x" * 1_000_000)), b"")
    assert crash is not None
    assert "long" in crash.kind


def test_an_endless_feed_is_a_crash() -> None:
    """The CPU time of one input has an end, whatever the feed catches."""
    crash = crash_of(replace(TARGET, feed=endless), b"", seconds=0.05)
    assert crash is not None
    assert "TooSlow" in crash.kind


def test_interrupts_are_not_crashes() -> None:
    """Whoever stops the fuzzer stops it."""
    with pytest.raises(KeyboardInterrupt):
        crash_of(raising(KeyboardInterrupt()), b"")


def test_minimising_keeps_what_matters() -> None:
    """Everything else goes, and the number of tries has an end."""
    noise = bytes(range(97, 123)) * 40
    assert minimized(noise + b"\x00" + noise, lambda data: b"\x00" in data) == b"\x00"
    assert len(minimized(noise, lambda data: len(data) > 3, tries=2)) < len(noise)


def refused() -> None:
    """Give the parser something that it refuses."""
    with pytest.raises(BadJsonError):
        parse(b"[1e400]")


def test_lines_are_reached_once() -> None:
    """The first input that gets somewhere is told from the next one that gets no further."""
    lines = ReachedLines()
    _, first = lines.run(lambda: parse(b"[1]"))
    _, again = lines.run(lambda: parse(b"[2]"))
    _, other = lines.run(refused)
    assert first
    assert not again
    assert other
    assert ReachedLines(other).run(lambda: parse(b"[1]"))[1] == frozenset()


def test_a_session_finds_a_bug_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The crash is in the corpus as a small input, with its story on stdout, and what got further is kept."""
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "sample-one").write_bytes(b'{"other": [1, 2, 3]}')
    session = Session(target=TARGET, seed=1, folder=tmp_path)
    session.run(1.0)
    [crash] = session.crashes.values()
    assert "planted" in crash.read_text()
    assert len(crash.read_bytes()) < 20
    assert "IndexError" in capsys.readouterr().out
    assert session.kept == sum(name.startswith("reached-") for name in inputs_of("planted", tmp_path))


def test_pruning_removes_what_others_reach(tmp_path: Path) -> None:
    """Samples and crashes stay whatever they reach."""
    (tmp_path / "planted").mkdir()
    for name in ("sample-a", "sample-b", "reached-a"):
        (tmp_path / "planted" / name).write_bytes(b"[1]")
    Session(target=TARGET, seed=1, folder=tmp_path).load(prune=True)
    assert [*inputs_of("planted", tmp_path)] == ["sample-a", "sample-b"]


def test_changes_repeat_with_their_seed() -> None:
    """One seed, one sequence of inputs, none of them endless; many of them still parse."""
    data = b'{"id": 1, "name": "a", "at": "2026-01-01T00:00:00Z"}'

    def some() -> list[bytes]:
        rng = Random(7)
        return [mutated(TARGET, data, [data], rng) for _ in range(500)]

    first = some()
    assert first == some()
    assert len(set(first)) > 400
    assert max(map(len, first)) <= MOST_BYTES
    assert sum(_is_json(item) for item in first) > 50


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def test_scripted_answers() -> None:
    """An input says the words and each answer; the last answer comes again."""
    script = Script(CUT.join([b"list new-api", b"404\nDate: x\n\n{}", b"lost\n\n"]))
    first, second, third = (script.next("GET /") for _ in range(3))
    assert (script.word(0, ("get", "list")), script.word(1, ("a", "b"))) == ("list", "a")
    assert (first.code, first.headers, first.body) == (404, {"date": "x"}, b"{}")
    assert second.status == third.status == "lost"


@pytest.mark.parametrize(
    "page",
    [
        "[a](b)",
        "![a](b)",
        "<script>",
        "@all",
        "see #12",
        "`ok` https://x.example",
        "> quote",
        "```\nx\n```",
        "1. a",
    ],
)
def test_markup_is_seen(page: str) -> None:
    """Each thing that foreign text must never become is noticed when it does."""
    with pytest.raises(AssertionError):
        check_markdown(page, limit=1000)


def test_what_is_allowed_in_pages() -> None:
    """Code, tables and our own elements are no markup of foreign text."""
    check_markdown("**a** `@all <b>` <br>\n\n| a |\n|---|\n| `#1` |\n", limit=1000)
    check_html('<p class="x">&lt;script&gt;<a href="#a">b</a></p>')
    check_terminal("a\n\x1b[31mb\x1b[0m\n", colour=True)


@pytest.mark.parametrize("text", ["a\x1b[2J", "a\u202eb", "a\u200bb", "::error::x", "a ##[group]", "\ud800"])
def test_commands_are_seen(text: str) -> None:
    """Neither a terminal nor a runner may be told anything."""
    with pytest.raises(AssertionError):
        check_terminal(text)


@pytest.mark.parametrize("page", ["<script>x</script>", '<a href="//x">', '<p onclick="x">', "<img src=x>"])
def test_elements_are_seen(page: str) -> None:
    """No element, handler or address of others may be in a page of ours."""
    with pytest.raises(AssertionError):
        check_html(page)
