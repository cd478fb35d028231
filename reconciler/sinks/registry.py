"""Which kinds of sinks there are; an adapter is imported when one of its kind is built."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from reconciler.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.ports.sink import Sink

_MODULES: Final = {
    "dotenv": "reconciler.sinks.dotenv",
    "exec": "reconciler.sinks.exec_hook",
    "json": "reconciler.sinks.json_file",
}

TYPES: Final = frozenset(_MODULES)
"""The words that `type` may be in the settings; the sink in memory is not for users and has none."""


class Declared(Protocol):
    """A sink as the settings declare it, validated, with paths made absolute."""

    @property
    def name(self) -> str:
        """The name that deliveries use."""

    @property
    def type(self) -> str:
        """One of `TYPES`."""

    @property
    def options(self) -> Mapping[str, object]:
        """What the type takes; the `build` of its module lists the names."""


def build(declared: Declared) -> Sink:
    """Return the adapter of a declared sink; nothing is opened or written yet.

    Raises:
        SinkError: for a type that there is not.
    """
    module = _MODULES.get(declared.type)
    if module is None:
        known = ", ".join(sorted(TYPES))
        msg = f"sink {declared.name}: there is no type {declared.type!r}; use one of {known}"
        raise SinkError(msg)
    return cast("Sink", import_module(module).build(declared.options))
