"""`reconciler gitlab`: the commands as a pipeline calls them, and as somebody calls them by mistake."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.cli.commands.gitlab import COMMANDS
from reconciler.cli.root import root
from reconciler.core.plan_document import digest
from reconciler.render.json import render_plan
from tests.stores.github import Reply
from tests.stores.gitlab import BOT, MERGE_REQUEST, PROJECT, READER, TOKEN, running
from tests.unit.github.test_pages import said
from tests.unit.render import samples
from tests.unit.render.samples import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.core.plan import Plan
    from tests.cli.project import Finished, Project
    from tests.stores.github import Request
    from tests.stores.gitlab import GitlabFake

MARKER = "<!-- reconciler:v1 kind=plan stack=default "


@pytest.fixture
def gitlab(project: Project) -> Iterator[GitlabFake]:
    """Serve a merge request, and make the project a job of its pipeline."""
    with running() as fake:
        project.environment |= {
            "CI_API_V4_URL": fake.url,
            "CI_COMMIT_SHA": "a" * 40,
            "CI_MERGE_REQUEST_IID": str(MERGE_REQUEST),
            "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(PROJECT),
            "CI_PIPELINE_URL": "https://gitlab.example.com/acme/keys/-/pipelines/77",
            "RECONCILER_GITLAB_TOKEN": TOKEN,
        }
        yield fake


def save(project: Project, plan: Plan | None = None) -> str:
    """Write a saved plan, some plan unless given, and return its digest."""
    made = replace(
        samples.modest_plan() if plan is None else plan,
        settings_digest=f"sha256:{'5' * 64}",
        declarations_digest=f"sha256:{'d' * 64}",
    )
    (project.root / "plan.json").write_text(render_plan(made))
    return digest(made)


def note(project: Project, *arguments: str) -> Finished:
    """Run the command."""
    return project.run("gitlab", "note", "plan.json", *arguments)


def test_the_table_of_commands_says_what_they_say() -> None:
    """The short helps of the lazy table are those of the commands."""
    context = root.make_context("reconciler", ["gitlab"], resilient_parsing=True)
    group: Any = root.get_command(context, "gitlab")
    found = {name: group.get_command(context, name) for name in COMMANDS}

    assert {name: command.short_help for name, command in found.items()} == COMMANDS


def test_one_note_that_is_edited(project: Project, gitlab: GitlabFake) -> None:
    """The second run edits the note of the first, wherever in the list it is, and shows the digest."""
    for number in range(25):
        gitlab.add("alice", f"talk {number}")
    first = save(project)
    assert note(project).stderr == "note: written\n"
    second = save(project, samples.plan())
    assert note(project).stderr == "note: edited\n"

    [body] = [row["body"] for row in gitlab.notes if row["author"]["username"] == BOT]
    assert body.startswith(MARKER)
    assert second in body
    assert first not in body
    assert "[pipeline](https://gitlab.example.com/acme/keys/-/pipelines/77)" in body


def test_somebody_elses_note_is_never_edited(project: Project, gitlab: GitlabFake) -> None:
    """Our marker in the note of another author is only text; each stack has a note of its own."""
    save(project)
    planted = gitlab.add("mallory", f"{MARKER}-->")
    for stack in ("default", "prod"):
        assert note(project, "--stack", stack).code == 0

    assert planted["body"] == f"{MARKER}-->"
    assert [row["author"]["username"] for row in gitlab.notes] == ["mallory", BOT, BOT]


def test_without_changes(project: Project, gitlab: GitlabFake) -> None:
    """With --when changes, no note is begun for nothing, and one that is there is brought up to date."""
    save(project, samples.plan())
    assert note(project, "--when", "changes").stderr == "note: nothing to say\n"
    save(project)
    assert note(project, "--when", "changes").stderr == "note: written\n"
    save(project, samples.plan())
    assert note(project, "--when", "changes").stderr == "note: edited\n"
    assert len(gitlab.notes) == 1


def test_a_fork_sends_nothing(project: Project, gitlab: GitlabFake) -> None:
    """No token is read, and the log says why there is no note."""
    save(project)
    project.environment |= {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "9", "RECONCILER_GITLAB_TOKEN": ""}
    done = note(project)

    assert (done.code, gitlab.requests) == (0, [])
    assert "comes from a fork" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("CI_MERGE_REQUEST_IID", "", "CI_MERGE_REQUEST_IID is not set; run this in a pipeline"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "4711/../1", "is no number"),
        ("CI_COMMIT_SHA", "main", "is no commit"),
        ("CI_API_V4_URL", "http://gitlab.example.com/api/v4", "https"),
    ],
)
def test_outside_a_pipeline(
    project: Project, gitlab: GitlabFake, variable: str, value: str, why: str
) -> None:
    """What the runner did not set like that is an error before anything is sent."""
    save(project)
    if variable == "CI_MERGE_REQUEST_PROJECT_ID":
        project.environment["CI_MERGE_REQUEST_SOURCE_PROJECT_ID"] = value
    project.environment[variable] = value
    done = note(project)

    assert done.code == 1
    assert why in done.stderr
    assert gitlab.requests == []


@pytest.mark.parametrize(("token", "code"), [("glpat-unknown", 9), (READER, 9), ("", 3)])
def test_a_token_that_does_not_do(project: Project, gitlab: GitlabFake, token: str, code: int) -> None:
    """A refused token, and none, each have their exit code and no note."""
    save(project)
    project.environment["RECONCILER_GITLAB_TOKEN"] = token
    done = note(project)

    assert done.code == code, done.stderr
    assert gitlab.notes == []


def test_an_answer_that_got_lost(project: Project, gitlab: GitlabFake) -> None:
    """A note whose answer is lost is looked for and not written again; one that never came is an error."""
    save(project)
    gitlab.after = lambda request: Reply(cut=True) if request.method == "POST" else None
    assert note(project).code == 0
    assert len(gitlab.notes) == 1

    gitlab.notes.clear()
    gitlab.before = lambda request: Reply(cut=True) if request.method == "POST" else None
    assert note(project).code == 1
    assert gitlab.notes == []


@pytest.mark.parametrize("reply", [Reply(body={}), Reply(status=404, body={})])
def test_answers_of_something_else(project: Project, gitlab: GitlabFake, reply: Reply) -> None:
    """What is not GitLab's API is an error."""

    def other(request: Request) -> Reply | None:
        return None if request.path == "/user" else reply

    save(project)
    gitlab.before = other
    assert note(project).code == 1
    assert gitlab.notes == []


