"""What `apply` does between its options and its exit code: review, observe, apply, report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import click

from reconciler.app.control import RunControl
from reconciler.app.usecases import apply_plan, check_reviewed, make_plan
from reconciler.cli.clock import SystemClock
from reconciler.cli.options import scope_of
from reconciler.cli.planning import shown
from reconciler.cli.progress import StderrProgress
from reconciler.cli.signals import drain, quit_at_once
from reconciler.cli.terminal import explain, interactive, write_result
from reconciler.cli.wiring import collection_paused, load, opened, salt_of
from reconciler.core.plan_document import digest
from reconciler.errors import DeferredError, ReconcilerError, StalePlanError

if TYPE_CHECKING:
    from datetime import timedelta

    from reconciler.app.usecases import World
    from reconciler.cli.session import Session
    from reconciler.core.model import ObservedState
    from reconciler.core.plan import Plan, Scope
    from reconciler.core.report import Report
    from reconciler.manifest.settings import Manifest

UNREVIEWED: Final = (
    "nothing is applied that was not reviewed; name a saved plan, or give --expect-digest, "
    "or run it on a terminal, or say --yes"
)


class Review(Protocol):
    """A review that was proved before anything was read."""

    def check(self, plan: Plan) -> None:
        """Make sure that a plan is the reviewed one.

        Raises:
            StalePlanError: when it is not.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `apply` is asked to do.

    Attributes:
        saved: a reviewed plan, from its file.
        expect: the digest that was reviewed.
        review: what a plan has to agree with beyond that.
        agreed: `--yes`: whatever is planned now counts as reviewed.
        deadline: after this no further key is begun.
        accounts: labels to look at; none means all.
        keys: patterns of declared names; none means all.
        form: of the result.
    """

    saved: Plan | None
    expect: str | None
    review: Review | None = None
    agreed: bool
    deadline: timedelta | None
    accounts: tuple[str, ...]
    keys: tuple[str, ...]
    form: str


def run_apply(session: Session, request: Request) -> Report:
    """Apply what was reviewed and return the report.

    Raises:
        StalePlanError: nothing was reviewed, or something else than what would be done now.
        SafetyError: a safety limit refuses the plan.
        click.exceptions.Exit: a signal cut the reading short, so that nothing has been written.
    """
    quit_at_once()
    _require_review(request)
    clock = SystemClock()
    control = RunControl(clock=clock)
    if request.deadline is not None:
        control.deadline = clock.monotonic() + request.deadline.total_seconds()
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    try:
        manifest = load(session)
        salt = salt_of(manifest.settings)
        scope = _scope(manifest, request)
        labels = scope.accounts or tuple(manifest.desired.accounts)
        with opened(
            manifest, labels, clock=clock, progress=progress, writable=True, deadline=control.deadline
        ) as world:
            plan, live = _reviewed(session, world, request, scope=scope, control=control, clock=clock)
            return apply_plan(world, plan, live, salt=salt, control=control, progress=progress)
    except DeferredError:
        # A wait that a signal cut short looks like one that a rate limit forbids.
        if control.interrupted is None:
            raise
        raise click.exceptions.Exit(int(control.interrupted)) from None
    finally:
        progress.close()


def _require_review(request: Request) -> None:
    named = request.saved is not None or request.expect is not None or request.review is not None
    reviewed = named or request.agreed
    if not reviewed and not interactive():
        raise StalePlanError(UNREVIEWED)


def _scope(manifest: Manifest, request: Request) -> Scope:
    if request.saved is None:
        return scope_of(manifest.desired, accounts=request.accounts, keys=request.keys)
    if gone := sorted(set(request.saved.scope.accounts) - manifest.desired.accounts.keys()):
        msg = f"the plan is about {', '.join(gone)}, which the settings no longer have; make a new plan"
        raise StalePlanError(msg)
    return request.saved.scope


def _reviewed(
    session: Session,
    world: World,
    request: Request,
    *,
    scope: Scope,
    control: RunControl,
    clock: SystemClock,
) -> tuple[Plan, ObservedState]:
    """Return the reviewed plan, and the world as it is after the review."""
    if request.saved is not None:
        _check(world, request.saved, request)
        drain(control, clock)
        return request.saved, _observe_alone(world)
    asks = request.expect is None and request.review is None and not request.agreed
    if not asks:
        drain(control, clock)
    live = _observe(world) if asks else _observe_alone(world)
    plan = make_plan(world, live, scope=scope)
    try:
        _check(world, plan, request)
    except ReconcilerError:
        _show(session, plan, request)
        raise
    if asks and plan.work:
        _ask(session, plan, request)
        drain(control, clock)
        live = _observe_alone(world)
    return plan, live


def _check(world: World, plan: Plan, request: Request) -> None:
    if request.review is not None:
        request.review.check(plan)
    check_reviewed(world, plan, expect=request.expect)


def _observe_alone(world: World) -> ObservedState:
    """Take the lease, where there is one, before reading what will be acted on."""
    if world.lease is not None:
        world.lease.acquire()
    return _observe(world)


def _observe(world: World) -> ObservedState:
    with collection_paused():
        return world.observe()


def _ask(session: Session, plan: Plan, request: Request) -> None:
    _show(session, plan, request)
    if not click.confirm("Apply this plan?", default=False, err=True):
        msg = f"not approved, nothing was changed; the plan was {digest(plan)}"
        raise StalePlanError(msg)


def _show(session: Session, plan: Plan, request: Request) -> None:
    """Show the plan for review; where stdout belongs to a program, people read stderr."""
    if request.form == "text":
        write_result(shown(plan, "text", session.stdout))
    else:
        explain(shown(plan, "text", session.stderr))
