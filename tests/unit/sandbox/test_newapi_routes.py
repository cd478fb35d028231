"""Tests of paths: exact ones, redirected ones, unknown ones, and what every answer carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]


@pytest.mark.parametrize(
    ("method", "path", "status", "location"),
    [
        ("GET", "/api/token?p=1", 301, "/new-api/api/token/?p=1"),
        ("POST", "/api/token", 307, "/new-api/api/token/"),
        ("PUT", "/api/token?status_only=1", 307, "/new-api/api/token/?status_only=1"),
        ("GET", "/api/token/5/", 301, "/new-api/api/token/5"),
        ("DELETE", "/api/token/5/", 307, "/new-api/api/token/5"),
        ("GET", "/api/usage/token", 301, "/new-api/api/usage/token/"),
    ],
)
def test_a_wrong_slash_is_redirected_before_anything_else(
    new_api: httpx.Client, operator: OperatorClient, method: str, path: str, status: int, location: str
) -> None:
    """No credentials and no budget are needed for it, and the location names no host."""
    operator.set_limit("global", 0, vendor="new-api")
    answer = new_api.request(method, path, headers={"Authorization": ""})
    assert (answer.status_code, answer.headers["location"]) == (status, location)
    assert "x-oneapi-request-id" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/nothing"), ("PATCH", "/api/token/"), ("DELETE", "/api/token/"), ("GET", "/v1/nothing")],
)
def test_an_unknown_route_has_an_openai_error(new_api: httpx.Client, method: str, path: str) -> None:
    """404, and not the envelope."""
    answer = new_api.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert f"({method} {path})" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["", "/", "/token", "/console/token"])
def test_any_other_path_is_the_web_page(new_api: httpx.Client, path: str) -> None:
    """A wrong base address looks like success until somebody looks at the content."""
    answer = new_api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_a_name_that_begins_like_another_is_its_own_server(family: Family) -> None:
    """`/new-api` does not swallow `/new-api-old`."""
    versions = [
        family(label).get("/api/status").json()["data"]["version"] for label in ("new_api", "new_api_old")
    ]
    assert versions == ["v0.12.6", "v0.9.6"]


def test_answers_carry_request_id_and_version(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The id differs from request to request; the version is a switch."""
    operator.set_switches("new-api", version="my-fork", version_header=True)
    answers = [new_api.get("/api/status"), new_api.get("/api/nothing")]
    ids = [answer.headers["x-oneapi-request-id"] for answer in answers]
    assert ids[0] != ids[1]
    assert all(re.fullmatch("[0-9a-f]{32}", value) for value in ids)
    assert [answer.headers["x-new-api-version"] for answer in answers] == ["my-fork"] * 2
    operator.set_switches("new-api", version_header=False)
    assert "x-new-api-version" not in new_api.get("/api/status").headers


@pytest.mark.parametrize("label", ["one_api", "cometapi", "hitopen"])
def test_dialects_lack_routes(family: Family, label: str) -> None:
    """What the documentation of a server does not name is 404."""
    client = family(label)
    answers = [
        client.post("/api/token/batch", json={"ids": [1]}),
        client.post("/api/token/batch/keys", json={"ids": [1]}),
        client.post("/api/token/1/key"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_routes_are_switches(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Each optional route can be taken away."""
    key = operator.create_key("new_api")["id"]
    operator.set_switches(
        "new-api", reveal_routes="single", batch_delete=False, status_route=False, user_lookups=False
    )
    assert new_api.post("/api/token/batch/keys", json={"ids": [1]}).status_code == 404
    assert new_api.post(f"/api/token/{key}/key").json()["success"] is True
    operator.set_switches("new-api", reveal_routes="absent")
    assert new_api.post(f"/api/token/{key}/key").status_code == 404
    assert new_api.post("/api/token/batch", json={"ids": [1]}).status_code == 404
    for path in ("/api/status", "/api/user/self/groups", "/api/user/models"):
        assert new_api.get(path).status_code == 404


def test_without_search_its_path_is_an_id(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The word is then no number, which is a business error."""
    operator.set_switches("new-api", search="absent")
    answer = new_api.get("/api/token/search?keyword=a")
    assert (answer.status_code, answer.json()["message"]) == (
        200,
        'strconv.Atoi: parsing "search": invalid syntax',
    )
