"""Adding declarations to a key file, with everything that people wrote in it kept."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from reconciler.core.fields import Kind, kind_of, money_text
from reconciler.core.sanitize import redact
from reconciler.errors import ManifestError, Problem
from reconciler.manifest.inheritance import merge_spec
from reconciler.manifest.own_blocks import split
from reconciler.manifest.scalars import name_problem
from reconciler.manifest.tree import parse
from reconciler.manifest.wire_keys import key_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.fields import Field, Spec, Value
    from reconciler.core.importing import Declaration
    from reconciler.manifest.account_rules import AccountRules

_LIMITS: Final = "limits"
_MICRO: Final = 1_000_000
_WIDE: Final = 1_000_000
# A key, perhaps with a comment, and the dash of the list below it.
_SEQUENCE: Final = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n( *)- ", re.MULTILINE)
_LONGEST_COMMENT: Final = 1_000
_PROBE: Final = "probe"


@dataclass(frozen=True, slots=True)
class DeclarationRules:
    """The rules of an account, asked by trying: what the loader would refuse is not written."""

    account: AccountRules

    def takes_name(self, name: str) -> bool:
        """Tell whether a key of the account can be declared under this name."""
        return name_problem(name) is None and self.account.name_problem(name) is None

    def takes(self, name: str, value: Value) -> bool:
        """Tell whether a field can be declared with this canonical value, and is read back as it is."""
        if any(self.account.spec_problems({name: value})):
            return False
        written = fields_of({name: value})
        try:
            shape = key_file(self.account.account.capabilities.own)
            read = shape.validate_python({"version": 1, "keys": {_PROBE: written}})
        except ValidationError:
            return False
        return merge_spec({}, read["keys"][_PROBE]) == {name: value}

    def misfits(self, spec: Spec) -> tuple[str, ...]:
        """Return the fields that mean nothing beside the others, and that the loader would refuse."""
        return tuple(name for name, _ in self.account.block_problems(spec))

    def refusal(self, spec: Spec) -> str | None:
        """Return the first limit that the safety settings ask for and the key does not cap, or None."""
        return next(self.account.missing(spec), None)


def fields_of(spec: Spec) -> dict[str, Any]:
    """Return canonical values as they are written in a key file: dotted fields in their blocks."""
    fields: dict[str, Any] = {}
    for name, value in spec.items():
        block, field = split(name)
        (fields.setdefault(block, {}) if block else fields)[field] = _written(name, value)
    return fields


def add_declarations(
    text: str,
    declarations: Sequence[Declaration],
    *,
    account: str,
    origin: str,
    file: str,
    own: tuple[Field, ...] = (),
) -> str:
    """Return the text of a key file with declarations added after those that are there.

    Args:
        text: of the file, which is valid.
        declarations: whose names the file does not have yet.
        account: label of the account that they are for.
        origin: where they were read from, for the comments.
        file: its name, for messages.
        own: fields that only the providers of the file's accounts have.

    Raises:
        ManifestError: when the file cannot be taken apart and put together again unchanged.
    """
    before = parse(text, file)
    yaml = _round_trip(text)
    try:
        document = yaml.load(text)
        keys = document["keys"]
        keys.fa.set_block_style()
        inherited = before.get("defaults")
        for declaration in declarations:
            fields = inherited if isinstance(inherited, dict) else {}
            keys[declaration.name] = _entry(declaration, fields, account)
            comment = _comment(declaration, account, origin)
            keys.yaml_set_comment_before_after_key(declaration.name, before=comment, indent=_indent(text))
        stream = io.StringIO()
        yaml.dump(document, stream)
    except (YAMLError, AttributeError, TypeError, ValueError):
        raise _refused(file, "cannot be added to; name another file") from None
    _check(before, stream.getvalue(), declarations, file, own)
    return stream.getvalue()


def empty_key_file(account: str) -> str:
    """Return the text of a key file without keys."""
    return f"version: 1\ndefaults: {{account: {account}}}\nkeys: {{}}\n"


def _entry(declaration: Declaration, inherited: Mapping[str, Any], account: str) -> CommentedMap:
    entry = CommentedMap()
    if inherited.get("account") != account:
        entry["account"] = account
    if declaration.adopt is not None:
        entry["adopt"] = declaration.adopt
    if declaration.generation != inherited.get("generation", 1):
        entry["generation"] = declaration.generation
    for name, value in fields_of(declaration.spec).items():
        entry[name] = _flow(value)
    if inherited.keys() & {"deliver", "profile"}:
        # The secret of an imported key is somewhere else, and a plan would ask for it.
        entry["deliver"] = "none"
    return entry


def _flow(value: Any) -> Any:
    if isinstance(value, dict):
        mapping = CommentedMap(value)
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list):
        sequence = CommentedSeq(value)
        sequence.fa.set_flow_style()
        return sequence
    return value


def _comment(declaration: Declaration, account: str, origin: str) -> str:
    shown = "no name shown" if declaration.remote_name is None else f"named {declaration.remote_name!r}"
    text = f"from {account} at {origin}: {shown}, id {declaration.remote_id}"
    if declaration.left_out:
        text += f"; left out, as they cannot be declared: {'; '.join(declaration.left_out)}"
    return redact(text, limit=_LONGEST_COMMENT)


def _written(name: str, value: Value) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if kind_of(name) is Kind.MONEY and isinstance(value, int):
        return money_text(value) if value % _MICRO else value // _MICRO
    return value


def _round_trip(text: str) -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    indent = _indent(text)
    dash = _SEQUENCE.search(text)
    offset = len(dash[2]) - len(dash[1]) if dash else 0
    yaml.indent(mapping=indent, sequence=offset + len("- "), offset=offset)
    return yaml


def _indent(text: str) -> int:
    found = re.search(r"^keys:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*( +)\S", text, re.MULTILINE)
    return len(found[1]) if found else 2


def _check(
    before: Mapping[str, Any],
    text: str,
    declarations: Sequence[Declaration],
    file: str,
    own: tuple[Field, ...],
) -> None:
    """Make sure that the new text says what the old one said, and the declarations."""
    after = parse(text, file)
    added = {declaration.name for declaration in declarations}
    keys = after["keys"]
    rest = keys.items() if isinstance(keys, dict) else ()
    if {**after, "keys": {name: value for name, value in rest if name not in added}} != before:
        raise _refused(file, "would not keep what is written in it; name another file")
    try:
        key_file(own).validate_python(after)
    except ValidationError:
        raise _refused(file, "would not be valid with the new keys; name another file") from None


def _refused(file: str, message: str) -> ManifestError:
    return ManifestError([Problem(file=file, line=1, column=1, message=f"this file {message}")])
