"""The sinks of the settings file to `SinkSettings`; another package checks the options of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel, ValidationError

from reconciler.errors import SinkError
from reconciler.manifest.complaints import problems_of
from reconciler.manifest.places import Source
from reconciler.manifest.settings import SinkSettings
from reconciler.manifest.wire_sinks import BUILT_IN_TYPES, PluginFields

if TYPE_CHECKING:
    from reconciler.errors import Problem
    from reconciler.manifest.resolve_settings import SettingsSource

PluginOptions: TypeAlias = Callable[[str], type[BaseModel] | None]
"""Returns the model of a type's options, or None where nobody offers it; may raise `SinkError`."""

_WRITTEN: Final = frozenset({"directory", "path", "receipts"})
_PATHS: Final = _WRITTEN | {"ca_file", "credentials_file", "jwt_file", "kubeconfig"}


def no_plugin(kind: str) -> None:
    """Offer no type at all, for callers that know of no other packages."""
    del kind


def resolve_sinks(
    source: SettingsSource, plugin: PluginOptions
) -> tuple[dict[str, SinkSettings], list[Problem]]:
    """Return the sinks and what is wrong; one of a plug-in with a problem is left out."""
    problems = _clashes(source)
    sinks: dict[str, SinkSettings] = {}
    for name, wire in source.wire.sinks.items():
        at: tuple[object, ...] = ("sinks", name)
        shape: BaseModel = wire
        if isinstance(wire, PluginFields):
            found = _plugin_options(source, name, wire, plugin)
            if isinstance(found, list):
                problems += found
                continue
            shape, at = found, (*at, "options")
        options = _options(source, shape, at)
        if wire.template is not None:
            options["template"] = wire.template
        sinks[name] = SinkSettings(
            name=name, type=wire.type, options=options, mark=source.mark("sinks", name)
        )
    return sinks, problems


def _options(source: SettingsSource, shape: BaseModel, at: tuple[object, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option, value in shape:
        if isinstance(value, Source):
            options[option] = source.credential(value, *at, option)
        elif isinstance(value, BaseModel):
            options[option] = _options(source, value, (*at, option))
        elif option in _PATHS and value is not None:
            options[option] = source.root / value
        elif option not in {"type", "template"}:
            options[option] = tuple(value) if isinstance(value, list) else value
    return options


def _plugin_options(
    source: SettingsSource, name: str, wire: PluginFields, plugin: PluginOptions
) -> BaseModel | list[Problem]:
    if wire.type in BUILT_IN_TYPES:
        message = "`options` is for sinks of other packages; write its fields beside `type`"
        return [source.problem(message, "sinks", name, "options")]
    try:
        model = plugin(wire.type)
    except SinkError as error:
        return [source.problem(str(error), "sinks", name, "type")]
    if model is None:
        message = "`type` is one of no installed package; correct it, or install the package that offers it"
        return [source.problem(message, "sinks", name, "type")]
    at = ("sinks", name, "options")
    try:
        return model.model_validate(wire.options, strict=True)
    except ValidationError as error:
        known = frozenset(model.model_fields)
        return problems_of(error, source.tree, source.shown, known=known, providers=(), within=at)


def _clashes(source: SettingsSource) -> list[Problem]:
    found = []
    owners: dict[str, str] = {}
    for name, wire in source.wire.sinks.items():
        for written in (value for option, value in wire if option in _WRITTEN):
            other = owners.setdefault(os.path.normpath(source.root / written), name)
            if other != name:
                message = f"this sink and `{other}` write the same file; give each its own"
                found.append(source.problem(message, "sinks", name))
    return found
