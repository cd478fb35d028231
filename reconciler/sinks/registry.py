"""Which kinds of sinks there are; an adapter is imported when one of its kind is built."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, cast

from reconciler.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from reconciler.ports.sink import Sink

PLUGIN_GROUP: Final = "reconciler.sinks"
"""The entry-point group under which other packages offer types of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A type of this package.

    Attributes:
        module: where its `build` is.
        extra: the extra of this package that brings what it imports; empty when it needs none.
        imports: the modules that have to be there.
    """

    module: str
    extra: str = ""
    imports: tuple[str, ...] = ()


_KINDS: Final = {
    "age": _Kind(module="reconciler.sinks.age_file", extra="age", imports=("pyrage",)),
    "aws-secrets-manager": _Kind(
        module="reconciler.sinks.aws_secrets_manager", extra="aws", imports=("boto3",)
    ),
    "aws-ssm": _Kind(module="reconciler.sinks.aws_ssm", extra="aws", imports=("boto3",)),
    "dotenv": _Kind(module="reconciler.sinks.dotenv"),
    "exec": _Kind(module="reconciler.sinks.exec_hook"),
    "gcp-secret-manager": _Kind(
        module="reconciler.sinks.gcp_secret_manager",
        extra="gcp",
        imports=("google.cloud.secretmanager_v1", "google_crc32c", "requests"),
    ),
    "github-actions": _Kind(
        module="reconciler.sinks.github_actions", extra="github", imports=("nacl", "jwt", "cryptography")
    ),
    "json": _Kind(module="reconciler.sinks.json_file"),
    "kubernetes": _Kind(module="reconciler.sinks.kubernetes"),
    "sops": _Kind(module="reconciler.sinks.sops_file", extra="sops", imports=("pyrage", "cryptography")),
    "vault": _Kind(module="reconciler.sinks.vault"),
}

TYPES: Final = frozenset(_KINDS)
"""The words that `type` may be in the settings; the sink in memory is not for users and has none."""


class Declared(Protocol):
    """A sink as the settings declare it, validated, with paths made absolute."""

    @property
    def name(self) -> str:
        """The name that deliveries use."""

    @property
    def type(self) -> str:
        """One of `TYPES`, or the type of a plug-in."""

    @property
    def options(self) -> Mapping[str, object]:
        """What the type takes, as the `build` of its module lists it; credentials are secrets here.

        `clock` is the clock of the run.
        """


class Plugin(Protocol):
    """What an entry point of the group has to name: a module, or an object, with these two."""

    @property
    def Options(self) -> type[BaseModel]:  # noqa: N802  # it is a class
        """The pydantic model of what users write under `options`."""

    def build(self, options: Mapping[str, object]) -> Sink:
        """Return the sink that validated options describe; nothing is opened or written yet."""


def missing_extra(kind: str) -> str | None:
    """Return what a type of this package lacks on this machine and how to install it, or None.

    Args:
        kind: the word that `type` is in the settings; of others than `TYPES` nothing is known here.
    """
    known = _KINDS.get(kind)
    if known is None or all(_importable(name) for name in known.imports):
        return None
    return f"sinks of type `{kind}` need more packages; run `pip install '.[{known.extra}]'`"


def plugin(kind: str) -> Plugin | None:
    """Return what an installed package offers for a type that is not of this package, or None.

    Args:
        kind: the name of the entry point.

    Raises:
        SinkError: when two packages offer it, or what is offered cannot be imported or is no plug-in.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415  # slow, and needed by few

    found = [] if kind in TYPES else list(entry_points(group=PLUGIN_GROUP, name=kind))
    if not found:
        return None
    if len({point.value for point in found}) > 1:
        msg = f"two installed packages offer sinks of type `{kind}`; uninstall one of them"
        raise SinkError(msg)
    try:
        offered = found[0].load()
    except Exception as error:  # noqa: BLE001  # it is foreign code, and whatever it raises is its own
        what = type(error).__name__
        msg = f"the package that offers sinks of type `{kind}` does not load ({what}); repair it"
        raise SinkError(msg) from None
    if not hasattr(getattr(offered, "Options", None), "model_validate") or not hasattr(offered, "build"):
        msg = f"the package that offers sinks of type `{kind}` lacks `Options` or `build`; ask its author"
        raise SinkError(msg)
    return cast("Plugin", offered)


def build(declared: Declared) -> Sink:
    """Return the adapter of a declared sink; nothing is opened or written yet.

    Raises:
        SinkError: for a type that there is not, or whose packages are missing.
    """
    options = dict(declared.options)
    template = options.pop("template", None)
    sink = _adapter(declared, MappingProxyType(options))
    if template is None:
        return sink
    from reconciler.sinks._template import templated  # noqa: PLC0415  # few sinks have one

    return templated(sink, str(template))


def _adapter(declared: Declared, options: Mapping[str, object]) -> Sink:
    known = _KINDS.get(declared.type)
    if known is not None:
        lacking = missing_extra(declared.type)
        if lacking:
            msg = f"sink {declared.name}: {lacking}"
            raise SinkError(msg)
        return cast("Sink", import_module(known.module).build(options))
    offered = plugin(declared.type)
    if offered is None:
        names = ", ".join(sorted(TYPES))
        msg = (
            f"sink {declared.name}: there is no type {declared.type!r}; use one of {names}, "
            "or install the package that offers it"
        )
        raise SinkError(msg)
    return offered.build(options)


def _importable(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
