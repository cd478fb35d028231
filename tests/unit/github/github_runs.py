"""Runs of workflows for the tests: the recorded payloads, contexts, and a client in front of the fake."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.core.secret import Secret
from reconciler.github.client import Github
from reconciler.github.event import context_of
from reconciler.github.pages import Origin
from tests.clocks import FakeClock
from tests.stores.github_pulls import REPOSITORY, WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.github.event import Context
    from tests.stores.github_pulls import PullsFake

PAYLOADS = Path(__file__).resolve().parents[2] / "github" / "payloads"
HEAD = "aaa" + "1" * 37
MERGE = "c0ffee" + "0" * 33 + "1"
ENVIRONMENT = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_SHA": MERGE, "GITHUB_REF": "refs/heads/main"}


def payload(name: str) -> dict[str, Any]:
    """Return a recorded payload."""
    return dict(json.loads((PAYLOADS / f"{name}.json").read_text("utf-8")))


def context(name: str) -> Context:
    """Return what a recorded payload is about."""
    event = "pull_request" if name.startswith("pull_request") else name
    return context_of(event, payload(name), ENVIRONMENT)


def origin(name: str = "pull_request") -> Origin:
    """Return the origin of texts in such a run."""
    return Origin(context=context(name), run_url="https://github.com/acme/keys/actions/runs/77")


@contextmanager
def client(fake: PullsFake, token: str = WORKFLOW, clock: FakeClock | None = None) -> Iterator[Github]:
    """Return a client of the fake."""
    github = Github.connect(
        api_url=fake.url, token=Secret(token), repository=REPOSITORY, clock=clock or FakeClock()
    )
    with closing(github):
        yield github
