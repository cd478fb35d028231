"""Tests of creating, replacing, reviving, revealing and deleting tokens in the New API family."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]

TOKENS = "/api/token/"
NOW = 1_772_366_400
FULL = {
    "name": "a",
    "expired_time": NOW + 1000,
    "remain_quota": 500_000,
    "unlimited_quota": False,
    "model_limits_enabled": True,
    "model_limits": "gpt-4o,gpt-4.1",
    "allow_ips": "10.0.0.1\n10.0.0.2",
    "group": "vip",
    "cross_group_retry": True,
}


def create(client: httpx.Client, operator: OperatorClient, **fields: object) -> int:
    """Create a token over the API and return its id."""
    answer = client.post(TOKENS, json=fields).json()
    assert answer["success"] is True, answer
    return int(operator.keys()[-1].id)


def token(client: httpx.Client, number: int) -> dict[str, Any]:
    """Return a token as the API shows it."""
    answer = client.get(f"{TOKENS}{number}").json()
    assert answer["success"] is True, answer
    return dict(answer["data"])


def refused(answer: httpx.Response) -> str:
    """Return the message of a business error."""
    body = answer.json()
    assert (answer.status_code, body["success"], "data" in body) == (200, False, False)
    return str(body["message"])


def test_a_create_answers_nothing(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Neither id nor key; what is sent twice is minted twice."""
    for _ in range(2):
        assert new_api.post(TOKENS, json=FULL).json() == {"success": True, "message": ""}
    assert [row.name for row in operator.keys("new_api")] == ["a", "a"]
    assert len(set(operator.secrets())) == 2
    assert all(re.fullmatch(r"[0-9A-Za-z]{48}", secret) for secret in operator.secrets())


def test_the_ancestor_answers_the_token(family: Family, operator: OperatorClient) -> None:
    """With its id and its key in full."""
    data = family("one_api").post(TOKENS, json={"name": "a"}).json()["data"]
    assert (data["id"], data["key"]) == (int(operator.keys()[0].id), operator.secrets()[0])
    assert set(data) == {
        "id",
        "user_id",
        "key",
        "status",
        "name",
        "created_time",
        "accessed_time",
        "expired_time",
        "remain_quota",
        "unlimited_quota",
        "used_quota",
        "models",
        "subnet",
    }


