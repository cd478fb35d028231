"""Why there is no complete answer: the errors of httpx, and what lies under them, in our words."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReadOnlyTransportError(RuntimeError):
    """Raised when a program that only reads tries to write; a mistake of ours, never of a user."""


class TransferError(Exception):
    """Raised when there is no complete answer; adapters translate it, so no user reads it.

    Args:
        reason: a fixed sentence of ours; the foreign error may quote a header.
        sent: the request may have arrived.
        status: of an answer that began.
        final: trying again cannot help.
    """

    def __init__(self, reason: str, *, sent: bool, status: int | None = None, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.status = status
        self.final = final


REASONS: Final[Mapping[type[Exception], str]] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.ReadTimeout: "no complete answer in time",
    httpx.WriteTimeout: "the request could not be sent in time",
    httpx.PoolTimeout: "no free connection in time",
    httpx.ConnectError: "no connection",
    httpx.ReadError: "the connection broke while reading",
    httpx.WriteError: "the connection broke while sending",
    httpx.CloseError: "the connection broke while closing",
    httpx.ProxyError: "the proxy refused",
    httpx.UnsupportedProtocol: "not an http address",
    httpx.LocalProtocolError: "the request is not valid HTTP",
    httpx.RemoteProtocolError: "the answer is incomplete, or not valid HTTP",
    httpx.DecodingError: "the answer could not be decoded",
    httpx.TooManyRedirects: "the answer is a redirect",
    httpx.HTTPStatusError: "the answer is an error",
    httpx.InvalidURL: "not a valid address",
    httpx.StreamConsumed: "the body was read twice",
    httpx.StreamClosed: "the body was read too late",
    httpx.ResponseNotRead: "the body was not read",
    httpx.RequestNotRead: "the request was not read",
}
"""Every error that httpx can raise, in our words."""

# Of `verify_code` (OpenSSL: X509_STORE_CTX_get_error).
_CERTIFICATE_FLAWS: Final[Mapping[int, str]] = {
    9: "the TLS certificate is not valid yet",
    10: "the TLS certificate has expired",
    62: "the TLS certificate is for another host",
    64: "the TLS certificate is for another host",
}
_UNTRUSTED: Final = "the TLS certificate is not from an authority that this machine trusts"

_CAUSES: Final[Mapping[type[Exception], str]] = {
    ssl.SSLError: "TLS could not be agreed on",
    socket.gaierror: "the host name does not resolve",
    ConnectionRefusedError: "the connection was refused",
    # A header that is no ASCII; every other of its kind is about the host's name, as in `https://xn--.example`.
    UnicodeEncodeError: "the request is not valid HTTP",
    UnicodeError: "the host name is not a valid one",
}


def reason_of(error: Exception) -> str:
    """Return what happened; a cause says more than the error: a refused connection rather than none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATE_FLAWS.get(getattr(cause, "verify_code", 0), _UNTRUSTED)
        for kind, reason in _CAUSES.items():
            if isinstance(cause, kind):
                return reason
        cause = cause.__cause__ or cause.__context__
    return REASONS.get(type(error), "the transfer failed")
