"""What GitHub shows: comments, check runs and issues as Markdown, each within its limit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.plan_document import digest
from reconciler.core.safety import violations
from reconciler.errors import ExitCode
from reconciler.github.marker import DEFAULT_STACK
from reconciler.render.markdown import code, fit_plan
from reconciler.render.plan_view import plan_view
from reconciler.render.view import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.plan import Plan
    from reconciler.github.check_record import Difference, Step
    from reconciler.github.event import Context
    from reconciler.github.marker import Marker

ROOM: Final = 63_000
"""Bytes for a plan. A comment takes 65,536 characters and the summary of a check run 65,535 (GitHub docs:
REST API, check runs); bytes are never fewer than characters, and what is left is for the frame."""

_SERVER: Final = re.compile(r"https://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_RUN: Final = re.compile(r"[0-9]{1,20}")
_FEW: Final = 50
_SHORT_COMMIT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a text comes from, for its last line.

    Attributes:
        context: what the run is about.
        run_url: of the run; None where it cannot be told.
    """

    context: Context
    run_url: str | None

    @classmethod
    def of(cls, context: Context, environ: Mapping[str, str]) -> Origin:
        """Return the origin that the runner's variables tell."""
        server, run = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_RUN_ID", "")
        known = _SERVER.fullmatch(server) and _RUN.fullmatch(run)
        url = f"{server}/{context.repository}/actions/runs/{run}" if known else None
        return cls(context=context, run_url=url)

    def line(self) -> str:
        """Return the last line of a text."""
        commit = f"Commit {code(self.context.sha[:_SHORT_COMMIT])}"
        return f"{commit} · [run]({self.run_url})" if self.run_url else commit


def plan_comment(plan: Plan, marker: Marker, origin: Origin) -> str:
    """Return the comment that shows a plan on its pull request."""
    return _with_plan(plan, marker, origin, heading=heading("plan", marker.stack))


def heading(what: str, stack: str) -> str:
    """Return the title of a text about a stack."""
    return f"### Keys: {what}{_of(stack)}"


def drift_issue(plan: Plan, marker: Marker, origin: Origin) -> str:
    """Return the text of the issue about keys that are not as declared."""
    title = (
        f"### Keys are not as declared{_of(marker.stack)}\n\n"
        "Below is what `reconciler apply` would do to bring them back. If the change at the provider was "
        "meant, declare it instead. This issue is kept up to date and closes by itself."
    )
    return _with_plan(plan, marker, origin, heading=title)


def clean_issue(marker: Marker, origin: Origin) -> str:
    """Return the text of that issue once every key is as declared."""
    line = marker.line(commit=origin.context.sha)
    return f"{line}\n**No drift{_of(marker.stack)}.** Every key is as declared.\n\n{origin.line()}\n"


def drift_title(stack: str) -> str:
    """Return the title of the issue about drift."""
    return f"Keys are not as declared{_of(stack)}"


def stopped_comment(found: Difference, marker: Marker, origin: Origin) -> str:
    """Return the comment that says why nothing was applied after the merge."""
    lists = [
        ("Would be done now, and nobody reviewed it", found.new),
        ("Would be done now with other contents than reviewed", found.changed),
        ("Was reviewed, and is not in the plan any more", found.gone),
    ]
    blocks = [
        marker.line(commit=origin.context.sha),
        heading("nothing was applied", marker.stack),
        "What would be done now is not what was reviewed, so `apply` stopped with exit code 4.",
        *(["\n".join(f"- {part}" for part in found.parts)] if found.parts else []),
        *(_steps(title, steps) for title, steps in lists if steps),
        *(["The reviewed actions were too many to be recorded one by one."] if found.unknown else []),
        "Open a pull request, so that the new plan is made and approved; a change of a comment is enough.",
        origin.line(),
    ]
    return "\n\n".join(blocks) + "\n"


def _steps(title: str, steps: Sequence[Step]) -> str:
    lines = [f"- {code(step.op)} {code(step.address)}" for step in steps[:_FEW]]
    lines += [f"- and {len(steps) - _FEW} more"] if len(steps) > _FEW else []
    return "\n".join([f"**{title} ({len(steps)})**", "", *lines])


def _with_plan(plan: Plan, marker: Marker, origin: Origin, *, heading: str) -> str:
    page = fit_plan(plan, limit=ROOM)
    facts = {"digest": digest(plan), "commit": origin.context.sha, "cut": str(page.cut).lower()}
    blocks = [heading, *_warning(page.missing), page.text.rstrip(), origin.line()]
    return f"{marker.line(**facts)}\n" + "\n\n".join(blocks) + "\n"


def _warning(missing: int) -> list[str]:
    return [f"**{_too_large(missing)}**"] if missing else []


def _too_large(missing: int) -> str:
    return (
        f"Too large to be reviewed: {counted(missing, 'key')} that would be cut off found no room. "
        "Split the change; the check run of this plan fails, so that nobody approves what cannot be seen."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPage:
    """How a check run looks.

    Attributes:
        conclusion: `success` only for a plan that may be approved as it stands.
        title: one line.
        summary: Markdown.
    """

    conclusion: str
    title: str
    summary: str


def plan_check(plan: Plan, origin: Origin) -> CheckPage:
    """Return the check run of a plan; it fails for a plan that an apply refuses or nobody can see whole."""
    # Of the same size as the comment, so that both show the same.
    page = fit_plan(plan, limit=ROOM)
    return CheckPage(
        conclusion="failure" if page.missing or plan.meta.refused or violations(plan) else "success",
        title="Too large to be reviewed" if page.missing else plan_view(plan).verdict.text,
        summary="\n\n".join([*_warning(page.missing), page.text.rstrip(), origin.line()]) + "\n",
    )


def failed_check(code_: int, origin: Origin) -> CheckPage:
    """Return the check run for a run that made no plan."""
    word = failure_reason(code_)
    text = no_plan_line(code_)
    return CheckPage(
        conclusion="failure", title=f"No plan was made: {word}", summary=f"{text}\n\n{origin.line()}\n"
    )


def no_plan_line(code_: int) -> str:
    """Return what to say of a run that made no plan."""
    word = failure_reason(code_)
    return f"**No plan was made (exit {code_}: {word}).** The log of the run says what to do."


def failure_reason(code_: int) -> str:
    """Return the word for an exit code; empty for those that are no failure."""
    try:
        found = ExitCode(code_)
    except ValueError:
        return "error"
    return "" if found in {ExitCode.OK, ExitCode.CHANGES} else found.name.lower()


def restricted_notice(reason: str, *, valid: bool) -> str:
    """Return what to say where no plan can be made, without looking as if nothing would change."""
    checked = "The settings and declarations are valid" if valid else "The declarations were only looked at"
    return (
        f"**No plan was made: {reason}.** Such a run gets neither the provider's token nor a GitHub token "
        f"that writes. {checked}, offline; what they would change is not known. Somebody who may work on the "
        "repository has to push the commits to a branch of it to get a plan.\n"
    )


def _of(stack: str) -> str:
    return "" if stack == DEFAULT_STACK else f" ({stack})"
