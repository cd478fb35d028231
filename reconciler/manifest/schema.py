"""The JSON Schemas (draft 2020-12) of what people write and of what this tool writes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from reconciler.core.fields import Field

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_SHAPES: Final = {
    "settings": ("reconciler.manifest.wire_settings", "SETTINGS_FILE"),
    "keys": ("reconciler.manifest.wire_keys", "key_file"),
    "observed": ("reconciler.manifest.wire_observed", "OBSERVED_FILE"),
    "plan": ("reconciler.manifest.wire_plan", "PLAN_FILE"),
    "report": ("reconciler.manifest.wire_report", "REPORT_FILE"),
}
NAMES: Final = tuple(_SHAPES)

_MAPS: Final = ("properties", "patternProperties", "$defs")
_LISTS: Final = ("anyOf", "oneOf")
_SINGLE: Final = ("items", "additionalProperties")


def schema(name: str, own: tuple[Field, ...] = ()) -> dict[str, Any]:
    """Return the JSON Schema of one sort of file.

    Args:
        name: one of `NAMES`.
        own: fields that only some providers have; key files have them in a block for each provider.
    """
    module, attribute = _SHAPES[name]
    found = getattr(import_module(module), attribute)
    shape: TypeAdapter[Any] = found(own) if name == "keys" else found
    body = shape.json_schema()
    title = body["title"]
    _tidy(body)
    return {"$schema": DIALECT, "$id": f"urn:reconciler:schema:{name}:v1", "title": title, **body}


def _tidy(node: dict[str, Any]) -> None:
    """Take out what pydantic adds for itself, and close maps whose names follow a pattern."""
    node.pop("title", None)
    if isinstance(node.get("default", 0), dict | None):
        del node["default"]
    if "patternProperties" in node:
        node["additionalProperties"] = False
    inner = [child for word in _MAPS for child in node.get(word, {}).values()]
    inner += [child for word in _LISTS for child in node.get(word, ())]
    inner += [node[word] for word in _SINGLE if isinstance(node.get(word), dict)]
    for child in inner:
        _tidy(child)
