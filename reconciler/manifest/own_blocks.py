"""The blocks of a key file that are named after a provider, made of the fields that it declares as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, with_config
from typing_extensions import TypedDict, get_type_hints

from reconciler.core.fields import Kind
from reconciler.manifest.scalars import Switch, Text, listed, whole
from reconciler.manifest.strict import STRICT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.core.fields import Field as OwnField

_SCALARS: Final[Mapping[Kind, Any]] = {
    Kind.SWITCH: Switch,
    Kind.TEXT: Text,
    Kind.COUNT: Annotated[int, whole(0)],
}


def split(name: str) -> tuple[str, str]:
    """Return the block and the field in it of a dotted field; a plain field is in no block."""
    block, _, field = name.rpartition(".")
    return block, field


def blocks_of(own: Iterable[OwnField]) -> dict[str, Any]:
    """Return the shape of each provider's block, by the provider's name.

    Args:
        own: fields of some providers, named `<provider>.<field>`.
    """
    fields: dict[str, dict[str, Any]] = {}
    for field in own:
        provider, name = split(field.name)
        described: Any = Annotated[_value(field), Field(description=field.about)]
        fields.setdefault(provider, {})[name] = described
    return {
        provider: Annotated[
            _shape(f"{provider} block", f"What only {provider} has.", shape),
            Field(description=f"What only {provider} has; for keys of its accounts."),
        ]
        for provider, shape in sorted(fields.items())
    }


def extended(shape: Any, more: Mapping[str, Any]) -> Any:
    """Return a typed dictionary like another one, with some fields more or of another type."""
    return _shape(shape.__name__, shape.__doc__, {**get_type_hints(shape, include_extras=True), **more})


def _value(field: OwnField) -> Any:
    if field.kind is Kind.LIST:
        return Annotated[tuple[str, ...] | str, listed(field.clear)]
    return _SCALARS[field.kind]


def _shape(name: str, about: str, fields: Mapping[str, Any]) -> Any:
    made: Any = TypedDict(name, dict(fields), total=False)  # type: ignore[misc]  # built from data
    made.__doc__ = about
    return with_config(STRICT)(made)
