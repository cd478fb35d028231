"""The report of an apply as it is written: the source of schemas/report.v1.json."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter

from reconciler.core.plan import Operation
from reconciler.core.report import Status
from reconciler.manifest.scalars import matching, one_of
from reconciler.manifest.wire_documents import Closed, Count, Digest, Format, Instant, Whole

_STATUSES: Final = tuple(status.name.lower() for status in Status)

StatusWord = Annotated[str, one_of(*_STATUSES)]
Counted = Annotated[str, matching(f"^({'|'.join(_STATUSES)})$", "must be a status")]
OperationWord = Annotated[str, one_of(*Operation)]


class ReceiptRow(Closed):
    """One entry of a sink that was written."""

    entry: str = Field(description="The entry: sink, slash, name.")
    remote_id: str = Field(description="Id of the key whose secret it holds.")
    generation: Count = Field(description="Generation of that key.")
    attempt: Count = Field(description="Attempt of that key.")
    delivered_at: Instant = Field(description="When the secret was handed over.")


class OutcomeRow(Closed):
    """How one action ended."""

    op: OperationWord = Field(description="What was to be done.")
    address: str = Field(description="The key: account label, slash, declared name.")
    incarnation: str = Field(description="Remote name of the row.")
    remote_id: str | None = Field(description="Id of the row; null where there is none.")
    status: StatusWord = Field(description="How it ended.")
    message: str = Field(description="What happened and what to do; empty when all is well.")
    receipts: list[ReceiptRow] = Field(description="Entries that were written.")
    warnings: list[str] = Field(description="What the provider said beside the answer.")
    retry_at: Instant | None = Field(
        description="When a deferred action can be tried again; null if unknown."
    )


class ReportFile(Closed):
    """Everything that an apply did."""

    model_config = ConfigDict(title="reconciler report")

    format: Format = Field(description="Version of this format.")
    outcome: str = Field(description="How the run ended, in one word.")
    exit_code: Annotated[int, Field(ge=0, le=255)] = Field(description="What the process ended with.")
    digest: Digest = Field(description="Digest of the plan that was applied.")
    started_at: Instant = Field(description="When the apply began.")
    finished_at: Instant = Field(description="When it ended.")
    counts: dict[Counted, Whole] = Field(description="How many actions ended how; only what occurs.")
    actions: list[OutcomeRow] = Field(description="One entry for each action, in the order of work.")


REPORT_FILE: Final = TypeAdapter(ReportFile)
