"""What one account's provider can be asked for, and the sentence for each thing that it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, FIELDS, Kind
from reconciler.manifest.inheritance import LIMIT_FIELDS
from reconciler.manifest.own_blocks import split
from reconciler.manifest.resolve_settings import name_room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.core.fields import Spec
    from reconciler.core.model import DesiredAccount, Lifecycle

_CLEARS: Final = {name: field.clear for name, field in FIELDS.items() if field.clear is not None}
_AMOUNTS: Final = frozenset(name for name, field in FIELDS.items() if field.kind is Kind.MONEY)
_BYTES: Final = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """The checks of one account, with everything worked out that does not depend on the key.

    Attributes:
        account: the account.
        settable: fields that a key of it may declare.
        required: fields that every key must declare.
        room: longest declared name, in the provider's unit.
    """

    account: DesiredAccount
    settable: frozenset[str]
    required: tuple[str, ...]
    room: int

    def spec_problems(self, spec: Spec) -> Iterator[tuple[str, str]]:
        """Yield the field and the sentence for each field that the provider cannot deliver."""
        can = self.account.capabilities
        if len(twice := sorted(can.same_limit & spec.keys())) > 1:
            yield twice[0], f"is the same limit as `{twice[1]}` in another unit; declare one of them"
        clears = self.clears
        for name, value in spec.items():
            if name not in self.settable:
                if not self._is_elsewhere(name):
                    yield name, self._unsettable(name)
            elif name in clears and value == clears[name]:
                if name not in can.clearable:
                    yield name, "cannot be lifted at this account's provider; set a value or remove the field"
            elif name in _AMOUNTS and isinstance(value, int) and value % can.money_quantum:
                yield name, "has smaller steps than this account's provider keeps; round it"

    def block_problems(self, spec: Spec) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the blocks of a key: for another provider, or without what they need."""
        for block in sorted({split(name)[0] for name in spec if self._is_elsewhere(name)}):
            provider = self.account.provider
            yield block, f"is for keys of {block} accounts; this account's provider is {provider}"
        for field in self.account.capabilities.own:
            if field.needs and spec.get(field.name) not in {None, False, field.clear}:
                name, value = field.needs
                if spec.get(name) != value:
                    yield field.name, f"means something with `{name}: {value}` only; declare that too"

    @property
    def clears(self) -> Mapping[str, str]:
        """The word of each field that lifts it, where it has one."""
        own = {field.name: field.clear for field in self.account.capabilities.own if field.clear is not None}
        return {**_CLEARS, **own} if own else _CLEARS

    def _is_elsewhere(self, name: str) -> bool:
        """Tell whether a field is in the block of another provider."""
        return name not in FIELDS and split(name)[0] != self.account.provider

    def _unsettable(self, name: str) -> str:
        can = self.account.capabilities
        if not can.mintable:
            return "cannot be set: this account only reads; declare the key at an account that can write"
        if name in can.same_limit and (others := sorted(can.same_limit & self.settable)):
            return (
                "cannot be set while nobody says what the provider's unit is worth; "
                f"say it in the account's `options`, or declare `{others[0].rpartition('.')[2]}`"
            )
        return "cannot be set at this account's provider; remove it"

    def missing(self, spec: Spec) -> Iterator[str]:
        """Yield the limits that the safety settings ask for and the key does not cap."""
        for name in self.required:
            field = LIMIT_FIELDS[name]
            if field not in spec or spec[field] == _CLEARS[field]:
                yield f"`{name}` is missing or unlimited, and `safety.require` asks for it; set it"

    def name_problem(self, name: str) -> str | None:
        """Return why a name does not fit, or None."""
        unit = self.account.capabilities.name_unit
        length = len(name.encode()) if unit == _BYTES else len(name)
        if length <= self.room:
            return None
        return f"this name is {length} {unit} long, and this account takes {self.room}; shorten it"

    def lifecycle_problems(self, lifecycle: Lifecycle) -> Iterator[tuple[str, str]]:
        """Yield the field and the sentence for each step of a key's life that the provider cannot take."""
        can = self.account.capabilities
        former = lifecycle.renamed_from
        if former is not None and "/" not in former and not can.renames:
            yield "renamed_from", "needs a provider that can rename keys; use `adopt` with the key's id"
        if lifecycle.absent and not (can.toggles or can.deletes):
            yield (
                "state",
                "cannot be `absent`: this account's provider neither disables nor deletes; use `present`",
            )


def rules_for(account: DesiredAccount, required: tuple[str, ...]) -> AccountRules:
    """Return the rules of an account.

    A key is born with the provider's smallest limits and gets the declared ones by an update, so only
    what an update can set can be declared.
    """
    can = account.capabilities
    settable = can.updatable | {ENABLED} if can.toggles else can.updatable
    return AccountRules(
        account=account, settable=settable, required=required, room=name_room(can, account.namespace)
    )
