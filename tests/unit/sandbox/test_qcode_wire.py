"""Tests of the QCode JSON: validation of bodies, and every switch that changes how a key is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

LIMITS = {"daily_cost_limit_usd": 5, "total_cost_limit_usd": 100}
JSON_TYPE = {"Content-Type": "application/json"}
HUGE = "1" + "0" * 400


def listed(client: httpx.Client, query: str = "") -> Any:
    """Return `data` of the list answer."""
    return client.get(f"/keys{query}").json()["data"]


def make(operator: OperatorClient, count: int) -> None:
    """Make keys k0, k1, … in the panel."""
    operator.create_keys({"account": "one", "name": f"k{number}"} for number in range(count))


def one_row(client: httpx.Client, operator: OperatorClient) -> dict[str, Any]:
    """Return the list row of a freshly made key."""
    fields = {"description": "client-a", "daily_usd": 5, "total_usd": 0.25, "concurrency": 3}
    operator.create_key("one", **fields)
    return dict(listed(client)["keys"][0])


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"daily_cost_limit_usd": 0, "total_cost_limit_usd": 1}', "daily_cost_limit_usd"),
        ('{"daily_cost_limit_usd": 1, "total_cost_limit_usd": -1}', "total_cost_limit_usd"),
        ('{"daily_cost_limit_usd": "5", "total_cost_limit_usd": 1}', "daily_cost_limit_usd"),
        ('{"daily_cost_limit_usd": true, "total_cost_limit_usd": 1}', "daily_cost_limit_usd"),
        ('{"daily_cost_limit_usd": null, "total_cost_limit_usd": 1}', "daily_cost_limit_usd"),
        ('{"daily_cost_limit_usd": NaN, "total_cost_limit_usd": 1}', "daily_cost_limit_usd"),
        ('{"daily_cost_limit_usd": 1e400, "total_cost_limit_usd": 1}', "daily_cost_limit_usd"),
        (f'{{"daily_cost_limit_usd": {HUGE}, "total_cost_limit_usd": 1}}', "daily_cost_limit_usd"),
        ('{"daily_cost_limit_usd": 1}', "total_cost_limit_usd"),
        (json.dumps(LIMITS | {"concurrency_limit": 0}), "concurrency_limit"),
        (json.dumps(LIMITS | {"concurrency_limit": 1.5}), "concurrency_limit"),
        (json.dumps(LIMITS | {"description": 7}), "description"),
        ("[]", "body"),
        ("{", "body"),
        ("", "body"),
        ("[" * 100_000, "body"),
    ],
)
def test_a_bad_body_is_422_and_mints_nothing(
    one: httpx.Client, operator: OperatorClient, text: str, field: str
) -> None:
    """Limits are finite numbers above 0, concurrency a whole number from 1, description a text."""
    answer = one.post("/keys", content=text, headers=JSON_TYPE)
    assert (answer.status_code, field in answer.json()["detail"]) == (422, True)
    assert operator.secrets() == []


def test_a_body_must_be_declared_as_json(one: httpx.Client) -> None:
    """JSON under another content type is not read."""
    answer = one.post("/keys", content=b'{"daily_cost_limit_usd": 1, "total_cost_limit_usd": 1}')
    assert answer.status_code == 422


def test_detail_can_be_a_list(one: httpx.Client, operator: OperatorClient) -> None:
    """FastAPI's own form names place, message and input of each mistake."""
    operator.set_switches(error_detail="list")
    answer = one.post("/keys", content=b'{"total_cost_limit_usd": NaN}', headers=JSON_TYPE)
    places = [entry["loc"] for entry in answer.json()["detail"]]
    assert places == [["body", "daily_cost_limit_usd"], ["body", "total_cost_limit_usd"]]
    assert set(answer.json()["detail"][0]) == {"type", "loc", "msg", "input"}


def test_required_fields_are_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """Limits alone are enough, or nothing is needed, or everything."""
    assert one.post("/keys", json=LIMITS).status_code == 200
    operator.set_switches(create_requires="everything")
    assert one.post("/keys", json=LIMITS).status_code == 422
    operator.set_switches(create_requires="nothing")
    assert one.post("/keys", json={}).status_code == 200
    assert operator.keys()[-1].total_usd == 100.0


