"""What a broken or hostile server may say in place of an answer, each on top of the honest one."""

from __future__ import annotations

import gzip
import socket
import struct
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from tests.e2e.hostile_server import Honest, Spoil

    Cases = Mapping[str, tuple[Spoil, str]]
    """What is said, by its name, and what the program says of it."""

_OK: Final = b"HTTP/1.1 200 Said\r\nContent-Type: application/json\r\n"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_BLOCK: Final = b" " * 65_536
_WEB_PAGE: Final = "with a web page in place of the API's answer"


def said(make: Callable[[Honest], bytes]) -> Spoil:
    """Say some bytes, made of the honest answer, and close."""
    return lambda connection, honest, _stopping: connection.sendall(make(honest))


def then(act: Callable[[], object]) -> Spoil:
    """Do something, and be honest."""

    def spoil(connection: socket.socket, honest: Honest, _stopping: threading.Event) -> None:
        act()
        connection.sendall(honest.raw())

    return spoil


def headed(*lines: str, status: str | None = None) -> Spoil:
    """Say the honest answer with further header lines, or another status line."""
    return said(lambda honest: honest.raw(*lines, status=status))


def bodied(make: Callable[[Honest], bytes], *lines: str, status: str | None = None) -> Spoil:
    """Say another body, made of the honest answer."""
    return said(lambda honest: honest.raw(*lines, body=make(honest), status=status))


def with_member(text: bytes) -> Spoil:
    """Say the honest body with a member more."""
    return bodied(lambda honest: honest.body.replace(b"{", b"{" + text + b",", 1))


def dripped(head: Callable[[Honest], bytes], piece: bytes) -> Spoil:
    """Say the first part, and then a few bytes now and then for as long as anybody listens."""

    def spoil(connection: socket.socket, honest: Honest, stopping: threading.Event) -> None:
        connection.sendall(head(honest))
        while not stopping.wait(0.05):
            connection.sendall(piece)

    return spoil


def endless(head: bytes, piece: bytes) -> Spoil:
    """Say the same bytes for as long as they are taken."""

    def spoil(connection: socket.socket, _honest: Honest, stopping: threading.Event) -> None:
        connection.sendall(head)
        while not stopping.is_set():
            connection.sendall(piece)

    return spoil


def reset(first: Callable[[Honest], bytes]) -> Spoil:
    """Say the first part and end the connection with RST."""

    def spoil(connection: socket.socket, honest: Honest, _stopping: threading.Event) -> None:
        connection.sendall(first(honest))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return spoil


def held_open(first: Callable[[Honest], bytes]) -> Spoil:
    """Say the first part, close only the way out, and wait for the client to go."""

    def spoil(connection: socket.socket, honest: Honest, stopping: threading.Event) -> None:
        connection.sendall(first(honest))
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.1)
        while not stopping.is_set():
            try:
                if not connection.recv(1024):
                    return
            except TimeoutError:
                continue

    return spoil


def _compressed(honest: Honest) -> bytes:
    return gzip.compress(honest.body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 50_000_000)


def _half(honest: Honest) -> bytes:
    whole = honest.raw()
    return whole[: len(whole) - len(honest.body) // 2]


def _page(honest: Honest) -> bytes:
    return b"<!doctype html><title>Are you human?</title><pre>" + honest.body


_LATE: Final = "no complete answer in time"
_LARGE: Final = "the answer is larger than 5 MB"
_INVALID: Final = "the answer is incomplete, or not valid HTTP"
_BROKEN_OFF: Final = "the connection broke while reading"
_COMPRESSED: Final = "the answer is compressed, which was not asked for"

SLOW: Final[Cases] = {
    "nothing at all": (dripped(lambda _: b"", b""), _LATE),
    "a head that drips": (dripped(lambda _: b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), _LATE),
    "a body that drips": (dripped(lambda _: _OK + b"Content-Length: 4000\r\n\r\n", b" "), _LATE),
    "chunks that drip": (dripped(lambda _: _CHUNKED, b"1\r\n \r\n"), _LATE),
    "half a body, held open": (dripped(_half, b""), _LATE),
    "chunks of one byte without end": (endless(_CHUNKED, b"1\r\n \r\n" * 4096), _LATE),
}
"""Each lasts for as long as the client lets it."""

LARGE: Final[Cases] = {
    "a body without end": (endless(_OK + b"\r\n", _BLOCK), _LARGE),
    "10 GB, announced": (endless(_OK + b"Content-Length: 10000000000\r\n\r\n", _BLOCK), _LARGE),
    "chunks without end": (endless(_CHUNKED, b"10000\r\n" + _BLOCK + b"\r\n"), _LARGE),
    "a chunk of 10 GB": (endless(_CHUNKED + b"2540be400\r\n", _BLOCK), _LARGE),
    "a chunk extension without end": (endless(_CHUNKED + b"1;x=", b"x" * 65_536), _INVALID),
    "a trailer without end": (endless(_CHUNKED + b"0\r\n", b"X-More: " + b"x" * 65_536 + b"\r\n"), _INVALID),
    "a header of 1 MB": (endless(b"HTTP/1.1 200 OK\r\nX-Big: ", b"x" * 65_536), _INVALID),
    "headers without end": (endless(b"HTTP/1.1 200 OK\r\n", b"X-Many: x\r\n" * 4096), _INVALID),
    "early hints without end": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1024), _INVALID),
    "100 Continue without end": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1024), _INVALID),
    "a gzip bomb": (bodied(lambda _: _bomb(), "Content-Encoding: gzip"), _COMPRESSED),
    "a doubled gzip bomb": (
        bodied(lambda _: gzip.compress(_bomb()), "Content-Encoding: gzip, gzip"),
        _COMPRESSED,
    ),
    "a gzip bomb as a transfer coding": (
        said(lambda _: _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _chunk(_bomb())),
        _INVALID,
    ),
}
"""Each is larger than anything that may be read or unpacked."""

