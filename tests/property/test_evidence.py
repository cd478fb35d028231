"""A plan can be derived again from what it says it rests on, whatever the world was like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.evidence import evidence
from reconciler.core.observed_document import observed_document
from reconciler.core.plan import Scope
from reconciler.core.plan_comparison import differences
from reconciler.core.plan_document import digest, plan_body
from reconciler.manifest.observed_file import read_observed
from tests.property.strategies import NAMES, worlds
from tests.unit.core.worlds import NOW, plan_for

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from reconciler.core.model import DesiredState
    from tests.property.strategies import World

_scopes = st.lists(st.sampled_from(NAMES), max_size=1).map(lambda names: Scope(keys=tuple(names)))


@st.composite
def evident(draw: DrawFn) -> World:
    """Return a world in which a field may be unmanaged, names may be hidden and secrets are in escrow."""
    world = draw(worlds())
    unmanaged = draw(st.none() | st.sampled_from(("limits.daily_usd", "limits.concurrency")))
    keys = tuple(
        replace(key, spec={name: value for name, value in key.spec.items() if name != unmanaged})
        for key in world.desired.keys
    )
    refused = draw(st.none() | st.just("names are hidden"))
    listing = replace(world.observed.listings["acc"], creates_refused=refused)
    escrowed = {(world.account.origin, key.id): f"sealed-{key.id}" for key in listing.keys if key.age}
    observed = replace(world.observed, listings={"acc": listing}, escrowed=escrowed)
    return replace(world, desired=replace(world.desired, keys=keys), observed=observed)


def sealed(world: World) -> DesiredState:
    """Return the desired state with digests of the right form."""
    settings, declarations = ("sha256:" + digit * 64 for digit in "12")
    return replace(world.desired, settings_digest=settings, declarations_digest=declarations)


@given(world=evident(), scope=_scopes)
def test_a_plan_follows_from_its_evidence(world: World, scope: Scope) -> None:
    """Bit for bit, and with the warnings that stand beside the digest."""
    plan = plan_for(world.desired, world.observed, scope=scope)
    again = plan_for(world.desired, evidence(world.desired, world.observed), scope=scope)
    assert plan_body(again) == plan_body(plan)
    assert again.meta.warnings == plan.meta.warnings


@given(world=evident(), scope=_scopes)
def test_a_plan_follows_from_the_file(world: World, scope: Scope) -> None:
    """After a trip through JSON and the strict reader as well."""
    desired = sealed(world)
    plan = plan_for(desired, world.observed, scope=scope)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "observed.json"
        path.write_text(json.dumps(observed_document(plan, desired, world.observed)))
        read = read_observed(path, desired)
    assert read.at == NOW
    again = plan_for(desired, read.state, scope=scope, now=read.at)
    assert digest(again) == digest(plan)
    assert differences(plan, again) == ()


@given(world=evident())
def test_rows_of_others_are_not_in_the_evidence(world: World) -> None:
    """Nothing of a foreign row is published, not even its id."""
    kept = evidence(world.desired, world.observed).listings["acc"].keys
    foreign = {key.id for key in world.observed.listings["acc"].keys if key.foreign}
    assert not foreign & {key.id for key in kept}


@given(one=worlds(), two=worlds())
def test_two_plans_differ_exactly_where_their_digests_do(one: World, two: World) -> None:
    """So that a refusal always says what differs, and never says it for nothing."""
    first, second = (plan_for(world.desired, world.observed) for world in (one, two))
    assert bool(differences(first, second)) == (digest(first) != digest(second))
