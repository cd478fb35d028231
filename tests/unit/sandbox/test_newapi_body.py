"""Tests of request bodies in the New API family: types, names, quotas, models, addresses and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]

TOKENS = "/api/token/"


def post(client: httpx.Client, **fields: object) -> str:
    """Create a token and return the message of a refusal, or an empty text."""
    answer = client.post(TOKENS, json=fields)
    assert answer.status_code == 200
    return "" if answer.json()["success"] else str(answer.json()["message"])


def newest(client: httpx.Client) -> dict[str, Any]:
    """Return the token that was made last."""
    data = client.get(TOKENS).json()["data"]
    return dict((data if isinstance(data, list) else data["items"])[0])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"remain_quota": 1.5},
            "cannot unmarshal number 1.5 into Go struct field Token.remain_quota of type int",
        ),
        ({"remain_quota": "5"}, "cannot unmarshal string"),
        ({"remain_quota": True}, "cannot unmarshal bool"),
        ({"remain_quota": 2**63}, "cannot unmarshal number"),
        (
            {"model_limits": ["gpt-4o"]},
            "cannot unmarshal array into Go struct field Token.model_limits of type string",
        ),
        ({"allow_ips": {"a": 1}}, "cannot unmarshal object"),
        ({"name": 5}, "of type string"),
        ({"unlimited_quota": 1}, "of type bool"),
        ({"created_time": "now"}, "of type int64"),
    ],
)
def test_a_wrong_type_is_a_go_error(new_api: httpx.Client, fields: dict[str, object], words: str) -> None:
    """HTTP 200, and nothing is minted."""
    assert words in post(new_api, **fields)
    assert new_api.get(TOKENS).json()["data"]["total"] == 0


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "EOF"), (b"{", "invalid character"), (b"[]", "array into Go")]
)
def test_a_body_is_a_json_object(new_api: httpx.Client, content: bytes, words: str) -> None:
    """Anything else is a business error too."""
    answer = new_api.post(TOKENS, content=content)
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert words in answer.json()["message"]


def test_null_and_unknown_fields_are_left_out(new_api: httpx.Client) -> None:
    """Go takes null for nothing, and passes over what it does not know."""
    assert post(new_api, name=None, expired_time=None, remain_quota=None, fantasy=1, rate_limit="x") == ""
    assert (newest(new_api)["expired_time"], newest(new_api)["remain_quota"]) == (-1, 0)


@pytest.mark.parametrize(
    ("label", "longest", "too_long"),
    [
        ("new_api", "x" * 50, "x" * 51),
        ("new_api", "钥" * 16, "钥" * 17),
        ("new_api_old", "x" * 30, "x" * 31),
        ("one_api", "钥" * 10, "钥" * 11),
        ("cometapi", "钥" * 50, "钥" * 51),
    ],
)
def test_names_are_limited(family: Family, label: str, longest: str, too_long: str) -> None:
    """In bytes of UTF-8, 50 or 30; CometAPI counts characters."""
    client = family(label)
    assert post(client, name=longest) == ""
    assert newest(client)["name"] == longest
    assert post(client, name=too_long) != ""


def test_the_name_limit_is_a_switch(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Number and unit."""
    operator.set_switches("new-api", name_max=2, name_unit="characters")
    assert (post(new_api, name="钥钥"), post(new_api, name="abc")) == ("", "Token name is too long")
    operator.set_switches("new-api", name_unit="bytes")
    assert post(new_api, name="钥") == "Token name is too long"