BROKEN: Final[Cases] = {
    "the end of the connection": (said(lambda _: b""), _INVALID),
    "a reset in place of a head": (reset(lambda _: b""), _BROKEN_OFF),
    "a reset after the head": (reset(lambda honest: honest.raw()[: -len(honest.body)]), _BROKEN_OFF),
    "a reset in the body": (reset(_half), _BROKEN_OFF),
    "half a body": (said(_half), _INVALID),
    "half a body, and half a connection": (held_open(_half), _INVALID),
    "no HTTP": (said(lambda honest: b"220 smtp.example ESMTP\r\n" + honest.body), _INVALID),
    "TLS in place of HTTP": (said(lambda _: b"\x15\x03\x01\x00\x02\x02\x46"), _INVALID),
    "another protocol": (
        headed("Upgrade: websocket", "Connection: Upgrade", status="101 Switching Protocols"),
        _INVALID,
    ),
    "a chunk size that is no number": (said(lambda honest: _CHUNKED + b"zz\r\n" + honest.body), _INVALID),
    "a negative chunk size": (said(lambda honest: _CHUNKED + b"-1\r\n" + honest.body), _INVALID),
    "a chunk size of 40 digits": (
        said(lambda honest: _CHUNKED + b"f" * 40 + b"\r\n" + honest.body),
        _INVALID,
    ),
    "chunks that never end": (said(lambda honest: _CHUNKED + _chunk(honest.body)[:-5]), _INVALID),
    "two lengths": (headed("Content-Length: 1"), _INVALID),
    "a length and chunks": (headed("Transfer-Encoding: chunked"), _INVALID),
    "a negative length": (said(lambda honest: _OK + b"Content-Length: -1\r\n\r\n" + honest.body), _INVALID),
    "a length that is no number": (
        said(lambda honest: _OK + b"Content-Length: 1e9\r\n\r\n" + honest.body),
        _INVALID,
    ),
    "a header without a name": (headed(": nameless"), _INVALID),
    "a header with a NUL": (headed("X-Odd: a\x00b"), _INVALID),
    "a status of four digits": (headed(status="2000 Said"), _INVALID),
    "gzip that nobody asked for": (
        bodied(lambda honest: gzip.compress(honest.body), "Content-Encoding: gzip"),
        _COMPRESSED,
    ),
    "an unknown coding": (headed("Content-Encoding: rot13"), _COMPRESSED),
}
"""Each is no HTTP message, or one that was not asked for."""

GARBAGE: Final[Cases] = {
    "an empty 200": (bodied(lambda _: b""), "HTTP 200"),
    "a web page": (bodied(_page, "Content-Type: text/html"), _WEB_PAGE),
    "a web page that says it is JSON": (bodied(_page), _WEB_PAGE),
    "NaN": (with_member(b'"odd":NaN'), "a number that is not finite"),
    "Infinity": (with_member(b'"odd":-Infinity'), "a number that is not finite"),
    "1e999999999": (with_member(b'"odd":1e999999999'), "a number larger than 2^53"),
    "an integer of 5,000 digits": (with_member(b'"odd":' + b"9" * 5000), "a number larger than 2^53"),
    "a member twice": (with_member(b'"ok":true,"ok":true'), "a duplicate member"),
    "100,000 arrays": (with_member(b'"odd":' + b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
    "100,000 objects": (
        with_member(b'"odd":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "nested too deeply",
    ),
    "100,000 brackets that never close": (bodied(lambda _: b"[" * 100_000), "nested too deeply"),
    "a lone surrogate": (with_member(b'"odd":"\\ud800"'), "half a character"),
    "a lone surrogate as a name": (with_member(b'"\\udfff":1'), "half a character"),
    "no UTF-8": (bodied(lambda honest: honest.body + b"\xff\xfe"), "not UTF-8"),
    "UTF-16": (bodied(lambda honest: honest.body.decode().encode("utf-16")), "not UTF-8"),
    "a byte order mark": (bodied(lambda honest: b"\xef\xbb\xbf" + honest.body), "not JSON"),
    "two documents": (bodied(lambda honest: honest.body * 2), "not JSON"),
    "half a document": (bodied(lambda honest: honest.body[: len(honest.body) // 2]), "not JSON"),
    "a list": (bodied(lambda honest: b"[" + honest.body + b"]"), "no 'ok' in it"),
    "null": (bodied(lambda _: b"null"), "no 'ok' in it"),
    "ok as text": (bodied(lambda honest: honest.body.replace(b"true", b'"true"', 1)), "no 'ok' in it"),
}
"""Each is a complete answer, with a body that is none."""
