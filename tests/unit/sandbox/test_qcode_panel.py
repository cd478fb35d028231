"""Tests of the operator's side of the two QCode APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.keys import NewKey
from reconciler.sandbox.operator_client import OperatorError
from reconciler.sandbox.qcode_panel import ReadOnlyPanel
from reconciler.sandbox.store import Store
from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from reconciler.sandbox.operator_client import OperatorClient


def test_expiry_and_monthly_limit_are_kept_beside(operator: OperatorClient) -> None:
    """Only the read-only API shows them; other changes leave them alone."""
    key = operator.create_key("one", expires_at=5.0, monthly_usd=7.0, daily_usd=1)["id"]
    assert operator.change_key(key, daily_usd=2).extra == {"expires_at": 5.0, "monthly_usd": 7.0}
    row = operator.change_key(key, expires_at=None)
    assert (row.extra, row.daily_usd) == ({"expires_at": None, "monthly_usd": 7.0}, 2)


def test_a_key_serves_whatever_its_state(operator: OperatorClient) -> None:
    """The partner API documents no state that a call would change."""
    key = operator.create_key("one", enabled=False)["id"]
    assert operator.use(key) == ""
    with pytest.raises(OperatorError, match="has no status"):
        operator.change_key(key, status=3)


def test_the_read_only_api_has_no_keys_of_its_own() -> None:
    """Every verb is refused."""
    panel = ReadOnlyPanel()
    with Store() as store:
        store.keys.add([NewKey(id="a", account="one_readonly", secret="s", name="a")], now=0.0)
        row = store.keys.all()[0]
    with pytest.raises(InvalidValueError, match="only reads"):
        panel.change(row, {})
    with pytest.raises(InvalidValueError, match="only reads"):
        panel.delete(row)
    with pytest.raises(InvalidValueError, match="only reads"):
        panel.use(row, usd=1.0, units=None, at=0.0)
