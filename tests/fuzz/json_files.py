"""Files in JSON that this program writes and others may change: plans, observed states, reports, findings."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.plan_document import plan_document, sha256
from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import StalePlanError, UsageError
from reconciler.github.check_record import Record, difference, read_record
from reconciler.github.event import context_of
from reconciler.github.findings import findings_page, read_findings
from reconciler.github.marker import Marker
from reconciler.github.pages import Origin, plan_comment
from reconciler.github.report_page import read_report, report_page
from reconciler.github.workflow_commands import annotation_lines
from reconciler.manifest.baseline_file import read_baseline
from reconciler.manifest.observed_file import read_observed
from reconciler.manifest.plan_file import read_plan
from reconciler.render import json as json_pages
from tests.fuzz.dictionary import dictionary
from tests.fuzz.inert import check_markdown
from tests.fuzz.listings import check_calendar, check_plan
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target
from tests.unit.core.worlds import NOW, account, desired, key, plan_for

if TYPE_CHECKING:
    from reconciler.core.plan import Plan

_Check = Callable[[Path], None]
_SHA: Final = "1a2b3c4d" * 5
_LIMIT: Final = 8_000
_COMMENT: Final = 65_536
_MARKER: Final = Marker(kind="plan", stack="default")
_ENVIRON: Final = {
    "GITHUB_REPOSITORY": "acme/keys",
    "GITHUB_SHA": _SHA,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_RUN_ID": "7",
}


def _in_file(data: bytes, check: _Check) -> None:
    with scratch() as folder:
        path = Path(folder, "file.json")
        path.write_bytes(data)
        check(path)


def _plan(data: bytes) -> None:
    """Read a plan, and once more with a digest that fits, since no mutation finds one."""
    _in_file(_sealed(data), _check_plan)
    _in_file(data, _check_plan)


def _sealed(data: bytes) -> bytes:
    try:
        document = json.loads(data)
        document["digest"] = sha256(document["plan"])
        return json.dumps(document).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return data


def _check_plan(path: Path) -> None:
    plan = read_plan(path)
    again = json.loads(json_pages.render_plan(plan))
    assert again["plan"] == json.loads(path.read_bytes())["plan"], "a plan that is read as another one"
    assert again == json.loads(json.dumps(plan_document(plan)))
    check_plan(plan)
    _check_github(plan)


def _check_github(plan: Plan) -> None:
    """Show a plan as the comment and the check run, and read the record of the latter back."""
    origin = Origin.of(context_of("push", _payload(), _ENVIRON), _ENVIRON)
    check_markdown(plan_comment(plan, _MARKER, origin), limit=_COMMENT, links=1)
    record = Record.of(plan)
    if record.settings.startswith("sha256:"):
        assert difference(read_record(record.text()), record) is None, "a record that is read as another one"


def _payload() -> dict[str, Any]:
    return {"repository": {"full_name": "acme/keys"}, "after": _SHA, "ref": "refs/heads/main"}


_DESIRED: Final = desired(key("a"), key("b"), accounts=[account()])


def _observed(data: bytes) -> None:
    def check(path: Path) -> None:
        found = read_observed(path, _DESIRED)
        check_plan(plan_for(_DESIRED, found.state))
        check_calendar(_DESIRED, found.state)

    _in_file(data, check)


def _baseline(data: bytes) -> None:
    def check(path: Path) -> None:
        found = read_baseline(path, _DESIRED, ["acc"], now=NOW + timedelta(days=2))
        assert all(amount >= 0 for amount in found.used.values())

    _in_file(data, check)


def _report(data: bytes) -> None:
    check_markdown(report_page(read_report(data), limit=_LIMIT), limit=_LIMIT)


def _findings(data: bytes) -> None:
    found = read_findings(data, folder="a/b")
    check_markdown(findings_page(found, limit=_LIMIT), limit=_LIMIT + 200)
    for line in annotation_lines(found.annotations):
        assert "\n" not in line
        assert "\r" not in line


def _event(data: bytes) -> None:
    """Read the payload of a workflow run: the name of the event on a line, then the document."""
    first, _, rest = data.partition(b"\n")
    name = first.decode("latin-1")
    try:
        payload = parse(rest)
    except BadJsonError:
        return
    if isinstance(payload, dict):
        context = context_of(name, payload, _ENVIRON)
        assert context.repository.lower() == "acme/keys"
        check_markdown(Origin.of(context, _ENVIRON).line(), limit=_LIMIT, links=1)


def _record(data: bytes) -> None:
    """Read the record of a check run, raw and as the one block of its text."""
    for text in (data.decode("utf-8", "replace"), f"```json\n{data.decode('utf-8', 'replace')}\n```\n"):
        try:
            record = read_record(text)
        except StalePlanError:
            continue
        assert difference(read_record(record.text()), record) is None, "a record that is read as another one"


TARGETS: Final = (
    Target(name="plan", feed=_plan, errors=(UsageError, StalePlanError), words=dictionary("json-files")),
    Target(
        name="observed", feed=_observed, errors=(UsageError, StalePlanError), words=dictionary("json-files")
    ),
    Target(name="baseline", feed=_baseline, errors=(UsageError,), words=dictionary("json-files")),
    Target(name="report", feed=_report, errors=(UsageError,), words=dictionary("json-files")),
    Target(name="findings", feed=_findings, errors=(UsageError,), words=dictionary("json-files")),
    Target(name="event", feed=_event, errors=(UsageError,), words=dictionary("events")),
    Target(name="check-record", feed=_record, errors=(StalePlanError,), words=dictionary("json-files")),
)