def test_unknown_fields_are_ignored_or_rejected(one: httpx.Client, operator: OperatorClient) -> None:
    """POST and PATCH treat a field that nobody knows alike, and description in PATCH is such a field."""
    key = f"/keys/{one.post('/keys', json=LIMITS | {'color': 'red'}).json()['data']['id']}"
    assert one.patch(key, json={"description": "new", "color": "red"}).status_code == 200
    assert operator.keys()[0].description == ""
    operator.set_switches(unknown_fields="rejected")
    assert one.post("/keys", json=LIMITS | {"color": "red"}).status_code == 422
    assert one.patch(key, json={"description": "new"}).status_code == 422
    operator.set_switches(patch_description="applied")
    assert one.patch(key, json={"description": "new"}).status_code == 200
    assert operator.keys()[0].description == "new"


def test_null_in_patch_is_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """Null leaves the limit as it is, or is an error; it never clears."""
    key = f"/keys/{operator.create_key('one', daily_usd=5)['id']}"
    assert one.patch(key, json={"daily_cost_limit_usd": None}).status_code == 200
    assert operator.keys()[0].daily_usd == 5
    operator.set_switches(patch_null="rejected")
    assert one.patch(key, json={"daily_cost_limit_usd": None}).status_code == 422


def test_description_length_is_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """One character over the limit is 422."""
    operator.set_switches(description_max=10)
    assert one.post("/keys", json=LIMITS | {"description": "x" * 10}).status_code == 200
    assert one.post("/keys", json=LIMITS | {"description": "x" * 11}).status_code == 422


@pytest.mark.parametrize(
    ("shape", "field"),
    [("keys", "keys"), ("items", "items"), ("list", "list"), ("results", "results"), ("unknown", "entries")],
)
def test_list_shapes(one: httpx.Client, operator: OperatorClient, shape: str, field: str) -> None:
    """The rows stand under the name that the switch says, and nothing else is there."""
    make(operator, 1)
    operator.set_switches(list_shape=shape)
    data = listed(one)
    assert list(data) == [field]
    assert data[field][0]["name"] == "k0"


def test_a_bare_list_has_no_envelope_inside(one: httpx.Client, operator: OperatorClient) -> None:
    """`data` itself is the list, paged or not."""
    make(operator, 21)
    operator.set_switches(list_shape="bare", list_total="exact")
    assert [row["name"] for row in listed(one)][:2] == ["k20", "k19"]
    operator.set_switches(list_paging="clamped")
    assert len(listed(one)) == 20


def test_paging_clamps_past_the_end(one: httpx.Client, operator: OperatorClient) -> None:
    """A page past the end is the last page again, with its number."""
    make(operator, 45)
    operator.set_switches(list_shape="items", list_paging="clamped")
    pages = [listed(one, f"?page={page}") for page in (1, 2, 3, 4)]
    assert [len(page["items"]) for page in pages] == [20, 20, 5, 5]
    assert pages[3] == pages[2]
    assert pages[2]["pagination"] == {"page": 3, "page_size": 20, "total": 45, "total_pages": 3}
    assert len({row["id"] for page in pages for row in page["items"]}) == 45


def test_paging_can_end_empty_or_hide_itself(one: httpx.Client, operator: OperatorClient) -> None:
    """A page past the end may be empty, and the pagination object may be missing."""
    make(operator, 3)
    operator.set_switches(list_paging="empty", list_page_size=2, list_page_info=False)
    assert [len(listed(one, f"?page={page}")["keys"]) for page in (1, 2, 3)] == [2, 1, 0]
    assert "pagination" not in listed(one)


def test_offsets_in_place_of_pages(one: httpx.Client, operator: OperatorClient) -> None:
    """`limit` and `offset` are known and page numbers are not."""
    make(operator, 5)
    operator.set_switches(list_paging="offset", list_page_size=2)
    queries = ("", "?page=2", "?offset=4", "?limit=4&offset=1")
    assert [[row["name"] for row in listed(one, query)["keys"]] for query in queries] == [
        ["k4", "k3"],
        ["k4", "k3"],
        ["k0"],
        ["k3", "k2", "k1", "k0"],
    ]
    assert "pagination" not in listed(one)


