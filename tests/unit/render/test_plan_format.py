"""The page about the files names everything that is in them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.plan import Operation
from reconciler.core.plan_document import digest, plan_document
from reconciler.core.report import Status, report_document
from reconciler.render.json import render_plan
from reconciler.render.report_view import NEXT
from tests.unit.render import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs/plan-format.md").read_text("utf-8")
NAMED: Final = set(re.findall(r"`([\w.]+)(?:\[\])?`", PAGE))


def _fields(document: Any) -> Iterator[str]:
    """Yield the names of all fields but those of specs, which users choose."""
    if isinstance(document, list):
        for item in document:
            yield from _fields(item)
    elif isinstance(document, dict):
        for name, value in document.items():
            yield name
            if name not in {"before", "after", "counts"}:
                yield from _fields(value)


def test_every_field_and_word_is_described() -> None:
    """A field, operation, status or verdict that the page does not know fails here."""
    fields = {*_fields(plan_document(samples.rich_plan())), *_fields(report_document(samples.rich_report()))}
    words = {op.value for op in Operation} | {status.name.lower() for status in Status} | set(NEXT)

    assert (fields | words) - NAMED == set()


def test_the_digest_can_be_computed_from_the_file_alone() -> None:
    """What the page says about the digest holds, so that others can check a file."""
    body = json.loads(render_plan(samples.rich_plan()))["plan"]
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    assert f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}" == digest(samples.rich_plan())
