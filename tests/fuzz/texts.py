"""Short texts: headers with times, remote names, names to show on terminals, in Markdown and to runners."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from typing import Final

from reconciler.core.identity import parse_remote_name, remote_name
from reconciler.core.report import Status
from reconciler.core.sanitize import redact, sanitize
from reconciler.core.secret import Secret
from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import UsageError
from reconciler.github.workflow_commands import Annotation, annotation_lines, output_text, quoted
from reconciler.render import markdown
from reconciler.render import text as text_pages
from reconciler.transport.address import parse_base_url
from reconciler.transport.retry_after import asked_wait, http_date, retry_after
from tests.fuzz.dictionary import dictionary
from tests.fuzz.inert import check_markdown, check_terminal, tokens_of
from tests.fuzz.listings import check_plan
from tests.fuzz.target import CANARY, Target
from tests.unit.core.worlds import NOW
from tests.unit.render import samples

_YEAR: Final = 366 * 86_400
_LIMIT: Final = 3_000


def _header(data: bytes) -> None:
    value = data.decode("latin-1")
    seconds = retry_after(value, now=NOW)
    assert seconds is None or 0 <= seconds <= _YEAR
    instant = http_date(value)
    assert instant is None or instant.tzinfo is UTC
    for status in (200, 403, 429, 503):
        for name in ("retry-after", "x-ratelimit-reset"):
            headers = {name: value, "x-ratelimit-remaining": "0"}
            wait = asked_wait(status, headers, now=NOW, usual=5.0)
            assert wait is None or 0 <= wait <= _YEAR


def _remote_name(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for namespace in (None, "team", "t/u"):
        found = parse_remote_name(text, namespace)
        if found is not None:
            assert remote_name(found, namespace) == text, "a name that is read as another one"
            assert found.name
            assert not {"/", "~"} & set(found.name), "a mark inside a declared name"
            assert min(found.generation, found.attempt) >= 1


def _address(data: bytes) -> None:
    base = parse_base_url(data.decode("utf-8", "replace"))
    again = parse_base_url(str(base))
    assert (again.origin, again.prefix) == (base.origin, base.prefix)
    assert base.secure or re.fullmatch(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]+)?", base.origin)


def _json(data: bytes) -> None:
    for odd_numbers in ("refused", "text"):
        document = parse(data, odd_numbers=odd_numbers)
        # Whatever is taken can be written again, and means the same then.
        _ = repr(document).encode()


def _foreign(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for shown in (sanitize(text), sanitize(text, 40), redact(text), redact(text, (CANARY,), 4_000)):
        # What starts a line is the matter of whoever puts the lines together.
        check_terminal(f"- {shown}")
        assert "\n" not in shown
    assert CANARY not in redact(text, (CANARY,), 4_000), "a token in redacted text"
    assert sanitize(sanitize(text)) == sanitize(text), "sanitising twice is not once"
    check_terminal(text_pages.render_lines([text, f"x {text}"], "2 lines."))


def _commands(data: bytes) -> None:
    """Write what a GitHub runner obeys; no foreign text may become a command or another output."""
    file, _, message = data.decode("utf-8", "replace").partition("\n")
    item = Annotation(level="error", file=file, line=1, column=2, message=message)
    for line in annotation_lines([item] * 11):
        assert "\n" not in line
        assert "\r" not in line
        assert line.count("::") >= 1 or not line.startswith("::")
    stop, *inside, go = quoted([file, message])
    assert go == f"::{stop.removeprefix('::stop-commands::')}::"
    assert all(go not in line and "\n" not in line for line in inside)
    [name, *_] = output_text({"plan": message}).split("<<")
    assert name == "plan"


def _markdown(data: bytes) -> None:
    """Show a plan and a report in which everything foreign is the input; the name stays in its cell."""
    text = data.decode("utf-8", "replace")
    action = replace(
        samples.NARROWED,
        name=text,
        incarnation=text,
        remote_id=text,
        note=text,
        after={**(samples.NARROWED.after or {}), "group": text, "models": (text, "b")},
    )
    plan = samples.plan([action, replace(action, name="b", account=text)], warnings=(text,), undeclared=())
    check_plan(plan)
    page = markdown.render_plan(plan, limit=_LIMIT)
    check_markdown(page, limit=_LIMIT)
    cells = [token for token in tokens_of(page) if token.type == "td_open"]
    assert len(cells) % 3 == 0, "a cell that foreign text has opened"
    report = samples.report([samples.outcome(action, Status.FAILED, text, warnings=(text,))])
    check_markdown(markdown.render_report(report, limit=_LIMIT), limit=_LIMIT)
    check_terminal(text_pages.render_report(report, width=60, color=False))
    assert repr(Secret(text)) == "Secret(…)"


TARGETS: Final = (
    Target(name="retry-after", feed=_header, errors=(), words=dictionary("times")),
    Target(name="remote-name", feed=_remote_name, errors=(), words=dictionary("names")),
    Target(
        name="address",
        feed=_address,
        errors=(UsageError,),
        words=dictionary("addresses"),
    ),
    Target(name="strict-json", feed=_json, errors=(BadJsonError,)),
    Target(name="terminal", feed=_foreign, errors=(), words=(*dictionary("hostile"), b"sk-", b"Bearer ")),
    Target(name="commands", feed=_commands, errors=(), words=dictionary("hostile")),
    Target(name="markdown", feed=_markdown, errors=(), words=dictionary("hostile")),
)