def test_page_sizes_are_a_closed_set(one: httpx.Client, operator: OperatorClient) -> None:
    """10, 20, 50 and 100 are honoured under both spellings; anything else is the default."""
    make(operator, 60)
    operator.set_switches(list_paging="clamped", list_page_size=10)
    queries = ("?page_size=50", "?pageSize=20", "?page_size=33", "?page_size=x&page=-1")
    assert [len(listed(one, query)["keys"]) for query in queries] == [50, 20, 10, 10]


def test_an_announced_total_can_be_wrong(one: httpx.Client, operator: OperatorClient) -> None:
    """A client that trusts the total can be shown one it never reaches."""
    make(operator, 2)
    totals = []
    for total in ("absent", "exact", "too_high"):
        operator.set_switches(list_total=total)
        totals.append(listed(one).get("total"))
    assert totals == [None, 2, 3]


def test_order_is_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """Newest first, or oldest first."""
    make(operator, 2)
    newest = [row["name"] for row in listed(one)["keys"]]
    operator.set_switches(list_order="oldest")
    assert (newest, [row["name"] for row in listed(one)["keys"]]) == (["k1", "k0"], ["k0", "k1"])


def test_disabled_keys_can_be_hidden(one: httpx.Client, operator: OperatorClient) -> None:
    """A hidden key is still there by its id."""
    key = operator.create_key("one", enabled=False)["id"]
    assert len(listed(one)["keys"]) == 1
    operator.set_switches(list_disabled="hidden")
    assert listed(one)["keys"] == []
    assert one.get(f"/keys/{key}").status_code == 200


def test_list_rows_can_lack_limits_and_description(one: httpx.Client, operator: OperatorClient) -> None:
    """What the list leaves out, the detail may have, and the other way round."""
    key = f"/keys/{one_row(one, operator)['id']}"
    names = {"daily_cost_limit_usd", "total_cost_limit_usd", "concurrency_limit", "description"}
    operator.set_switches(list_limits=False, list_description=False)
    assert not names & set(listed(one)["keys"][0])
    assert names <= set(one.get(key).json()["data"])
    operator.reset_switches()
    operator.set_switches(detail_limits=False, detail_description=False)
    assert names <= set(listed(one)["keys"][0])
    assert not names & set(one.get(key).json()["data"])


def test_a_new_key_can_be_late_in_the_list(one: httpx.Client, operator: OperatorClient) -> None:
    """For some seconds a key exists by its id only."""
    operator.set_clock(1000.0, frozen=True)
    operator.set_switches(list_lag_seconds=5)
    key = one_id = operator.create_key("one")["id"]
    assert listed(one)["keys"] == []
    assert one.get(f"/keys/{key}").json()["data"]["id"] == one_id
    operator.advance(5)
    assert len(listed(one)["keys"]) == 1


@pytest.mark.parametrize(
    ("style", "names"),
    [
        ("snake_usd", {"daily_cost_limit_usd", "total_cost_limit_usd", "concurrency_limit", "is_active"}),
        ("snake", {"daily_cost_limit", "total_cost_limit", "concurrency_limit", "is_active", "created_at"}),
        ("camel", {"dailyCostLimit", "totalCostLimit", "concurrencyLimit", "isActive", "createdAt"}),
    ],
)
def test_field_names(one: httpx.Client, operator: OperatorClient, style: str, names: set[str]) -> None:
    """One spelling is used throughout, and no other beside it."""
    operator.set_switches(field_names=style)
    row = one_row(one, operator)
    assert names <= set(row)
    assert any("_" in name for name in row) == (style != "camel")


def test_spelling_reaches_paging_and_usage(one: httpx.Client, operator: OperatorClient) -> None:
    """Camel case is camel case everywhere."""
    operator.set_switches(field_names="camel", list_paging="clamped", id_field="key_id")
    operator.create_key("one")
    data = listed(one)
    assert {"pageSize", "totalPages"} <= set(data["pagination"])
    assert "keyId" in data["keys"][0]
    assert set(one.get("/usage").json()["data"]["series"][0]) == {"date", "cost"}


