"""Tests of listing, paging and searching in the New API family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient
    from tests.canary.watch import Watch

    Family = Callable[[str], httpx.Client]

LIST = "/api/token/"


def fill(operator: OperatorClient, account: str, count: int) -> list[int]:
    """Make so many tokens and return their ids, newest first."""
    made = operator.create_keys({"account": account, "name": f"k{number}"} for number in range(count))
    return [int(key["id"]) for key in reversed(made)]


def data(client: httpx.Client, query: str = "") -> Any:
    """Return `data` of a list."""
    answer = client.get(f"{LIST}?{query}")
    assert (answer.status_code, answer.json()["success"]) == (200, True), answer.text
    return answer.json()["data"]


def ids(client: httpx.Client, query: str = "") -> list[int]:
    """Return the ids on a page, whatever its shape."""
    found = data(client, query)
    return [row["id"] for row in (found if isinstance(found, list) else found["items"])]


@pytest.mark.parametrize("label", ["new_api", "new_api_rc", "new_api_old", "cometapi", "hitopen"])
def test_pages_count_from_one(family: Family, operator: OperatorClient, label: str) -> None:
    """Page 0, a negative one and none are the first; the object says page, size and total."""
    client, expected = family(label), fill(operator, label, 25)
    size = 20 if label == "cometapi" else 10
    first = data(client)
    assert (first["page"], first["page_size"], first["total"]) == (1, size, 25)
    assert [row["id"] for row in first["items"]] == expected[:size]
    for page in ("0", "1", "-1", "x"):
        assert ids(client, f"p={page}") == expected[:size]
    assert ids(client, "p=2&page_size=20") == expected[20:]
    assert ids(client, "p=3&page_size=20") == []
    assert data(client, "page_size=1000")["page_size"] == 100


def test_the_ancestor_counts_from_zero(family: Family, operator: OperatorClient) -> None:
    """A bare array, ten a page whatever is asked for, and an empty page at the end."""
    client, expected = family("one_api"), fill(operator, "one_api", 25)
    query = "page_size=100&size=100&p"
    assert [len(ids(client, f"{query}={page}")) for page in range(4)] == [10, 10, 5, 0]
    assert ids(client, "p=0") + ids(client, "p=1") + ids(client, "p=2") == expected
    assert isinstance(data(client), list)


def test_the_ancestor_sorts(family: Family, operator: OperatorClient) -> None:
    """`order` is honoured there, and nowhere else."""
    operator.create_keys({"account": "one_api", "remain_units": units} for units in (5, 9, 1))
    rows = data(family("one_api"), "order=remain_quota")
    assert [row["remain_quota"] for row in rows] == [9, 5, 1]
    operator.set_switches("one-api", list_sorts=False)
    assert [row["remain_quota"] for row in data(family("one_api"), "order=remain_quota")] == [1, 9, 5]


def test_a_row_made_while_paging_shifts_the_rest(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The last row of a page comes again on the next, and a deleted one hides another."""
    expected = fill(operator, "new_api", 15)
    first = ids(new_api, "p=1")
    operator.create_key("new_api", name="late")
    second = ids(new_api, "p=2")
    assert set(first) & set(second) == {expected[9]}
    assert data(new_api, "p=2")["total"] == 16
    operator.delete_key(str(expected[0]))
    operator.delete_key(str(expected[1]))
    assert expected[10] in ids(new_api, "p=1")


