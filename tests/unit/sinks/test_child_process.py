"""One child process with a secret on its standard input."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError
from reconciler.sinks._child_process import run
from tests.canary.shown import leaked, shown

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sinks._child_process import Ended

CANARY = "sk-child-Y92NXGq4xf9fLdjaIBGJ"
LONG = 30.0


def shell(script: str, *, stdin: Secret | None = None, timeout: float = LONG) -> Ended:
    """Run a shell script."""
    return run(
        ["/bin/sh", "-c", script], stdin=stdin, environment={"PATH": os.environ["PATH"]}, timeout=timeout
    )


def test_the_program_reads_exactly_the_secret() -> None:
    """No newline is added, and the input ends."""
    ended = shell("od -An -c | tr -d ' \\n'", stdin=Secret("a b"))

    assert (ended.status, ended.output.reveal()) == (0, "ab")
    assert shell("wc -c", stdin=Secret("a b")).output.reveal().strip() == "3"


def test_without_a_secret_the_input_is_empty() -> None:
    """A program that reads does not wait."""
    assert shell("wc -c").output.reveal().strip() == "0"


def test_a_program_that_reads_nothing_is_fine() -> None:
    """Nobody is hurt by a pipe that nobody reads."""
    assert shell("exit 7", stdin=Secret(CANARY)).status == 7


def test_both_outputs_are_kept_from_their_end() -> None:
    """A program that talks without end costs no memory."""
    ended = shell("echo first; head -c 300000 /dev/zero | tr '\\0' x; echo last >&2")

    assert ended.status == 0
    assert len(ended.output.reveal()) == 16 * 1024
    assert ended.output.reveal().endswith("xlast\n")


def test_the_environment_is_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens of our own environment are not passed on."""
    monkeypatch.setenv("PROVIDER_TOKEN", CANARY)

    assert CANARY not in shell("env").output.reveal()


def test_a_killed_program_has_a_negative_status() -> None:
    """Death by a signal is no success."""
    assert shell("kill -9 $$").status == -9


def test_the_whole_group_is_killed_when_the_time_is_up(tmp_path: Path) -> None:
    """Neither the program nor its children go on with the secret."""
    pipe = tmp_path / "held-open-by-all-of-them"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    started = time.monotonic()
    ended = shell(f"{{ echo begun; sleep 300 & wait; }} >'{pipe}'", timeout=0.3)

    assert ended.status is None
    assert time.monotonic() - started < 10
    assert _until_closed(end) == b"begun\n"


def _until_closed(end: int) -> bytes:
    """Return what was written to a pipe until nobody could write to it any more, which has to be soon."""
    written = b""
    while select.select([end], [], [], 10)[0]:
        part = os.read(end, 4096)
        if not part:
            os.close(end)
            return written
        written += part
    msg = "somebody still holds the pipe"
    raise AssertionError(msg)


def test_a_program_that_closes_its_output_is_waited_for() -> None:
    """The end of the output is not the end of the program."""
    assert shell("exec >&- 2>&-; sleep 0.1; exit 5").status == 5
    assert shell("exec >&- 2>&-; sleep 300", timeout=0.2).status is None


def test_a_child_left_behind_does_not_hold_the_run_up() -> None:
    """A daemon that keeps the output open is not waited for."""
    started = time.monotonic()
    ended = shell("sleep 20 & echo $!; exit 0")
    os.kill(int(ended.output.reveal()), 9)

    assert ended.status == 0
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("program", ["no-such-program", "a\0b"])
def test_a_program_that_does_not_start_is_an_error(program: str) -> None:
    """The remedy is in the text, the secret is not."""
    with pytest.raises(SinkError, match="correct the command") as caught:
        run([program], stdin=Secret(CANARY), environment={}, timeout=LONG)

    assert leaked(shown(caught.value), CANARY) == []


def test_a_secret_that_does_not_fit_is_refused() -> None:
    """It is handed over as a whole or not at all."""
    with pytest.raises(SinkError, match="too long"):
        shell("cat", stdin=Secret("x" * 10_000_000))
