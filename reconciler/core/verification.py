"""Whether a secret in a sink is the declared key: judged by what the provider says about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, TOTAL_USD, value_text
from reconciler.core.identity import parse_remote_name
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.core.fields import Spec
    from reconciler.core.model import DesiredKey

_LIFETIME: Final = frozenset({TOTAL_USD, "limits.total_units"})


class Verdict(StrEnum):
    """What came of asking: the right key as declared, the right key otherwise, a wrong one, or no answer."""

    GOOD = "good"
    DIFFERS = "differs"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and its reason in words."""

    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One entry of a sink.

    Attributes:
        address: the key that it is for.
        sink: name of the sink.
        entry: name of the entry.
        judged: what came of it.
        code: what a failure on the way ends the run with; OK without one.
    """

    address: str
    sink: str
    entry: str
    judged: Judged
    code: ExitCode = ExitCode.OK


def judge(
    key: DesiredKey,
    namespace: str | None,
    *,
    live: bool,
    why: str,
    name: str | None,
    spec: Spec,
    used_up: bool,
) -> Judged:
    """Hold what the provider says about a delivered key against the declaration.

    Args:
        key: as declared.
        namespace: of its account.
        live: whether the provider would serve the key.
        why: why not.
        name: remote name of the key that asked; None where the provider refused it.
        spec: the fields that were told.
        used_up: nothing is left of the lifetime cap, so it cannot be told from a lower one.
    """
    off = key.spec.get(ENABLED) is False or key.lifecycle.absent
    if name is None and not live:
        return Judged(verdict=Verdict.GOOD, why="off, as declared") if off else _wrong(why)
    if name is not None and not _is_ours(key, namespace, name):
        return _wrong(f"it is the secret of the key named {name!r}")
    found = [f"{field} is {has}, declared {wanted}" for field, has, wanted in _differing(key, spec, used_up)]
    if live and off:
        found.insert(0, "it works, and is declared off")
    if not live and not off:
        found.insert(0, why)
    return Judged(verdict=Verdict.DIFFERS if found else Verdict.GOOD, why="; ".join(found))


def exit_code(results: Iterable[Verified]) -> ExitCode:
    """Return how a run ends: a wrong secret outweighs a failure, and that a difference."""
    found = list(results)
    verdicts = {item.judged.verdict for item in found}
    if Verdict.WRONG in verdicts:
        return ExitCode.CUSTODY
    failed = max((item.code for item in found), default=ExitCode.OK)
    return failed or (ExitCode.CHANGES if Verdict.DIFFERS in verdicts else ExitCode.OK)


def _wrong(why: str) -> Judged:
    return Judged(verdict=Verdict.WRONG, why=why)


def _is_ours(key: DesiredKey, namespace: str | None, name: str) -> bool:
    if key.lifecycle.adopt is not None:
        # An adopted row keeps whatever name it has.
        return True
    found = parse_remote_name(name, namespace)
    return found is not None and found.name in {key.name, key.lifecycle.renamed_from}


def _differing(key: DesiredKey, spec: Spec, used_up: bool) -> list[tuple[str, str, str]]:  # noqa: FBT001
    return [
        (field, value_text(field, spec[field]), value_text(field, wanted))
        for field, wanted in sorted(key.spec.items())
        if field in spec and spec[field] != wanted and not (used_up and field in _LIFETIME)
    ]
