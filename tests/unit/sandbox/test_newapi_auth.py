"""Tests of who may call a server of the New API family, and how each dialect refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]

LIST = "/api/token/"
DIALECTS = ("new_api", "new_api_rc", "new_api_old", "one_api", "cometapi", "hitopen")


def outcome(answer: httpx.Response) -> tuple[int, bool, str | None]:
    """Return status, success and code."""
    body = answer.json()
    return answer.status_code, body["success"], body.get("code")


@pytest.mark.parametrize("label", DIALECTS)
def test_the_right_credentials_are_served(family: Family, label: str) -> None:
    """Each dialect takes its own form of the header."""
    assert outcome(family(label).get(LIST)) == (200, True, None)


@pytest.mark.parametrize(
    ("label", "header", "served"),
    [
        ("new_api", "TOKEN", True),
        ("new_api", "Bearer TOKEN", True),
        ("new_api", "bearer TOKEN", True),
        ("one_api", "TOKEN", True),
        ("cometapi", "TOKEN", True),
        ("cometapi", "Bearer TOKEN", False),
        ("hitopen", "Bearer TOKEN", True),
        ("hitopen", "TOKEN", False),
    ],
)
def test_the_scheme_is_the_dialect_s(
    family: Family, operator: OperatorClient, label: str, header: str, *, served: bool
) -> None:
    """Go servers take a token with or without Bearer, CometAPI only without, HitOpen only with."""
    token = {account["label"]: account["token"] for account in operator.accounts()}[label]
    answer = family(label).get(LIST, headers={"Authorization": header.replace("TOKEN", token)})
    assert answer.json()["success"] is served


def test_the_scheme_is_a_switch(new_api: httpx.Client, operator: OperatorClient) -> None:
    """A wrong form is a bad token where it is raw, and none at all where Bearer is expected."""
    operator.set_switches("new-api", auth_scheme="raw")
    assert outcome(new_api.get(LIST)) == (200, False, None)
    operator.set_switches("new-api", auth_scheme="bearer")
    assert outcome(new_api.get(LIST)) == (200, True, None)
    raw = {"Authorization": new_api.headers["Authorization"].removeprefix("Bearer ")}
    assert outcome(new_api.get(LIST, headers=raw)) == (401, False, None)


@pytest.mark.parametrize(
    ("label", "missing", "bad", "suspended"),
    [
        ("new_api", (401, None), (200, None), (200, None)),
        ("one_api", (401, None), (200, None), (200, None)),
        ("new_api_rc", (401, "AUTH_UNAUTHORIZED"), (401, "AUTH_UNAUTHORIZED"), (401, "AUTH_USER_DISABLED")),
        ("hitopen", (401, None), (401, None), (403, None)),
        ("cometapi", (401, None), (401, None), (403, None)),
    ],
)
def test_refusals_differ_by_dialect(
    family: Family,
    operator: OperatorClient,
    label: str,
    missing: tuple[int, str | None],
    bad: tuple[int, str | None],
    suspended: tuple[int, str | None],
) -> None:
    """A bad token is 200 with success false, or a status, or a status with a code; none is 401."""
    client = family(label)
    scheme = "Bearer " if label == "hitopen" else ""
    absent = client.get(LIST, headers={"Authorization": ""})
    assert outcome(absent) == (missing[0], False, missing[1])
    wrong = client.get(LIST, headers={"Authorization": f"{scheme}nobody"})
    assert outcome(wrong) == (bad[0], False, bad[1])
    operator.suspend(label)
    assert outcome(client.get(LIST)) == (suspended[0], False, suspended[1])


def test_refusals_are_a_switch(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The three ways of one dialect."""
    for kind, expected in (("business", 200), ("status", 401), ("codes", 401)):
        operator.set_switches("new-api", auth_errors=kind)
        assert new_api.get(LIST, headers={"Authorization": "nobody"}).status_code == expected


def test_tokens_of_other_servers_are_unknown(family: Family) -> None:
    """Every dialect is a server of its own."""
    headers = {"Authorization": family("new_api").headers["Authorization"]}
    answer = family("new_api_rc").get(LIST, headers=headers)
    assert outcome(answer) == (401, False, "AUTH_UNAUTHORIZED")


@pytest.mark.parametrize(
    ("header", "english", "chinese"),
    [
        ("", "New-Api-User header not provided", "未提供 New-Api-User"),
        ("sandbox", "New-Api-User header format error", "New-Api-User 格式错误"),
        ("102", "New-Api-User does not match logged in user", "New-Api-User 与登录用户不匹配"),
    ],
)
def test_the_user_header_is_required(
    new_api: httpx.Client, family: Family, header: str, english: str, chinese: str
) -> None:
    """Missing, malformed and mismatched are 401 with three messages, in two languages."""
    answer = new_api.get(LIST, headers={"New-Api-User": header})
    assert answer.status_code == 401
    assert english in answer.json()["message"]
    answer = new_api.get(LIST, headers={"New-Api-User": header, "Accept-Language": "zh-CN,zh"})
    assert chinese in answer.json()["message"]
    answer = family("new_api_old").get(LIST, headers={"New-Api-User": header, "Accept-Language": "en"})
    assert (answer.status_code, chinese in answer.json()["message"]) == (401, True)


@pytest.mark.parametrize("label", ["new_api_rc", "one_api", "cometapi"])
def test_the_user_header_is_ignored(family: Family, label: str) -> None:
    """Whatever it says."""
    assert outcome(family(label).get(LIST, headers={"New-Api-User": "999"})) == (200, True, None)


def test_the_user_header_can_be_checked_only_if_sent(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Leaving it out is fine, a wrong one is not."""
    operator.set_switches("new-api", user_header="checked")
    assert outcome(new_api.get(LIST, headers={"New-Api-User": ""})) == (200, True, None)
    assert outcome(new_api.get(LIST, headers={"New-Api-User": "102"})) == (401, False, None)
    operator.set_switches("new-api", user_header="ignored")
    assert outcome(new_api.get(LIST, headers={"New-Api-User": "102"})) == (200, True, None)


def test_the_language_is_a_switch(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Negotiated, or fixed whatever the client asks for."""
    asked = {"Authorization": "nobody", "Accept-Language": "zh"}
    texts = []
    for language in ("negotiated", "english", "chinese"):
        operator.set_switches("new-api", messages=language)
        texts.append(new_api.get(LIST, headers=asked).json()["message"])
    assert ["access token 无效" in text for text in texts] == [True, False, True]


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("api_key:read", "GET", LIST, None),
        ("api_key:write", "POST", LIST, {"name": "a"}),
        ("api_key:reveal", "POST", "/api/token/batch/keys", {"ids": [1]}),
        ("profile:read", "GET", "/api/user/self", None),
    ],
)
def test_a_scope_can_be_missing(
    family: Family, operator: OperatorClient, scope: str, method: str, path: str, body: object
) -> None:
    """The routes of that scope are 403 with a code and the scope's name; the others are served."""
    client = family("new_api_rc")
    operator.set_switches("new-api-rc", scope_denied=scope)
    answer = client.request(method, path, json=body)
    assert outcome(answer) == (403, False, "ACCESS_TOKEN_SCOPE_DENIED")
    assert scope in answer.json()["message"]
    other = "/api/user/self" if scope.startswith("api_key") else LIST
    assert client.get(other).json()["success"] is True
