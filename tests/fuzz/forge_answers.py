"""What GitHub and GitLab answer: comments, checks, reviews, issues, branches, pull requests, notes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from reconciler.core.secret import Secret
from reconciler.github.client import Github
from reconciler.github.event import Context
from reconciler.github.marker import DEFAULT_LOGIN, Marker
from reconciler.github.proposal import Proposal, propose
from reconciler.github.review_proof import prove_review
from reconciler.github.sticky import close_drift, put_comment, report_drift
from reconciler.gitlab.client import Gitlab
from reconciler.gitlab.merge_request import put_note
from tests.clocks import FakeClock
from tests.fuzz.answers import CUT, Script, answered
from tests.fuzz.dictionary import dictionary
from tests.fuzz.target import CANARY, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHA: Final = "1a2b3c4d" * 5
_MARKER: Final = Marker(kind="plan", stack="default")
_BODY: Final = f"{_MARKER.line()}\nbody\n"
_TOKEN: Final = Secret(f"ghp_{CANARY}")
_CONTEXT: Final = Context(event="push", repository="acme/keys", sha=_SHA, branch="main")
_PROPOSAL: Final = Proposal(branch="keys", title="Rotate", body="text", files={"keys/a.yaml": "version: 1\n"})
_HUB: Final[Mapping[str, Callable[[Github], object]]] = {
    "comment": lambda hub: put_comment(hub, 7, _BODY, marker=_MARKER, login=DEFAULT_LOGIN),
    "drift": lambda hub: report_drift(hub, _BODY, marker=_MARKER, login=DEFAULT_LOGIN, label="drift"),
    "close": lambda hub: close_drift(hub, _BODY, marker=_MARKER, login=DEFAULT_LOGIN, label="drift"),
    "prove": lambda hub: prove_review(hub, _CONTEXT, check="reconciler", app_id=15368),
    "propose": lambda hub: propose(hub, _PROPOSAL, base="main", sha=_SHA),
    "check": lambda hub: hub.add_check_run(name="reconciler", head_sha=_SHA),
}


def _github(data: bytes) -> None:
    script = Script(data)
    with answered(script):
        hub = Github.connect(
            api_url="https://api.github.example", token=_TOKEN, repository="acme/keys", clock=FakeClock()
        )
        with closing(hub):
            _HUB[script.word(0, tuple(_HUB))](hub)


def _gitlab(data: bytes) -> None:
    script = Script(data)
    with answered(script):
        lab = Gitlab.connect(
            api_url="https://gitlab.example/api/v4",
            token=_TOKEN,
            project=1,
            merge_request=2,
            clock=FakeClock(),
        )
        with closing(lab):
            put_note(lab, _BODY, marker=_MARKER)


TARGETS: Final = (
    Target(name="github", feed=_github, words=dictionary("forges"), cut=CUT),
    Target(name="gitlab", feed=_gitlab, words=dictionary("forges"), cut=CUT),
)
