"""The whole job against every vendor that the documentation allows: each unknown switched the other way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project

if TYPE_CHECKING:
    from pathlib import Path

KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a: {limits: {daily_usd: 5, total_usd: 100, concurrency: 5}}
  client-b: {limits: {daily_usd: "2.50", total_usd: 50, concurrency: 2}, enabled: false}
"""

UNKNOWNS: list[dict[str, Any]] = [
    {"list_shape": "items", "list_paging": "clamped", "list_page_size": 10},
    {"list_shape": "bare"},
    {"list_shape": "items", "list_paging": "empty", "list_page_info": False},
    {"list_paging": "offset", "list_page_size": 2, "list_total": "exact"},
    {"list_total": "exact"},
    {"list_order": "oldest"},
    {"list_limits": False},
    {"list_description": False},
    {"list_description": False, "detail_description": False, "name_form": "equals_description"},
    {"list_lag_seconds": 1},
    {"field_names": "snake"},
    {"field_names": "camel", "numbers": "string", "concurrency_as": "string"},
    {"enabled_field": "status"},
    {"enabled_field": "active", "id_field": "key_id", "limits_nested": True},
    {"booleans": "number", "numbers": "exponent", "amounts_kept": "cents"},
    {"detail_limits": False},
    {"detail_description": False},
    {"name_form": "contains_description"},
    {"timestamps": False},
    {"timestamp_form": "epoch"},
    {"extra_fields": True},
    {"create_status": 201},
    {"create_warnings": "text"},
    {"create_warnings": "object"},
    {"created_enabled": False},
    {"create_requires": "everything"},
    {"unknown_fields": "rejected"},
    {"write_answer": "empty"},
    {"toggle_repeat": 409},
    {"idempotency": "ignored"},
    {"idempotency_replay": "no_plaintext"},
    {"idempotency_scope": "host"},
    {"idempotency_required": True},
    {"error_detail": "list"},
    {"limit_window": "fixed"},
    {"retry_after": "date"},
    {"retry_after": "fraction"},
    {"date_header": False},
]


@pytest.mark.parametrize(
    "switches",
    [pytest.param(row, id=",".join(f"{name}={value}" for name, value in row.items())) for row in UNKNOWNS],
)
def test_the_main_job_ends_the_same_way(tmp_path: Path, switches: dict[str, Any]) -> None:
    """Two keys are made beside three foreign ones, delivered, and a second plan is empty."""
    with SandboxServer() as sandbox:
        sandbox.operator.set_switches(**switches)
        sandbox.operator.no_limits()
        for number in range(3):
            sandbox.operator.create_key("one", description=f"by hand {number}", daily_usd=9, total_usd=90)
        project = Project.create(tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS)
        finished = project.run("apply", "--yes")
        assert finished.code == 0, finished.stderr + finished.stdout
        first, second = sorted(
            (row for row in sandbox.operator.keys("one") if "by hand" not in row.description),
            key=lambda row: row.description,
        )
        assert (first.enabled, first.daily_usd, first.total_usd, first.concurrency) == (True, 5, 100, 5)
        assert (second.enabled, second.daily_usd, second.total_usd, second.concurrency) == (False, 2.5, 50, 2)
        minted = {item["key_id"]: item["secret"] for item in sandbox.store.keys.secrets()}
        assert project.secrets() == {"CLIENT_A": minted[first.id], "CLIENT_B": minted[second.id]}
        again = project.run("plan", "--detailed-exitcode")
        assert again.code == 0, again.stdout
        assert all(row.daily_usd == 9 for row in sandbox.operator.keys("one") if "by hand" in row.description)
