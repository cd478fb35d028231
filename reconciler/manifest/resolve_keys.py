"""Key files to the keys of the desired state, with everything checked and every problem kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.model import Delivery, DesiredKey, SourceMark
from reconciler.errors import Problem
from reconciler.manifest.inheritance import LIFECYCLE_FIELDS, inherited, lifecycle_of, merge_spec
from reconciler.manifest.own_blocks import split
from reconciler.manifest.tree import MarkedMapping, locate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.manifest.account_rules import AccountRules
    from reconciler.manifest.inheritance import Inherited
    from reconciler.manifest.wire_keys import DeclaredKey, DeliverEntry, KeyFile

_NOT_SNAKE: Final = re.compile("[^A-Za-z0-9]")
_DOTENV: Final = "dotenv"
_DOTENV_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFileSource:
    """One key file: the name to show, the tree with marks, and the validated form."""

    shown: str
    tree: MarkedMapping
    wire: KeyFile


def entry_name(key: str) -> str:
    """Return the entry that a key's secret goes to unless it is named: the key's name in UPPER_SNAKE."""
    name = _NOT_SNAKE.sub("_", key).upper()
    return f"_{name}" if name[0].isdigit() else name


class KeyResolver:
    """Collects keys and problems file by file; the order of files and keys does not matter.

    Args:
        rules: of each usable account, by label.
        accounts: labels of all accounts, those with a problem of their own included.
        sinks: type of each sink, by name.
        told: fields whose places are kept, since a policy speaks about them.
    """

    def __init__(
        self,
        rules: Mapping[str, AccountRules],
        accounts: Iterable[str],
        sinks: Mapping[str, str],
        told: Iterable[str] = (),
    ) -> None:
        self.told = frozenset(told)
        self.problems: list[Problem] = []
        self.keys: dict[str, DesiredKey] = {}
        self._rules = rules
        self._accounts = tuple(sorted(accounts))
        self._sinks = sinks

    def add(self, source: KeyFileSource) -> None:
        """Resolve every key of a file."""
        _FileResolver(self, source).run()

    def finish(self) -> tuple[DesiredKey, ...]:
        """Check what only all keys together show, and return them sorted by address."""
        keys = tuple(key for _, key in sorted(self.keys.items()))
        self._check_entries(keys)
        self._check_identities(keys)
        return keys

    def rules(self, account: str) -> AccountRules | None:
        """Return the rules of an account, or None where there are none."""
        return self._rules.get(account)

    def account_sentence(self, account: object) -> str | None:
        """Return what is wrong with the label of a key's account, or None."""
        if account is None:
            return "`account` is missing; set it here, in the profile or in `defaults`"
        if account in self._accounts:
            return None
        return f"`account` names none of the settings' accounts; {self._known()}"

    def _known(self) -> str:
        return f"they are: {_listed(self._accounts)}"

    def sink_sentence(self, sink: str) -> str | None:
        """Return what is wrong with a sink's name, or None."""
        if sink in self._sinks:
            return None
        return f"`sink` names none of the settings' sinks; they are: {_listed(sorted(self._sinks))}"

    def _check_entries(self, keys: Iterable[DesiredKey]) -> None:
        owners: dict[tuple[str, str], DesiredKey] = {}
        for key in keys:
            if key.lifecycle.absent:
                continue
            for delivery in key.deliver:
                other = owners.setdefault((delivery.sink, delivery.name), key)
                if other is not key:
                    message = (
                        f"its secret goes to the same entry of `{delivery.sink}` as that of {_place(other)}; "
                        "give one of them another `name` in `deliver`"
                    )
                    self._complain(key.mark, message)
                if self._sinks[delivery.sink] == _DOTENV and not _DOTENV_NAME.fullmatch(delivery.name):
                    message = (
                        "its `name` in `deliver` is no variable name, which a dotenv file needs; change it"
                    )
                    self._complain(key.mark, message)

    def _check_identities(self, keys: Iterable[DesiredKey]) -> None:
        claimed: dict[tuple[str, str, str], DesiredKey] = {}
        for key in keys:
            life = key.lifecycle
            account, former = key.former or (key.account, None)
            for field, owner, value in (
                ("adopt", key.account, life.adopt),
                ("renamed_from", account, former),
            ):
                if value is None:
                    continue
                other = claimed.setdefault((owner, field, value), key)
                if other is not key:
                    self._complain(
                        key.mark, f"its `{field}` is that of {_place(other)} too; keep one of them"
                    )
            if account not in self._accounts:
                self._complain(key.mark, f"its `renamed_from` names no account; {self._known()}")
            declared = self.keys.get(f"{account}/{former}")
            if declared is not None:
                self._complain(
                    key.mark, f"its former name is still declared, at {_place(declared)}; remove that"
                )

    def _complain(self, mark: SourceMark, message: str) -> None:
        self.problems.append(Problem(file=mark.file, line=mark.line, column=mark.column, message=message))