@pytest.mark.parametrize(
    ("field", "shown"), [("is_active", False), ("active", False), ("enabled", False), ("status", "disabled")]
)
def test_the_enabled_field(one: httpx.Client, operator: OperatorClient, field: str, shown: object) -> None:
    """Whether a key is enabled is said by one field, under the name of the switch."""
    operator.set_switches(enabled_field=field)
    operator.create_key("one", enabled=False)
    row = listed(one)["keys"][0]
    assert row[field] == shown
    assert len({"is_active", "active", "enabled", "status"} & set(row)) == 1


def test_numbers_as_databases_write_them(one: httpx.Client, operator: OperatorClient) -> None:
    """Booleans as 1 and 0, amounts with exponents, and limits kept to the cent."""
    operator.set_switches(booleans="number", numbers="exponent", amounts_kept="cents")
    one.post("/keys", json={"description": "a", "daily_cost_limit_usd": 10, "total_cost_limit_usd": 20.126})
    (row,) = listed(one)["keys"]
    assert (row["is_active"], row["total_cost_usd"]) == (1, "0E+0")
    assert (row["daily_cost_limit_usd"], row["total_cost_limit_usd"]) == ("1E+1", "2.013E+1")


def test_the_id_field(one: httpx.Client, operator: OperatorClient) -> None:
    """List and detail can call the id key_id; a create always says id."""
    operator.set_switches(id_field="key_id")
    key = one.post("/keys", json=LIMITS).json()["data"]["id"]
    assert listed(one)["keys"][0]["key_id"] == key
    assert one.get(f"/keys/{key}").json()["data"]["key_id"] == key


def test_limits_can_be_nested(one: httpx.Client, operator: OperatorClient) -> None:
    """All three limits move into one object."""
    operator.set_switches(limits_nested=True)
    row = one_row(one, operator)
    assert row["limits"] == {
        "daily_cost_limit_usd": 5.0,
        "total_cost_limit_usd": 0.25,
        "concurrency_limit": 3,
    }
    assert "concurrency_limit" not in row


def test_numbers_can_be_strings(one: httpx.Client, operator: OperatorClient) -> None:
    """Money keeps two decimals at least and never loses any; concurrency has its own switch."""
    operator.set_switches(numbers="string", concurrency_as="string")
    row = one_row(one, operator)
    operator.spend(row["id"], 0.000125)
    row = listed(one)["keys"][0]
    assert (row["daily_cost_limit_usd"], row["total_cost_usd"], row["concurrency_limit"]) == (
        "5.00",
        "0.000125",
        "3",
    )
    assert isinstance(one.get("/balance").json()["data"]["balance"], str)


def test_a_panel_key_may_have_no_limits(one: httpx.Client, operator: OperatorClient) -> None:
    """Limits that were never set are null in every form."""
    operator.set_switches(numbers="string", concurrency_as="string")
    operator.create_key("one")
    row = listed(one)["keys"][0]
    assert (row["daily_cost_limit_usd"], row["concurrency_limit"]) == (None, None)


def test_times_are_switches(one: httpx.Client, operator: OperatorClient) -> None:
    """RFC 3339 in UTC, whole epoch seconds, or no times."""
    operator.set_clock(1_772_366_400.0, frozen=True)
    operator.create_key("one")
    assert listed(one)["keys"][0]["created_at"] == "2026-03-01T12:00:00Z"
    operator.set_switches(timestamp_form="epoch")
    assert listed(one)["keys"][0]["updated_at"] == 1_772_366_400
    operator.set_switches(timestamps=False)
    assert not {"created_at", "updated_at"} & set(listed(one)["keys"][0])


def test_a_description_can_come_back_cut(one: httpx.Client, operator: OperatorClient) -> None:
    """A marker that is longer than what the server keeps is not readable back."""
    operator.set_switches(description_form="truncated")
    operator.create_key("one", description="x" * 30)
    assert listed(one)["keys"][0]["description"] == "x" * 24


def test_unannounced_fields_can_appear(one: httpx.Client, operator: OperatorClient) -> None:
    """List rows and create answers can carry more than anybody documented."""
    plain = set(one_row(one, operator))
    operator.set_switches(extra_fields=True)
    assert {"tags", "expires_at"} <= set(listed(one)["keys"][0]) - plain
    assert "expires_at" in one.post("/keys", json=LIMITS).json()["data"]
