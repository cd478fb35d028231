"""What `plan` and `drift` share: read everything, compare, and say it in one of four formats."""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.cli.clock import SystemClock
from reconciler.cli.options import scope_of
from reconciler.cli.progress import StderrProgress
from reconciler.cli.signals import quit_at_once

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path

    from reconciler.cli.session import Session
    from reconciler.cli.terminal import Look
    from reconciler.core.model import DesiredState, ObservedState
    from reconciler.core.plan import Plan
    from reconciler.core.spending import Baseline

_LOG = logging.getLogger("reconciler.plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan and what it was made from.

    Attributes:
        plan: for the world as it was read.
        desired: from the settings and the declarations.
        observed: what was read.
    """

    plan: Plan
    desired: DesiredState
    observed: ObservedState


def fresh_plan(session: Session, *, accounts: tuple[str, ...], keys: tuple[str, ...]) -> Plan:
    """Return the plan for the world as it is now; see `planned`."""
    return planned(session, accounts=accounts, keys=keys).plan


def planned(
    session: Session, *, accounts: tuple[str, ...], keys: tuple[str, ...], since: Path | None = None
) -> Planned:
    """Return the plan for the world as it is now, and that world; the transport refuses anything but GET.

    Args:
        session: the global options.
        accounts: labels to look at; none means all.
        keys: patterns of declared names; none means all.
        since: an observed state of earlier, which tells how fast keys spend.
    """
    from reconciler.app.usecases import make_plan, read_balances
    from reconciler.cli.wiring import collection_paused, load, opened

    quit_at_once()
    clock = SystemClock()
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with collection_paused(), closing(progress):
        manifest = load(session)
        scope = scope_of(manifest.desired, accounts=accounts, keys=keys)
        labels = scope.accounts or tuple(manifest.desired.accounts)
        baseline = baseline_of(since, manifest.desired, labels, clock.now())
        with opened(manifest, labels, clock=clock, progress=progress, writable=False) as world:
            observed = world.observe()
            for label, listing in observed.listings.items():
                _LOG.info("%s: %d keys at the provider", label, len(listing.keys))
            plan = make_plan(world, observed, scope=scope, baseline=baseline, balances=read_balances(world))
            return Planned(plan=plan, desired=world.desired, observed=observed)


def baseline_of(
    since: Path | None, desired: DesiredState, labels: Collection[str], now: datetime
) -> Baseline | None:
    """Return what keys had spent when the file of `--since` was written.

    Raises:
        UsageError: when it is no such file, or of another time or account.
    """
    if since is None:
        return None
    from reconciler.manifest.baseline_file import read_baseline

    return read_baseline(since, desired, labels, now=now)


def shown(plan: Plan, form: str, look: Look) -> str:
    """Return a plan in one of the formats of `--format`."""
    if form == "json":
        from reconciler.render import json

        return json.render_plan(plan)
    if form == "markdown":
        from reconciler.render import markdown

        return markdown.render_plan(plan)
    if form == "html":
        from reconciler.render import html

        return html.render_plan(plan)
    from reconciler.render import text

    return text.render_plan(plan, width=look.width, color=look.color, ascii_only=look.ascii_only)
