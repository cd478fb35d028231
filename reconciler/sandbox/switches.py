"""How a vendor's unknowns are declared as switches, listed and changed.

A vendor declares one frozen dataclass; each field is a switch with a default, its allowed values (the type),
one sentence, and whether the default is documented by the vendor or assumed by us.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, get_type_hints

from reconciler.sandbox.validation import allowed, build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sandbox.database import Database

Basis = Literal["documented", "assumed"]
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


def describe(values: object) -> list[SwitchInfo]:
    """Return every switch of a switches dataclass instance, in the order of declaration."""
    kind = type(values)
    hints = get_type_hints(kind)
    return [
        SwitchInfo(
            name=item.name,
            value=getattr(values, item.name),
            default=item.default,
            allowed=allowed(hints[item.name]),
            basis=item.metadata["basis"],
            doc=item.metadata["doc"],
        )
        for item in fields(cast("Any", kind))
    ]


class SwitchBoard(Generic[S]):
    """The switches of one vendor, kept in the database.

    Args:
        database: where changed values are kept.
        vendor: whose switches these are.
        kind: the dataclass that declares them.
    """

    def __init__(self, database: Database, *, vendor: str, kind: type[S]) -> None:
        self._database = database
        self._name = f"switches:{vendor}"
        self._kind = kind
        # Every request asks several times; another process may have written in between.
        self._known: tuple[object, S] = ({}, kind())

    def get(self) -> S:
        """Return the switches in force."""
        stored = self._database.setting(self._name) or {}
        if stored != self._known[0]:
            self._known = (stored, build(self._kind, stored))
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
