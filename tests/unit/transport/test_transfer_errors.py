"""What is said of a transfer that failed."""

from __future__ import annotations

import inspect
import socket
import ssl

import httpx
import pytest

from reconciler.transport.transfer_errors import REASONS, reason_of


def test_every_error_of_httpx_has_our_words() -> None:
    """A release of httpx that adds an error fails here, not in front of a user."""
    errors = {
        kind
        for kind in vars(httpx).values()
        if inspect.isclass(kind) and issubclass(kind, Exception) and not kind.__subclasses__()
    }
    # Only the cookie jar raises it, and there is none.
    assert errors - {httpx.CookieConflict} == set(REASONS)


def test_what_lies_under_an_error_says_more() -> None:
    """A refused certificate or a name that is not found is told, not just that there is no connection."""
    for cause, reason in (
        (
            ssl.SSLCertVerificationError(),
            "the TLS certificate is not from an authority that this machine trusts",
        ),
        (socket.gaierror(), "the host name does not resolve"),
        (OSError(), "no connection"),
    ):
        error = httpx.ConnectError("foreign text")
        error.__cause__ = cause
        assert reason_of(error) == reason


@pytest.mark.parametrize(
    ("code", "reason"),
    [(9, "is not valid yet"), (10, "has expired"), (62, "is for another host"), (64, "is for another host")],
)
def test_what_is_wrong_with_a_certificate_is_told(code: int, reason: str) -> None:
    """Who reads it has to know whether to renew, to correct the address, or to add an authority."""
    error = ssl.SSLCertVerificationError()
    error.verify_code = code
    assert reason_of(error) == f"the TLS certificate {reason}"


def test_an_error_that_nobody_knows_is_told_without_its_text() -> None:
    """Foreign text may quote a header."""
    assert reason_of(RuntimeError("canary")) == "the transfer failed"
