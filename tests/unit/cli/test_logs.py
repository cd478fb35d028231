"""Logging: ours on request, foreign ones never, and every line redacted."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.cli.logs import set_up_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "cr_MRDqj5lGboW4aZu41i36ed2HsmGFO5Wk"
OURS = logging.getLogger("reconciler.test")


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Put our logger back as it was."""
    logger = logging.getLogger("reconciler")
    before = logger.handlers, logger.level, logger.propagate, logging.raiseExceptions
    yield
    logger.handlers, logger.level, logger.propagate, logging.raiseExceptions = before


@pytest.mark.parametrize(("verbose", "count"), [(0, 1), (1, 2), (2, 3), (9, 3)])
def test_each_v_tells_more(capsys: pytest.CaptureFixture[str], verbose: int, count: int) -> None:
    """Warnings always, what happens with -v, everything with -vv."""
    set_up_logging(verbose)

    OURS.debug("debug")
    OURS.info("info")
    OURS.warning("warn")

    words = [line.rpartition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert words == ["debug", "info", "warn"][-count:]


def test_foreign_loggers_stay_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even -vv makes an HTTP library print its headers."""
    set_up_logging(2)

    for name in ("httpx", "httpcore.http11", "hpack", "urllib3", "botocore.auth"):
        logging.getLogger(name).debug(CANARY)
        logging.getLogger(name).info(CANARY)

    assert capsys.readouterr().err == ""


def test_every_line_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """A credential in a message, an argument or an exception does not come out, nor does a second line."""
    set_up_logging(0)

    OURS.warning("got %s\nand more", CANARY)
    OURS.error("failed", exc_info=ValueError(CANARY))

    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "WARNING reconciler.test: got cr_… and more",
        "ERROR reconciler.test: failed (ValueError)",
    ]


def test_a_bad_log_call_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments that do not fit their message are not dumped."""
    set_up_logging(0)

    OURS.warning("%d", CANARY)

    assert CANARY not in capsys.readouterr().err
    assert sys.stderr is not None