def test_the_quota_has_a_range(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Unlimited tokens may carry any number, older servers take any."""
    most = 1_000_000_000 * 500_000
    assert [bool(post(new_api, remain_quota=units)) for units in (0, most, -1, most + 1)] == [
        False,
        False,
        True,
        True,
    ]
    assert post(new_api, remain_quota=-1, unlimited_quota=True) == ""
    operator.set_switches("new-api", quota_checked=False)
    assert post(new_api, remain_quota=-1) == ""


def test_a_models_array_is_ignored(family: Family) -> None:
    """What HitOpen documents is stored as an enabled empty list."""
    for label in ("hitopen", "new_api"):
        client = family(label)
        assert post(client, name="a", model_limits_enabled=True, models=["gpt-4o"]) == ""
        shown = newest(client)
        assert (shown["model_limits_enabled"], shown["model_limits"]) == (True, "")
        assert "models" not in shown


def test_a_models_array_can_be_understood(family: Family, operator: OperatorClient) -> None:
    """A vendor may do what its page says."""
    operator.set_switches("hitopen", models_array="stored")
    client = family("hitopen")
    post(client, name="a", model_limits_enabled=True, models=["gpt-4o", "gpt-4.1"])
    assert newest(client)["model_limits"] == "gpt-4o,gpt-4.1"


def test_the_ancestor_s_fields(family: Family, operator: OperatorClient) -> None:
    """`models` and `subnet` are texts with commas or null; no flag, no group."""
    client = family("one_api")
    post(client, name="a")
    assert (newest(client)["models"], newest(client)["subnet"]) == (None, None)
    post(client, name="b", models="gpt-4o,gpt-4.1", subnet="10.0.0.0/8,192.0.2.1")
    shown = newest(client)
    assert (shown["models"], shown["subnet"]) == ("gpt-4o,gpt-4.1", "10.0.0.0/8,192.0.2.1")
    assert "array" in post(client, models=["gpt-4o"])
    client.put(TOKENS, json={"id": shown["id"], "name": "b", "expired_time": -1})
    assert (newest(client)["models"], newest(client)["subnet"]) == (None, None)
    assert operator.keys()[-1].extra["model_limits_enabled"] is False


def test_addresses_are_checked_by_the_ancestor_only(family: Family, operator: OperatorClient) -> None:
    """New API stores whatever it gets, a comma included."""
    assert "nonsense" in post(family("one_api"), subnet="10.0.0.0/8,nonsense")
    assert post(family("new_api"), allow_ips="10.0.0.1, nonsense") == ""
    assert newest(family("new_api"))["allow_ips"] == "10.0.0.1, nonsense"
    operator.set_switches("one-api", ips_checked=False)
    assert post(family("one_api"), subnet="nonsense") == ""


def test_fields_are_switches(new_api: httpx.Client, operator: OperatorClient) -> None:
    """A dialect without a field neither stores nor shows it."""
    operator.set_switches(
        "new-api", model_field="models", ip_field="absent", groups=False, cross_group_retry=False
    )
    assert post(new_api, models="a,b", allow_ips=5, group=5, cross_group_retry=5) == ""
    shown = newest(new_api)
    assert shown["models"] == "a,b"
    assert shown.keys().isdisjoint({"model_limits", "model_limits_enabled", "allow_ips", "group"})
    operator.set_switches("new-api", ip_field="subnet")
    assert newest(new_api)["subnet"] is None


def test_a_fork_s_field_is_wiped_unless_echoed(new_api: httpx.Client, operator: OperatorClient) -> None:
    """A full replace knows fields that the client does not."""
    operator.set_switches("new-api", fork_field=True)
    post(new_api, name="a", rate_limit=7)
    before = newest(new_api)
    assert before["rate_limit"] == 7
    new_api.put(TOKENS, json=before | {"name": "b"})
    assert newest(new_api)["rate_limit"] == 7
    new_api.put(TOKENS, json={name: value for name, value in before.items() if name != "rate_limit"})
    assert newest(new_api)["rate_limit"] == 0


def test_unknown_groups(family: Family, operator: OperatorClient) -> None:
    """Upstream stores them; CometAPI refuses them."""
    assert post(family("new_api"), group="fantasy") == ""
    assert newest(family("new_api"))["group"] == "fantasy"
    assert "fantasy" in post(family("cometapi"), group="fantasy")
    for group in ("", "auto", "vip"):
        assert post(family("cometapi"), group=group) == ""
    operator.set_switches("cometapi", group_checked=False)
    assert post(family("cometapi"), group="fantasy") == ""


def test_auto_groups_need_group_auto(family: Family) -> None:
    """Outside it, retry and the list are cleared; inside, a PUT without the list keeps it."""
    client = family("new_api_rc")
    post(client, name="a", group="vip", cross_group_retry=True, auto_groups=["vip"])
    assert (newest(client)["cross_group_retry"], newest(client)["auto_groups"]) == (False, None)
    post(client, name="b", group="auto", cross_group_retry=True, auto_groups=["vip", "default"])
    shown = newest(client)
    assert (shown["cross_group_retry"], shown["auto_groups"]) == (True, ["vip", "default"])
    base = {"id": shown["id"], "name": "b", "expired_time": -1, "group": "auto"}
    client.put(TOKENS, json=base)
    assert newest(client)["auto_groups"] == ["vip", "default"]
    client.put(TOKENS, json=base | {"auto_groups": None})
    assert newest(client)["auto_groups"] is None


@pytest.mark.parametrize("groups", [["vip", "vip"], ["fantasy"], ["vip", "svip", "default", "a", "b", "c"]])
def test_auto_groups_are_checked(family: Family, operator: OperatorClient, groups: list[str]) -> None:
    """At most five, none twice, each selectable; without the feature the field does not exist."""
    client = family("new_api_rc")
    assert post(client, group="auto", auto_groups=groups) == "Invalid auto groups"
    operator.set_switches("new-api-rc", auto_groups=False)
    assert post(client, group="auto", auto_groups=groups, cross_group_retry=True) == ""
    assert "auto_groups" not in newest(client)
    assert client.get("/api/token/auto-groups").json()["success"] is False
