"""How a vendor's unknowns are declared as switches, listed and changed.

A vendor declares one frozen dataclass; each field is a switch with a default, its allowed values (the type),
one sentence, and whether the default is documented by the vendor, read in its source, or assumed by us.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, get_type_hints

from reconciler.sandbox.validation import allowed, build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sandbox.database import Database

Basis = Literal["documented", "source", "assumed"]
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchInfo:
    """One switch, as the operator and the documentation see it."""

    name: str
    value: object
    default: object
    allowed: str
    basis: Basis
    doc: str


def switch(default: T, doc: str, *, basis: Basis = "assumed") -> T:
    """Declare a switch: its default, one sentence on what it decides, and where the default comes from."""
    return field(default=default, metadata={"doc": doc, "basis": basis})


def describe(
    values: object, *, defaults: object = None, documented: frozenset[str] | None = None
) -> list[SwitchInfo]:
    """Return every switch of a switches dataclass instance, in the order of declaration.

    Args:
        values: what holds now.
        defaults: an instance with the defaults, when they are not those of the dataclass.
        documented: the switches whose default a vendor documents, all others being assumed; what the
            dataclass says when left out.
    """
    kind = type(values)
    base = kind() if defaults is None else defaults
    hints = get_type_hints(kind)
    return [
        SwitchInfo(
            name=item.name,
            value=getattr(values, item.name),
            default=getattr(base, item.name),
            allowed=allowed(hints[item.name]),
            basis=_basis(item.name, item.metadata["basis"], documented),
            doc=item.metadata["doc"],
        )
        for item in fields(cast("Any", kind))
    ]


def _basis(name: str, declared: Basis, documented: frozenset[str] | None) -> Basis:
    if documented is None:
        return declared
    return "documented" if name in documented else "assumed"


class SwitchBoard(Generic[S]):
    """The switches of one vendor, kept in the database.

    Args:
        database: where changed values are kept.
        vendor: whose switches these are.
        kind: the dataclass that declares them.
        defaults: what holds until an operator changes it; the dataclass's own defaults when left out.
        documented: see `describe`.
    """

    def __init__(
        self,
        database: Database,
        *,
        vendor: str,
        kind: type[S],
        defaults: S | None = None,
        documented: frozenset[str] | None = None,
    ) -> None:
        self._database = database
        self._name = f"switches:{vendor}"
        self._kind = kind
        self._defaults = kind() if defaults is None else defaults
        self._documented = documented
        # Every request asks several times; another process may have written in between.
        self._known: tuple[object, S] = ({}, self._defaults)

    def describe(self) -> list[SwitchInfo]:
        """Return every switch with its value in force."""
        return describe(self.get(), defaults=self._defaults, documented=self._documented)

    def get(self) -> S:
        """Return the switches in force."""
        stored = self._database.setting(self._name) or {}
        if stored != self._known[0]:
            self._known = (stored, build(self._kind, stored, base=self._defaults))
        return self._known[1]

    def put(self, changes: Mapping[str, object]) -> S:
        """Change some switches and return all.

        Raises:
            InvalidValueError: there is no such switch, or it does not take that value.
        """
        changed = build(self._kind, changes, base=self.get())
        self._database.put_setting(self._name, asdict(cast("Any", changed)))
        return changed

    def reset(self) -> None:
        """Go back to the defaults."""
        self._database.put_setting(self._name, {})