class _FileResolver:
    """Resolves the keys of one file."""

    def __init__(self, resolver: KeyResolver, source: KeyFileSource) -> None:
        self._all = resolver
        self._source = source
        self._inherited: dict[str | None, Inherited] = {}

    def run(self) -> None:
        declared = self._source.wire["keys"]
        tree = self._source.tree["keys"]
        marks = tree.own_marks() if isinstance(tree, MarkedMapping) else ()
        for (name, fields), (line, column) in zip(declared.items(), marks, strict=True):
            self._key(name, fields, SourceMark(file=self._source.shown, line=line, column=column))

    def _key(self, name: str, own: DeclaredKey, mark: SourceMark) -> None:
        base = self._base(name, own)
        fields = base.fields
        deliver = self._deliver(name, own, fields)
        account = own.get("account") or fields.get("account")
        sentence = self._all.account_sentence(account)
        if sentence:
            self._complain(name, own, sentence, "account")
            return
        key = DesiredKey(
            account=str(account),
            name=name,
            spec=merge_spec(base.spec, own),
            deliver=deliver,
            lifecycle=(
                base.lifecycle if LIFECYCLE_FIELDS.isdisjoint(own) else lifecycle_of({**fields, **own})
            ),
            mark=mark,
            owner=own.get("owner", fields.get("owner")),
            description=own.get("description", fields.get("description")),
            places=self._places(name, own) if self._all.told else {},
        )
        self._check(key, own)
        first = self._all.keys.setdefault(key.address, key)
        if first is not key:
            message = f"`{name}` is declared twice in this account, first at {_place(first)}; keep one"
            self._complain(name, own, message)

    def _base(self, name: str, own: DeclaredKey) -> Inherited:
        profile = own.get("profile") or self._source.wire.get("defaults", {}).get("profile")
        found = self._inherited.get(profile)
        if found is None:
            found = self._inherited[profile] = inherited(self._source.wire, profile)
        profiles = self._source.wire.get("profiles", {})
        if profile is not None and profile not in profiles:
            message = f"`profile` names none of this file's profiles; they are: {_listed(sorted(profiles))}"
            self._complain(name, own, message, "profile")
        return found

    def _deliver(self, name: str, own: DeclaredKey, fields: Mapping[str, Any]) -> tuple[Delivery, ...]:
        entries: list[DeliverEntry] = own["deliver"] if "deliver" in own else fields.get("deliver", ())
        found = []
        for position, entry in enumerate(entries):
            sentence = self._all.sink_sentence(entry["sink"])
            if sentence:
                self._complain(name, own, sentence, "deliver", position, "sink")
                continue
            delivery = Delivery(
                sink=entry["sink"],
                name=entry.get("name") or entry_name(name),
                takeover=entry.get("takeover", False),
            )
            found.append(delivery)
        if len(found) > 1:
            found.sort()
            if len({(delivery.sink, delivery.name) for delivery in found}) != len(found):
                self._complain(name, own, "`deliver` names one entry twice; keep one", "deliver")
        return tuple(found)

    def _check(self, key: DesiredKey, own: DeclaredKey) -> None:
        rules = self._all.rules(key.account)
        if rules is None:
            return
        too_long = rules.name_problem(key.name)
        if too_long:
            self._complain(key.name, own, too_long)
        for field, sentence in (*rules.spec_problems(key.spec), *rules.block_problems(key.spec)):
            path = [step for step in split(field) if step]
            self._complain(key.name, own, f"`{path[-1]}` {sentence}", *path)
        if not key.lifecycle.absent:
            for sentence in rules.missing(key.spec):
                self._complain(key.name, own, sentence)
        for field, sentence in rules.lifecycle_problems(key.lifecycle):
            self._complain(key.name, own, f"`{field}` {sentence}", field)

    def _places(self, name: str, own: DeclaredKey) -> dict[str, SourceMark]:
        """Return where the fields stand that a policy speaks about, as far as they are declared."""
        found = {}
        for field in self._all.told:
            place = self._place_of(name, own, [step for step in split(field) if step])
            if place is not None:
                line, column = place
                found[field] = SourceMark(file=self._source.shown, line=line, column=column)
        return found

    def _complain(self, name: str, own: DeclaredKey, message: str, *path: object) -> None:
        """Keep a problem at the line that causes it: in the key, its profile or the defaults."""
        place = self._place_of(name, own, path) or locate(self._source.tree, ("keys", name, *path))
        line, column = place
        self._all.problems.append(Problem(file=self._source.shown, line=line, column=column, message=message))

    def _place_of(self, name: str, own: DeclaredKey, path: Sequence[object]) -> tuple[int, int] | None:
        """Return where something is declared: in the key, its profile or the defaults; None where nowhere."""
        wire = self._source.wire
        profile = own.get("profile") or wire.get("defaults", {}).get("profile")
        places: tuple[tuple[tuple[object, ...], object], ...] = (
            (("keys", name), own),
            (("profiles", profile), wire.get("profiles", {}).get(profile or "")),
            (("defaults",), wire.get("defaults")),
        )
        start = next((start for start, fields in places if _declares(fields, path)), None)
        return None if start is None else locate(self._source.tree, (*start, *path))


def _declares(fields: object, path: Sequence[object]) -> bool:
    # A list of deliveries is taken over as a whole, while limits and blocks merge field by field.
    for step in path[:1] if [*path[:1]] == ["deliver"] else path:
        if not isinstance(fields, dict) or step not in fields:
            return False
        fields = fields[step]
    return True


def _place(key: DesiredKey) -> str:
    return f"{key.mark.file}:{key.mark.line}:{key.mark.column}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
