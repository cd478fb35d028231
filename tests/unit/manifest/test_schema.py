"""The JSON Schemas: as committed, closed, described, and in agreement with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from reconciler.core.plan_document import plan_document
from reconciler.core.report import report_document
from reconciler.manifest.schema import NAMES, schema
from reconciler.manifest.tree import parse
from reconciler.manifest.wire_report import REPORT_FILE
from reconciler.manifest.wire_settings import AccountFields
from reconciler.manifest.wire_sinks import PluginFields
from reconciler.providers.registry import OWN_FIELDS
from tests.unit.manifest.plans import PLAN, REPORT
from tests.unit.manifest.projects import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Path(__file__).parents[3] / "schemas"
OPEN = {fields.model_fields["options"].description for fields in (AccountFields, PluginFields)}
TEXTS = {"type": "string"}
"""The one object whose fields another package knows."""


def errors(name: str, document: object) -> list[str]:
    """Return where a document does not fit a schema."""
    validator = jsonschema.Draft202012Validator(schema(name))
    return [error.json_path for error in validator.iter_errors(document)]


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a schema."""
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from nodes(child)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_schema_is_the_generated_one(name: str) -> None:
    """Regenerate with `reconciler schema NAME > schemas/NAME.v1.json`."""
    assert (SCHEMAS / f"{name}.v1.json").read_text() == json.dumps(schema(name, OWN_FIELDS), indent=2) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_closed_and_described(name: str) -> None:
    """Editors then complain about misspelt fields and explain the others."""
    found = schema(name, OWN_FIELDS)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["$id"] == f"urn:reconciler:schema:{name}:v1"
    for node in nodes(found):
        if node.get("type") == "object" and node.get("description") not in OPEN:
            assert node["additionalProperties"] in (False, TEXTS)
            assert all(field.get("description") for field in node.get("properties", {}).values())


def test_settings_of_every_kind_fit() -> None:
    """What the loader takes, the editor takes."""
    text = SETTINGS + (
        "  hook: {type: exec, command: [put], receipts: r.json, timeout: 5s, env: [HOME]}\n"
        f"  sealed: {{type: age, directory: keys, recipients: [age1{'q' * 58}, ssh-ed25519 {'A' * 68} me]}}\n"
        "  other: {type: acme-store, template: 'Bearer {key}', options: {region: eu}}\n"
        "safety: {max_creates: null, max_increase_usd: '2.5', require: [total_usd]}\n"
        "salt: {file: .salt}\nmax_file_mb: 64\n"
    )
    assert errors("settings", parse(text, "f")) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("version: 1", "version: 2", "$.version"),
        ("keys: [keys/*.yaml]", "keys: [/etc/x]", "$.keys[0]"),
        ("token: {env: MAIN_TOKEN}", "token: cr_secret", "$.accounts.main.token"),
        ("token: {env: MAIN_TOKEN}", "token: {env: A, file: b}", "$.accounts.main.token"),
        ("provider: partner", "provider: partner, colour: red", "$.accounts.main"),
        ("type: dotenv", "type: memory", "$.sinks.local"),
        ("type: json,", "type: json, options: {},", "$.sinks.store"),
        ("type: json,", "type: json, template: key,", "$.sinks.store"),
        ("  local:", "  'a b':", "$.sinks"),
    ],
)
def test_settings_that_the_loader_refuses_do_not_fit(old: str, new: str, path: str) -> None:
    """At the same place."""
    assert path in errors("settings", parse(SETTINGS.replace(old, new), "f"))


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"limits": {"daily_usd": 5, "total_usd": "2.50", "weekly_usd": "unlimited", "concurrency": 1}},
        {"expires": "2027-01-01T00:00:00Z", "models": ["a"], "allow_ips": ["10.0.0.0/8"], "group": "x"},
        {"expires": "never", "models": "all", "allow_ips": "any", "enabled": False},
        {"deliver": {"sink": "local"}},
        {"deliver": [{"sink": "local", "name": "A", "takeover": True}]},
        {"deliver": "none", "adopt": 5, "state": "absent", "overlap": "7d", "generation": 2},
    ],
    ids=[str(number) for number in range(7)],
)
def test_keys_of_every_kind_fit(key: object) -> None:
    """Money as a whole number or as text, and the words that lift a limit."""
    assert errors("keys", {"version": 1, "defaults": {"account": "main"}, "keys": {"Team A": key}}) == []


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ({"limits": {"daily_usd": 0}}, "$.keys.a.limits.daily_usd"),
        ({"limits": {"daily_usd": "0.00"}}, "$.keys.a.limits.daily_usd"),
        ({"limits": {"daily_usd": 2.5}}, "$.keys.a.limits.daily_usd"),
        ({"limits": {"daily": 5}}, "$.keys.a.limits"),
        ({"expires": "2027-01-01"}, "$.keys.a.expires"),
        ({"models": []}, "$.keys.a.models"),
        ({"deliver": []}, "$.keys.a.deliver"),
        ({"colour": "red"}, "$.keys.a"),
        (None, "$.keys.a"),
    ],
    ids=[str(number) for number in range(9)],
)
def test_keys_that_the_loader_refuses_do_not_fit(key: object, path: str) -> None:
    """The editor shows it before the pull request does."""
    assert errors("keys", {"version": 1, "keys": {"a": key}}) == [path]


@pytest.mark.parametrize("name", ["a/b", "a~2", " a", "a ", ""])
def test_names_that_the_loader_refuses_do_not_fit(name: str) -> None:
    """The namespace and the generation are not for declarations."""
    assert errors("keys", {"version": 1, "keys": {name: {}}}) == ["$.keys"]


def test_plans_and_reports_fit_their_schemas() -> None:
    """With something in every field."""
    assert errors("plan", plan_document(PLAN)) == []
    document = report_document(REPORT)
    assert errors("report", document) == []
    assert REPORT_FILE.validate_python(document).counts == {"done": 1, "deferred": 1}
    assert errors("plan", {**plan_document(PLAN), "extra": 1}) == ["$"]
    assert errors("report", {**document, "counts": {"fine": 1}}) == ["$.counts"]
