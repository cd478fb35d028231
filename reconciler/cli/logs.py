"""Logging to stderr: our own loggers only, and every line redacted as it leaves."""

from __future__ import annotations

import logging
import sys
from typing import Final

from reconciler.core.sanitize import redact

_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)
_FOREIGN: Final = (
    "asyncio",
    "boto3",
    "botocore",
    "google",
    "h2",
    "hpack",
    "httpcore",
    "httpx",
    "requests",
    "urllib3",
)
_LONGEST_LINE: Final = 1_000


class RedactingFormatter(logging.Formatter):
    """Formats a record in full and takes out what looks like a credential; tracebacks keep no values."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one harmless line."""
        if record.exc_info:
            kind = record.exc_info[0]
            record.exc_info = None
            record.exc_text = None
            record.msg = f"{record.getMessage()} ({kind.__name__ if kind else 'error'})"
            record.args = None
        return redact(super().format(record), limit=_LONGEST_LINE)


def set_up_logging(verbose: int) -> None:
    """Send our log records to stderr.

    Args:
        verbose: how often `-v` was given; 0 shows warnings, 1 what happens, 2 everything.
    """
    # A log call with bad arguments would otherwise print them.
    logging.raiseExceptions = False
    for name in _FOREIGN:
        # Below WARNING they print URLs and headers, the token among them.
        logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger("reconciler")
    ours.handlers = [handler]
    ours.setLevel(_LEVELS[min(verbose, len(_LEVELS) - 1)])
    ours.propagate = False
