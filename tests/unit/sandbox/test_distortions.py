"""Tests of spoiled answers, as a client receives them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

BODY = {"daily_cost_limit_usd": 1, "total_cost_limit_usd": 1}


@pytest.mark.parametrize("processed", [False, True])
def test_a_status_can_come_before_or_after_the_execution(
    one: httpx.Client, operator: OperatorClient, *, processed: bool
) -> None:
    """A 504 says nothing about what was done."""
    operator.add_fault("status", status=504, processed=processed)
    answer = one.post("/keys", json=BODY)
    assert (answer.status_code, answer.json()) == (504, {"detail": "injected 504"})
    assert len(operator.keys()) == processed
    assert operator.requests()[0].outcome == (200 if processed else None)
    assert "date" in answer.headers


@pytest.mark.parametrize(("kind", "start"), [("json", b'{"detail"'), ("html", b"<html>"), ("empty", b"")])
def test_error_bodies_have_kinds(
    one: httpx.Client, operator: OperatorClient, kind: str, start: bytes
) -> None:
    """A proxy's 502 is HTML, a framework's is JSON, and some have none."""
    operator.add_fault("status", status=502, kind=kind)
    answer = one.get("/me")
    assert answer.status_code == 502
    assert answer.content.startswith(start)
    assert bool(answer.content) == bool(start)


def test_a_body_and_headers_can_be_given(one: httpx.Client, operator: OperatorClient) -> None:
    """Any answer that a test needs can be written down, as an object or as text."""
    operator.add_fault("status", status=200, body={"ok": False}, headers={"Retry-After": "-1"})
    answer = one.get("/me")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (200, {"ok": False}, "-1")
    operator.add_fault("status", status=200, body="[1,", headers={"Content-Type": "text/plain"})
    answer = one.get("/me")
    assert (answer.text, answer.headers.get_list("content-type")) == ("[1,", ["text/plain"])


def test_html_comes_with_200(one: httpx.Client, operator: OperatorClient) -> None:
    """A wrong host answers a welcome page."""
    operator.add_fault("html")
    answer = one.get("/keys")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>" in answer.text


def test_garbage_claims_to_be_json(one: httpx.Client, operator: OperatorClient) -> None:
    """The bytes cannot be decoded, let alone parsed."""
    operator.add_fault("garbage")
    answer = one.get("/keys")
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()


def test_a_redirect_names_another_host(one: httpx.Client, operator: OperatorClient) -> None:
    """307 by default, so that a client that follows would send the body again."""
    operator.add_fault("redirect", url="http://127.0.0.1:9/trap")
    answer = one.post("/keys", json=BODY)
    assert (answer.status_code, answer.headers["location"]) == (307, "http://127.0.0.1:9/trap")
    assert operator.keys() == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_answer_is_valid_json(one: httpx.Client, operator: OperatorClient, *, chunked: bool) -> None:
    """Only a limit on the size refuses it, with or without a Content-Length."""
    operator.add_fault("huge", size=200_000, chunked=chunked)
    answer = one.get("/keys")
    assert (len(answer.content), answer.json()["ok"]) == (200_000, True)
    assert ("content-length" in answer.headers, "transfer-encoding" in answer.headers) == (
        not chunked,
        chunked,
    )


def test_gzip_arrives_though_nobody_asked(one: httpx.Client, operator: OperatorClient) -> None:
    """A client that asks for identity is answered with gzip, in one layer or two."""
    operator.add_fault("gzip")
    operator.add_fault("gzip", layers=2, nth=2)
    headers = {"Accept-Encoding": "identity"}
    for layers, encoding in ((1, "gzip"), (2, "gzip, gzip")):
        with one.stream("GET", "/keys", headers=headers) as answer:
            data = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == encoding
        for _ in range(layers):
            data = gzip.decompress(data)
        assert json.loads(data) == {"ok": True, "data": {"keys": []}}


def test_a_gzip_bomb_is_small_on_the_wire(one: httpx.Client, operator: OperatorClient) -> None:
    """Two layers turn some hundred bytes into many megabytes."""
    operator.add_fault("gzip_bomb", size=20_000_000, layers=2)
    with one.stream("GET", "/keys") as answer:
        data = b"".join(answer.iter_raw())
    assert len(data) < 2000
    assert len(gzip.decompress(gzip.decompress(data))) >= 20_000_000


def test_keys_can_stand_twice(one: httpx.Client, operator: OperatorClient) -> None:
    """A strict parser refuses the answer, a lax one cannot tell."""
    operator.add_fault("duplicate_keys")
    pairs = one.get("/keys").json(object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    assert pairs == ["ok", "data", "ok", "data"]


def test_numbers_can_be_nan(one: httpx.Client, operator: OperatorClient) -> None:
    """Limits that are no numbers come in an answer that lax parsers accept."""
    operator.create_key("one", daily_usd=5)
    operator.add_fault("nan")
    answer = one.get("/keys")
    assert '"daily_cost_limit_usd": NaN' in answer.text
    assert '"is_active": true' in answer.text