def test_what_a_create_answers_is_a_switch(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Resellers answer a masked or a full token."""
    operator.set_switches("new-api", create_returns="masked")
    assert "**********" in new_api.post(TOKENS, json=FULL).json()["data"]["key"]
    operator.set_switches("new-api", create_returns="full", key_prefix="sk")
    assert new_api.post(TOKENS, json=FULL).json()["data"]["key"] == f"sk-{operator.secrets()[1]}"


def test_a_token_shows_every_field(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The object of upstream, its key masked."""
    operator.set_clock(NOW, frozen=True)
    number = create(new_api, operator, **FULL)
    secret = operator.secrets()[0]
    assert token(new_api, number) == FULL | {
        "id": number,
        "user_id": 101,
        "key": f"{secret[:4]}**********{secret[-4:]}",
        "status": 1,
        "created_time": NOW,
        "accessed_time": NOW,
        "used_quota": 0,
        "DeletedAt": None,
    }
    row = operator.keys()[0]
    assert (row.name, row.enabled, row.total_usd) == ("a", True, 1.0)


def test_the_key_form_is_a_switch(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Older servers show the key in list and detail."""
    number = create(new_api, operator, name="a")
    operator.set_switches("new-api", key_form="full", deleted_at_field=False)
    shown = token(new_api, number)
    assert shown["key"] == operator.secrets()[0]
    assert "DeletedAt" not in shown


def test_leaving_fields_out_of_a_create(new_api: httpx.Client, operator: OperatorClient) -> None:
    """No expiry is never, 0 as well; the quota is 0; what the server decides is not taken from the body."""
    number = create(new_api, operator, status=2, used_quota=7, key="mine", user_id=9)
    shown = token(new_api, number)
    assert (shown["expired_time"], shown["remain_quota"], shown["name"]) == (-1, 0, "")
    assert (shown["status"], shown["used_quota"], shown["user_id"]) == (1, 0, 101)
    assert "mine" not in operator.secrets()
    other = create(new_api, operator, expired_time=0)
    assert token(new_api, other)["expired_time"] == -1


def test_a_put_replaces_everything(new_api: httpx.Client, operator: OperatorClient) -> None:
    """What HitOpen's page shows as an update kills the key: expiry 0, no models, no addresses, no group."""
    operator.set_clock(NOW, frozen=True)
    number = create(new_api, operator, **FULL)
    answer = new_api.put(TOKENS, json={"id": number, "name": "b", "unlimited_quota": True}).json()
    assert (answer["success"], answer["data"]) == (True, token(new_api, number))
    shown = answer["data"]
    assert (shown["name"], shown["unlimited_quota"], shown["expired_time"]) == ("b", True, 0)
    assert (shown["model_limits_enabled"], shown["model_limits"], shown["allow_ips"]) == (False, "", None)
    assert (shown["group"], shown["cross_group_retry"], shown["remain_quota"]) == ("", False, 0)
    assert shown["status"] == 1
    assert operator.use(str(number)) == "Token has expired"
    assert token(new_api, number)["status"] == 3


def test_the_whole_object_keeps_everything(new_api: httpx.Client, operator: OperatorClient) -> None:
    """What GET answers can be sent back as it is."""
    number = create(new_api, operator, **FULL)
    before = token(new_api, number)
    assert new_api.put(TOKENS, json=before | {"name": "b"}).json()["success"] is True
    assert token(new_api, number) == before | {"name": "b"}


def test_put_ignores_what_the_server_decides(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Status, used quota, key and times are as they were."""
    number = create(new_api, operator, **FULL)
    before = token(new_api, number)
    new_api.put(TOKENS, json=before | {"status": 2, "used_quota": 5, "key": "k", "created_time": 1})
    assert token(new_api, number) == before


def test_status_only_changes_the_status_alone(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Any value of the parameter will do, and the other fields of the body are ignored."""
    number = create(new_api, operator, **FULL)
    before = token(new_api, number)
    for value, status in (("1", 2), ("true", 1), ("x", 2)):
        body = {"id": number, "status": status, "name": "other"}
        answer = new_api.put(f"{TOKENS}?status_only={value}", json=body).json()
        assert answer["data"] == token(new_api, number) == before | {"status": status}
    assert operator.keys()[0].enabled is False
    new_api.put(f"{TOKENS}?status_only=", json=before | {"name": "b"})
    assert token(new_api, number)["name"] == "b"


def test_status_only_still_checks_the_body(new_api: httpx.Client, operator: OperatorClient) -> None:
    """A name too long or a negative quota refuses it."""
    number = create(new_api, operator, **FULL)
    for extra in ({"name": "x" * 51}, {"remain_quota": -1}):
        refused(new_api.put(f"{TOKENS}?status_only=1", json={"id": number, "status": 2, **extra}))
    assert token(new_api, number)["status"] == 1


def test_reviving_an_expired_token_takes_two_steps(new_api: httpx.Client, operator: OperatorClient) -> None:
    """One body with status 1 and a new expiry is refused whole; expiry first, then the status."""
    operator.set_clock(NOW, frozen=True)
    number = create(new_api, operator, **FULL)
    operator.advance(2000)
    assert token(new_api, number)["status"] == 1
    assert operator.use(str(number)) == "Token has expired"
    assert token(new_api, number)["status"] == 3
    repaired = token(new_api, number) | {"expired_time": -1}
    message = refused(new_api.put(TOKENS, json=repaired | {"status": 1}))
    assert "expired and cannot be enabled" in message
    assert "无法启用" in refused(
        new_api.put(TOKENS, json=repaired | {"status": 1}, headers={"Accept-Language": "zh"})
    )
    refused(new_api.put(f"{TOKENS}?status_only=1", json={"id": number, "status": 1}))
    assert token(new_api, number)["expired_time"] == FULL["expired_time"]
    new_api.put(TOKENS, json=repaired)
    assert (token(new_api, number)["status"], operator.use(str(number))) == (3, "Token has expired")
    new_api.put(f"{TOKENS}?status_only=1", json={"id": number, "status": 1})
    assert (token(new_api, number)["status"], operator.use(str(number))) == (1, "")


def test_reviving_a_spent_token_takes_two_steps(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Raising the quota leaves it dead until the status is set."""
    number = create(new_api, operator, name="a", remain_quota=100)
    operator.spend(str(number), units=100)
    assert token(new_api, number)["status"] == 1
    assert operator.use(str(number)) == "Token quota is exhausted"
    body = {"id": number, "name": "a", "expired_time": -1, "remain_quota": 50}
    assert "exhausted" in refused(new_api.put(TOKENS, json=body | {"status": 1}))
    new_api.put(TOKENS, json=body)
    shown = token(new_api, number)
    assert (shown["status"], shown["remain_quota"], shown["used_quota"]) == (4, 50, 100)
    new_api.put(f"{TOKENS}?status_only=1", json={"id": number, "status": 1})
    assert (token(new_api, number)["status"], operator.use(str(number))) == (1, "")


def test_the_number_of_tokens_is_capped(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The message is Chinese in every language."""
    operator.set_switches("new-api", max_tokens=2)
    operator.create_keys({"account": "new_api"} for _ in range(2))
    assert "最大令牌数量限制 (2)" in refused(new_api.post(TOKENS, json=FULL))
    operator.set_switches("new-api", max_tokens=0)
    assert new_api.post(TOKENS, json=FULL).json()["success"] is True


@pytest.mark.parametrize("label", ["new_api", "one_api"])
def test_foreign_and_unknown_ids_are_not_found(family: Family, operator: OperatorClient, label: str) -> None:
    """For every verb, with HTTP 200; id 0 has its own message."""
    foreign = operator.create_key(f"{label}_two")["id"]
    client = family(label)
    for number in (foreign, "999"):
        answers = [
            client.get(f"{TOKENS}{number}"),
            client.delete(f"{TOKENS}{number}"),
            client.put(TOKENS, json={"id": int(number), "name": "a"}),
        ]
        assert [refused(answer) for answer in answers] == ["record not found"] * 3
    for answer in (client.get(f"{TOKENS}0"), client.put(TOKENS, json={"name": "a"})):
        assert refused(answer).startswith("id ")
    assert refused(client.get(f"{TOKENS}abc")) == 'strconv.Atoi: parsing "abc": invalid syntax'


def test_a_deleted_token_is_gone(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The second delete finds nothing; the row is hidden, and its id never comes again."""
    number = create(new_api, operator, **FULL)
    assert new_api.delete(f"{TOKENS}{number}").json() == {"success": True, "message": ""}
    assert refused(new_api.delete(f"{TOKENS}{number}")) == "record not found"
    assert operator.keys() == []
    assert [row.id for row in operator.keys(deleted=True)] == [str(number)]
    assert create(new_api, operator, **FULL) > number


def test_deleting_can_remove_the_row(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Nothing is left of it, and its id still never comes again."""
    operator.set_switches("new-api", deletes="removed")
    number = create(new_api, operator, **FULL)
    new_api.delete(f"{TOKENS}{number}")
    assert operator.keys(deleted=True) == []
    assert create(new_api, operator, **FULL) == number + 1


def test_many_are_deleted_at_once(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Foreign ids are passed over, and the answer counts the others."""
    mine = [create(new_api, operator, name="a") for _ in range(3)]
    foreign = int(operator.create_key("new_api_two")["id"])
    answer = new_api.post(f"{TOKENS}batch", json={"ids": [*mine[:2], foreign, 999]})
    assert answer.json()["data"] == 2
    assert [row.id for row in operator.keys("")] == [str(mine[2]), str(foreign)]


def test_keys_are_revealed(new_api: httpx.Client, operator: OperatorClient) -> None:
    """One by one, or many by id; always without `sk-`, and foreign ones not."""
    numbers = [create(new_api, operator, name="a") for _ in range(2)]
    foreign = operator.create_key("new_api_two")["id"]
    secrets = operator.secrets()
    answer = new_api.post(f"{TOKENS}{numbers[0]}/key").json()
    assert answer == {"success": True, "message": "", "data": {"key": secrets[0]}}
    assert refused(new_api.post(f"{TOKENS}{foreign}/key")) == "record not found"
    answer = new_api.post(f"{TOKENS}batch/keys", json={"ids": [*numbers, int(foreign)]}).json()
    assert answer["data"]["keys"] == {str(numbers[0]): secrets[0], str(numbers[1]): secrets[1]}


@pytest.mark.parametrize("ids", [None, [], ["1"], "1", list(range(1, 102))])
def test_a_batch_has_one_to_a_hundred_ids(new_api: httpx.Client, ids: object) -> None:
    """Anything else is a business error."""
    assert refused(new_api.post(f"{TOKENS}batch/keys", json={"ids": ids}))


def test_a_put_can_answer_nothing(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Only reading again tells what was stored."""
    operator.set_switches("new-api", put_returns="nothing")
    number = create(new_api, operator, **FULL)
    assert new_api.put(TOKENS, json=FULL | {"id": number}).json() == {"success": True, "message": ""}


def test_a_put_can_keep_what_it_leaves_out(new_api: httpx.Client, operator: OperatorClient) -> None:
    """As a server does that patches."""
    operator.set_switches("new-api", put_omitted="kept")
    number = create(new_api, operator, **FULL)
    before = token(new_api, number)
    new_api.put(TOKENS, json={"id": number, "name": "b"})
    assert token(new_api, number) == before | {"name": "b"}


def test_a_put_can_take_the_status(family: Family, operator: OperatorClient) -> None:
    """CometAPI documents the status in the ordinary body; the check of dead tokens holds there too."""
    client = family("cometapi")
    number = create(client, operator, **FULL)
    client.put(TOKENS, json=FULL | {"id": number, "status": 2})
    assert token(client, number)["status"] == 2
    operator.set_switches("cometapi", put_status="ignored")
    client.put(TOKENS, json=FULL | {"id": number, "status": 1})
    assert token(client, number)["status"] == 2


def test_status_only_can_be_unknown(new_api: httpx.Client, operator: OperatorClient) -> None:
    """The server takes it for a full replace then, and a body of two fields wipes the rest."""
    operator.set_switches("new-api", status_only="full_put")
    number = create(new_api, operator, **FULL)
    new_api.put(f"{TOKENS}?status_only=1", json={"id": number, "status": 2})
    shown = token(new_api, number)
    assert (shown["status"], shown["name"], shown["expired_time"], shown["allow_ips"]) == (1, "", 0, None)


def test_every_write_commits(new_api: httpx.Client, operator: OperatorClient) -> None:
    """A fault inside the write finds it in the database."""
    operator.add_fault("drop_after", method="POST", path="/api/token/$", account="new_api")
    with pytest.raises(httpx.RemoteProtocolError):
        new_api.post(TOKENS, json=FULL)
    assert [row.name for row in operator.keys("new_api")] == ["a"]
    assert operator.requests()[-1].account == "new_api"
