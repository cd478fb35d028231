"""What a check run records of a plan, so that an apply can prove later what was reviewed."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.plan_document import digest, plan_body, sha256
from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import StalePlanError
from reconciler.github.marker import DEFAULT_STACK, Marker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.plan import Plan

MOST_CHARACTERS: Final = 65_535
"""The most that the text of a check run's output takes (GitHub docs: REST API, check runs)."""

CHECK_NAME: Final = "reconciler"

_FORMAT: Final = 1
_OPENING: Final = "```json\n"
_BLOCK: Final = re.compile(r"^```json\r?\n(\{.*\})\r?$", re.MULTILINE)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_FINGERPRINT: Final = 12
_PREAMBLE: Final = "What `reconciler apply --expect-from-check` compares with:\n\n"


def check_name(stack: str) -> str:
    """Return the name of the check run for a stack.

    Raises:
        UsageError: when the stack is no plain word.
    """
    Marker(kind="check", stack=stack)
    return CHECK_NAME if stack == DEFAULT_STACK else f"{CHECK_NAME} ({stack})"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Step:
    """One action in short: the operation, the key, and the start of the digest over all of the action."""

    op: str
    address: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was planned.

    Attributes:
        settings: digest of the settings.
        declarations: digest of the key files.
        plan: digest of the plan.
        steps: its actions; None where they found no room.
    """

    settings: str
    declarations: str
    plan: str
    steps: tuple[Step, ...] | None

    @classmethod
    def of(cls, plan: Plan) -> Record:
        """Return what to record of a plan."""
        steps = [
            Step(
                op=str(action["op"]),
                address=str(action["address"]),
                fingerprint=sha256(action).removeprefix("sha256:")[:_FINGERPRINT],
            )
            for action in plan_body(plan)["actions"]
        ]
        return cls(
            settings=plan.settings_digest,
            declarations=plan.declarations_digest,
            plan=digest(plan),
            steps=tuple(sorted(steps)),
        )

    def text(self) -> str:
        """Return the text of a check run; one that would be too long has no actions."""
        full = self._text([[step.op, step.address, step.fingerprint] for step in self.steps or ()])
        return full if len(full) <= MOST_CHARACTERS else self._text(None)

    def _text(self, steps: list[list[str]] | None) -> str:
        document = {
            "format": _FORMAT,
            "settings": self.settings,
            "declarations": self.declarations,
            "plan": self.plan,
            "actions": steps,
        }
        # ASCII on one line that begins with a brace: no name can end the block or act on the page.
        line = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
        line = line.replace("##[", "#\\u0023[").replace("\x7f", "\\u007f")
        return f"{_PREAMBLE}{_OPENING}{line}\n```\n"


def read_record(text: object) -> Record:
    """Return what the text of a check run records.

    Raises:
        StalePlanError: when it records nothing that this program wrote.
    """
    found = _BLOCK.findall(text) if isinstance(text, str) else []
    if len(found) != 1:
        raise StalePlanError(_UNREADABLE)
    try:
        document: Any = parse(found[0].encode())
        if document["format"] != _FORMAT:
            raise StalePlanError(_UNREADABLE)
        return Record(
            settings=_digest(document, "settings"),
            declarations=_digest(document, "declarations"),
            plan=_digest(document, "plan"),
            steps=_steps(document["actions"]),
        )
    except (BadJsonError, KeyError, TypeError, ValueError):
        raise StalePlanError(_UNREADABLE) from None


def _digest(document: Mapping[str, Any], name: str) -> str:
    value = document[name]
    if not _DIGEST.fullmatch(value):
        msg = "no digest"
        raise ValueError(msg)
    return str(value)


def _steps(rows: list[list[str]] | None) -> tuple[Step, ...] | None:
    if rows is None:
        return None
    return tuple(sorted(Step(op=str(op), address=str(key), fingerprint=str(mark)) for op, key, mark in rows))


_UNREADABLE: Final = (
    "the check run holds no readable record of a plan; run the plan job of the pull request again, "
    "and have the new plan approved"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How what would be done now differs from what was reviewed.

    Attributes:
        parts: what of the inputs changed, in words; empty when only the keys did.
        new: actions that nobody reviewed.
        gone: reviewed actions that are not in the plan any more.
        changed: actions on the same key with other contents.
        unknown: the reviewed actions were too many to be recorded.
    """

    parts: tuple[str, ...]
    new: tuple[Step, ...] = ()
    gone: tuple[Step, ...] = ()
    changed: tuple[Step, ...] = ()
    unknown: bool = False


def difference(reviewed: Record, now: Record) -> Difference | None:
    """Return how two plans differ; None where settings, declarations and plan are the reviewed ones."""
    pairs = [
        ("the settings", reviewed.settings, now.settings),
        ("the declarations", reviewed.declarations, now.declarations),
    ]
    parts = tuple(f"{what} are not those of the review" for what, then, today in pairs if then != today)
    if not parts and reviewed.plan == now.plan:
        return None
    if reviewed.steps is None or now.steps is None:
        return Difference(parts=parts, unknown=True)
    then, today = Counter(reviewed.steps), Counter(now.steps)
    new, gone = (today - then).elements(), (then - today).elements()
    added, missing = sorted(new), sorted(gone)
    before = {(step.op, step.address) for step in missing}
    same = {(step.op, step.address) for step in added} & before
    return Difference(
        parts=parts,
        new=tuple(step for step in added if (step.op, step.address) not in same),
        gone=tuple(step for step in missing if (step.op, step.address) not in same),
        changed=tuple(step for step in added if (step.op, step.address) in same),
    )