@pytest.mark.parametrize("number", [None, "seven", [7]])
def test_a_note_without_a_number(project: Project, gitlab: GitlabFake, number: object) -> None:
    """It cannot be edited, and none is written beside it."""
    save(project)
    note(project)
    ours = {**gitlab.notes[0], "id": number}
    gitlab.before = lambda request: Reply(body=[ours]) if request.path.endswith("/notes") else None
    done = note(project)

    assert done.code == 1
    assert "another form than it documents" in done.stderr
    assert len(gitlab.notes) == 1


def test_more_notes_than_are_read(project: Project, gitlab: GitlabFake) -> None:
    """Without having seen them all, no second note is risked."""
    save(project)
    rows = [{"id": 1, "body": "", "author": {"username": "alice"}}] * 20
    gitlab.before = lambda request: Reply(body=rows) if request.path.endswith("/notes") else None
    done = note(project)

    assert done.code == 1
    assert "does not read so many" in done.stderr


def test_a_plan_too_large_to_be_seen(project: Project, gitlab: GitlabFake) -> None:
    """When names of keys that would be cut off find no room, the job fails and no note pretends otherwise."""
    disables = [
        replace(samples.DISABLED, name=f"{'leaver' * 20}-{number}", remote_id=str(number))
        for number in range(1_500)
    ]
    save(project, samples.plan(disables))
    done = note(project)

    assert done.code == 5
    assert "nobody could review this plan" in done.stderr
    assert gitlab.requests == []


def test_hostile_names(project: Project, gitlab: GitlabFake) -> None:
    """Names with markup, mentions, references and quick actions of GitLab are text."""
    nasty = [*HOSTILE, "/close", "!1 ~bug %1 $1 &1 @all", "\n/merge\n", "[[_TOC_]]", "```math"]
    project.environment["CI_PIPELINE_URL"] = "javascript:alert(1)"
    save(project, samples.plan([replace(samples.WIDENED, name=name) for name in nasty]))
    assert note(project).code == 0
    text = gitlab.notes[0]["body"]
    assert not [line for line in text.splitlines() if line.startswith("/")]
    assert [word for word in ("@", "!1", "~bug", "%1", "[[_") if word in said(text)] == []


def test_counts_and_digest(project: Project) -> None:
    """The widget gets three counts, and the next job the digest."""
    found = save(project)
    done = project.run("gitlab", "report", "plan.json", "-o", "counts.json", "--dotenv", "plan.env")

    assert (done.code, done.stdout) == (0, "")
    counts = json.loads((project.root / "counts.json").read_text())
    assert list(counts) == ["create", "update", "delete"]
    assert sum(counts.values()) == len(samples.modest_plan().actions)
    assert (project.root / "plan.env").read_text() == f"RECONCILER_DIGEST={found}\n"
