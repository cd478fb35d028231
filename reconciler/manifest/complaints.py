"""What pydantic refused, as problems with a place and a remedy, in our own words."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import Problem
from reconciler.manifest.scalars import ERROR
from reconciler.manifest.sink_values import TAGS
from reconciler.manifest.tree import is_showable, locate, shown
from reconciler.manifest.wire_sinks import BUILT_IN_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import ValidationError

    from reconciler.manifest.tree import MarkedMapping

_MAPPING: Final = "must be a mapping (`name: value` lines); write {} for an empty one"
_TYPES: Final = ", ".join(BUILT_IN_TYPES)
_SENTENCES: Final = {
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "list_type": "must be a list",
    "missing": "is missing; add it",
    "too_short": "must have at least one entry",
    "union_tag_invalid": f"needs a `type` that is one of: {_TYPES}; one of another package needs `options`",
    "union_tag_not_found": f"needs a `type`, one of: {_TYPES}",
}
_OTHERWISE: Final = "does not have the form that the schema asks for; see `reconciler schema`"
_NAME: Final = "[key]"
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_.-]{0,23}")


def problems_of(
    error: ValidationError,
    tree: MarkedMapping,
    file: str,
    *,
    known: Collection[str],
    providers: Collection[str],
    within: tuple[object, ...] = (),
) -> list[Problem]:
    """Return one problem for each thing that pydantic refused; no value is ever repeated.

    Args:
        error: of the validation of `tree`.
        tree: the file.
        file: the name to show.
        known: every field name of this sort of file, for "did you mean".
        providers: names of providers, whose blocks are told apart from misspelt fields.
        within: where in the tree the part is that was validated.
    """
    found = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        path = (*within, *(step for step in item["loc"] if step not in TAGS))
        line, column = locate(tree, path)
        message = _message(item["type"], path, item["msg"], known, providers)
        found.append(Problem(file=file, line=line, column=column, message=message))
    return found


def _message(
    kind: str, path: tuple[Any, ...], sentence: str, known: Collection[str], providers: Collection[str]
) -> str:
    if kind == "extra_forbidden":
        return _unknown(str(path[-1]), known, providers)
    return f"{_subject(path)} {sentence if kind == ERROR else _SENTENCES.get(kind, _OTHERWISE)}"


def _unknown(name: str, known: Collection[str], providers: Collection[str]) -> str:
    if name in providers:
        return f"there is no account of {shown(name)}, or it has no fields of its own; remove this block"
    # A secret pasted as a name has digits or is long; a misspelt field has and is neither.
    if not is_showable(name) or not (_WORD.fullmatch(name) or name in known):
        return "an unknown field; remove it or correct its spelling"
    if name in known:
        return f"`{name}` does not belong here; move it to its place or remove it"
    subject = f"unknown field `{name}`"
    close = get_close_matches(name, known, n=1)
    return (
        f"{subject}; did you mean `{close[0]}`?" if close else f"{subject}; remove it or correct its spelling"
    )


def _subject(path: tuple[Any, ...]) -> str:
    if not path:
        return "the file"
    if path[-1] == _NAME:
        return "this name"
    if isinstance(path[-1], int):
        return "an entry of " + _subject(path[:-1])
    return shown(str(path[-1]))
