"""What an account of the New API family may set."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.fields import TOTAL_USD
from reconciler.errors import UsageError
from reconciler.providers._newapi_dialects import COMETAPI, HITOPEN, NEW_API, ONE_API
from reconciler.providers._newapi_options import OPTIONS, options_of
from reconciler.providers.registry import PROVIDERS


def test_nothing_set_is_the_provider_itself() -> None:
    """Only the name that stands for many servers takes the form from what it is shown."""
    for dialect in (HITOPEN, COMETAPI, ONE_API):
        found = options_of(dialect, {})
        assert (found.dialect, found.sniffs, found.auth_scheme) == (dialect, False, dialect.auth_scheme)
    assert options_of(NEW_API, {}).sniffs is True


def test_a_named_dialect_wins() -> None:
    """It is another server under the provider's own name."""
    found = options_of(NEW_API, {"dialect": "one-api"})
    assert (found.sniffs, found.dialect.page_shape, found.dialect.name) == (False, "array", "new-api")
    assert options_of(NEW_API, {"dialect": "new-api"}).sniffs is False
    assert options_of(HITOPEN, {"dialect": "auto"}).sniffs is True


@pytest.mark.parametrize(
    ("scheme", "sent", "tries"), [("raw", None, False), ("bearer", "Bearer", False), ("auto", None, True)]
)
def test_the_scheme(scheme: str, sent: str | None, *, tries: bool) -> None:
    """What is left open begins with the dialect's."""
    found = options_of(NEW_API, {"auth_scheme": scheme})
    assert (found.auth_scheme, found.tries_schemes) == (sent, tries)


def test_the_users_number_is_a_header_where_servers_look_at_it() -> None:
    """And whose keys are ours, everywhere."""
    found = options_of(NEW_API, {"user_id": 7, "extra_headers": {"x-api-user": "7"}})
    assert found.headers == {"New-Api-User": "7", "X-Api-User": "7"}
    assert options_of(ONE_API, {"user_id": 7}).headers == {}
    assert options_of(ONE_API, {"user_id": 7}).user_id == 7


def test_limits_in_usd_need_a_unit_that_somebody_told() -> None:
    """CometAPI does not; its accounts may set it, and then amounts have to be whole units."""
    entry = PROVIDERS["cometapi"]
    assert TOTAL_USD not in entry.capabilities_with({}).updatable
    with_unit = entry.capabilities_with({"quota_per_unit": 250_000})
    assert TOTAL_USD in with_unit.updatable
    assert with_unit.money_quantum == 4
    assert PROVIDERS["new-api"].capabilities_with({}).money_quantum == 2
    assert TOTAL_USD in PROVIDERS["new-api"].capabilities.updatable


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"userid": 7}, "`userid` is no setting of a new-api account"),
        ({"user_id": "7"}, "`user_id` is no whole number"),
        ({"user_id": 0}, "`user_id` is no whole number"),
        ({"user_id": True}, "`user_id` is no whole number"),
        ({"quota_per_unit": 2**60}, "`quota_per_unit` is no whole number"),
        ({"dialect": "one-hub"}, "`dialect` is none of the words"),
        ({"dialect": 5}, "`dialect` is none of the words"),
        ({"auth_scheme": "basic"}, "use one of `auto`, `raw`, `bearer`"),
        ({"extra_headers": ["a"]}, "not a mapping"),
        ({"extra_headers": {f"x-{number}": "y" for number in range(21)}}, "up to 20 headers"),
        ({"extra_headers": {"Authorization": "x"}}, "cannot be set"),
        ({"extra_headers": {"content-length": "5"}}, "cannot be set"),
        ({"extra_headers": {"a b": "x"}}, "cannot be set"),
        ({"extra_headers": {5: "x"}}, "cannot be set"),
        ({"extra_headers": {"x-a": "line\nbreak"}}, "X-A|x-a"),
        ({"extra_headers": {"x-a": 5}}, "printable ASCII"),
    ],
    ids=range(16),
)
def test_wrong_options_are_refused_with_the_remedy(options: dict[str, Any], match: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=match):
        options_of(NEW_API, options)


def test_every_option_is_described() -> None:
    """The list is what documentation and schemas are made of."""
    assert set(OPTIONS) == {"user_id", "dialect", "auth_scheme", "quota_per_unit", "extra_headers"}
    assert all(text.endswith(".") for text in OPTIONS.values())