def test_shape_base_and_size_are_switches(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Any mixture can be tried."""
    expected = fill(operator, "new_api", 12)
    operator.set_switches("new-api", page_base=0, page_shape="array", page_size_default=5)
    assert data(new_api, "p=1") == data(new_api, "p=1&page_size=5")
    assert ids(new_api, "p=1") == expected[5:10]
    operator.set_switches("new-api", page_size_params="size", page_size_max=4)
    assert [len(ids(new_api, query)) for query in ("page_size=2", "ps=2", "size=2", "size=9")] == [5, 5, 2, 4]
    operator.set_switches("new-api", page_size_params="all", page_past_end="null")
    assert [len(ids(new_api, query)) for query in ("page_size=2", "ps=2", "size=2")] == [2, 2, 2]
    assert data(new_api, "p=9") is None


def test_the_total_can_be_wrong(new_api: httpx.Client, operator: OperatorClient) -> None:
    """One more than there are."""
    fill(operator, "new_api", 3)
    operator.set_switches("new-api", list_total="too_high")
    assert data(new_api)["total"] == 4


def test_users_see_their_own_tokens(family: Family, operator: OperatorClient) -> None:
    """The list and its total hold nobody else's."""
    mine, other = fill(operator, "new_api", 2), fill(operator, "new_api_two", 1)
    assert ids(family("new_api")) == mine
    assert ids(family("new_api_two")) == other
    assert {row["user_id"] for row in data(family("new_api_two"))["items"]} == {102}


def test_a_root_user_may_see_everybody_s(family: Family, operator: OperatorClient) -> None:
    """The newest server lists all tokens for root unless `user_id` is given; other servers never do."""
    own, foreign = fill(operator, "new_api_rc", 1), fill(operator, "new_api_rc_two", 1)
    fill(operator, "new_api", 1)
    client = family("new_api_rc")
    assert ids(client) == own
    operator.change_account("new_api_rc", role="root")
    assert ids(client) == foreign + own
    assert [row["user_id"] for row in data(client)["items"]] == [112, 111]
    assert ids(client, "user_id=111") == own
    operator.set_switches("new-api-rc", list_scope="own")
    assert ids(client) == own


def test_a_thousand_tokens_are_ten_pages(new_api: httpx.Client, operator: OperatorClient) -> None:
    """A large account is complete after ten requests."""
    expected = fill(operator, "new_api", 1000)
    found = [number for page in range(1, 11) for number in ids(new_api, f"p={page}&page_size=100")]
    assert found == expected


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [("team/a", ["team/a"]), ("team", []), ("team/%", ["team/b", "team/a"]), ("t_am/a", []), ("", None)],
)
def test_new_servers_search_exactly(
    new_api: httpx.Client, operator: OperatorClient, keyword: str, expected: list[str] | None
) -> None:
    """Only `%` is a wildcard, and the answer is a page."""
    names = ["team/a", "team/b", "other"]
    operator.create_keys({"account": "new_api", "name": name} for name in names)
    page = new_api.get("/api/token/search", params={"keyword": keyword}).json()["data"]
    found = [row["name"] for row in page["items"]]
    assert found == (names[::-1] if expected is None else expected)


@pytest.mark.parametrize("keyword", ["%%", "a%b%c%d", "%a", "ab%%"])
def test_new_servers_refuse_broad_patterns(new_api: httpx.Client, keyword: str) -> None:
    """At most two wildcards, not side by side, and two other characters."""
    answer = new_api.get("/api/token/search", params={"keyword": keyword})
    assert (answer.status_code, answer.json()["success"]) == (200, False)


def test_search_differs_by_dialect(family: Family, operator: OperatorClient, canary: Watch) -> None:
    """Older servers look for a part of the name or key, the ancestor for the begin, neither pages."""
    for label in ("new_api_old", "one_api"):
        operator.create_keys({"account": label, "name": name} for name in ("ab", "cab", "b"))
    search = "/api/token/search?keyword=ab"
    assert [row["name"] for row in family("new_api_old").get(search).json()["data"]] == ["ab", "cab"]
    assert [row["name"] for row in family("one_api").get(search).json()["data"]] == ["ab"]
    key = family("new_api_old").get(search).json()["data"][1]["key"]
    with canary.muted():
        by_key = family("new_api_old").get(f"/api/token/search?token=sk-{key[5:20]}").json()["data"]
    assert [row["name"] for row in by_key] == ["cab"]
    operator.set_switches("new-api-old", search="prefix")
    assert [row["name"] for row in family("new_api_old").get(search).json()["data"]] == ["ab"]
