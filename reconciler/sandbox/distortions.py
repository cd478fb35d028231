"""Answers as a broken proxy, a wrong host or a hostile server would send them: pure functions."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.connection import Answer

if TYPE_CHECKING:
    from reconciler.sandbox.faults import Fault

HTML = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>It works</h1></body></html>"
GARBAGE = b'\x00\xff{"ok": tru\xfe\x80'
BOMB_CHUNK = b"\0" * 1_000_000


def instead(fault: Fault) -> Answer:
    """Return the answer that stands in for the vendor's own.

    Args:
        fault: a rule whose action is status, html, garbage or redirect.
    """
    if fault.action == "html":
        return _answer(200, HTML, b"text/html; charset=utf-8", fault)
    if fault.action == "garbage":
        return _answer(200, GARBAGE, b"application/json", fault)
    if fault.action == "redirect":
        answer = _answer(fault.status, b"", b"text/plain", fault)
        return _with_headers(answer, ((b"location", fault.url.encode("latin-1", "replace")),))
    if fault.body is not None:
        text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
        kind = b"text/html" if fault.kind == "html" else b"application/json"
        return _answer(fault.status, text.encode(), kind, fault)
    bodies = {
        "json": (json.dumps({"detail": f"injected {fault.status}"}).encode(), b"application/json"),
        "html": (f"<html><body><h1>{fault.status}</h1></body></html>".encode(), b"text/html"),
        "empty": (b"", b"text/plain"),
    }
    body, kind = bodies[fault.kind]
    return _answer(fault.status, body, kind, fault)


def distorted(answer: Answer, fault: Fault) -> Answer:
    """Return the vendor's answer, spoiled.

    Args:
        answer: what the vendor wanted to send.
        fault: a rule whose action is huge, gzip, gzip_bomb, duplicate_keys or nan.
    """
    if fault.action == "huge":
        return _resized(answer, _padded(answer.body, fault.size), announce=not fault.chunked)
    if fault.action in {"gzip", "gzip_bomb"}:
        body = answer.body if fault.action == "gzip" else BOMB_CHUNK * (fault.size // len(BOMB_CHUNK) + 1)
        for _ in range(fault.layers):
            body = gzip.compress(body, mtime=0)
        encoding = ", ".join(["gzip"] * fault.layers).encode()
        return _with_headers(_resized(answer, body), ((b"content-encoding", encoding),))
    if fault.action == "duplicate_keys":
        return _resized(answer, _doubled(answer.body))
    return _resized(answer, json.dumps({**_nan(json.loads(answer.body)), "nan": float("nan")}).encode())


def _answer(status: int, body: bytes, kind: bytes, fault: Fault) -> Answer:
    given = tuple(
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in fault.headers.items()
    )
    own = ((b"content-type", kind), (b"content-length", str(len(body)).encode()))
    names = {name for name, _ in given}
    return Answer(status=status, headers=(*(pair for pair in own if pair[0] not in names), *given), body=body)


def _with_headers(answer: Answer, headers: tuple[tuple[bytes, bytes], ...]) -> Answer:
    return Answer(status=answer.status, headers=(*answer.headers, *headers), body=answer.body)


def _resized(answer: Answer, body: bytes, *, announce: bool = True) -> Answer:
    kept = tuple(pair for pair in answer.headers if pair[0] != b"content-length")
    length = ((b"content-length", str(len(body)).encode()),) if announce else ()
    return Answer(status=answer.status, headers=(*kept, *length), body=body)


def _padded(body: bytes, size: int) -> bytes:
    # Blanks after a JSON value are legal, so only a size limit can refuse this answer.
    return body + b" " * max(0, size - len(body))


def _doubled(body: bytes) -> bytes:
    pairs = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in json.loads(body).items()]
    return ("{" + ",".join(pairs * 2) + "}").encode()


def _nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_nan(item) for item in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float("nan") if is_number else value
