"""What a plan rests on as it is written: the reader's check, and the source of schemas/observed.v1.json."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter

from reconciler.manifest.wire_documents import (
    Amount,
    Closed,
    Count,
    Digest,
    Format,
    Instant,
    SpecFields,
)

Microseconds = Annotated[int, Field(ge=-(2**53), le=2**53)]


class KeyRow(Closed):
    """One governed row of a provider's list."""

    id: Annotated[str, Field(min_length=1)] = Field(description="The provider's id.")
    name: str | None = Field(description="Remote name; null where none is shown.")
    spec: SpecFields = Field(description="Managed fields, and those that tell a newborn key.")
    used_usd: Amount | None = Field(description="Spend so far in USD; null where unknown.")
    unused: bool | None = Field(description="Whether it never spent anything; null where unknown.")
    used_up: bool = Field(description="Whether nothing is left of its lifetime cap.")
    age_us: Microseconds | None = Field(description="Time since its creation in microseconds.")
    escrowed: str | None = Field(description="Name of its secret in escrow; null where there is none.")
    idle_us: Microseconds | None = Field(description="Time since its last use in microseconds.")


class AccountRow(Closed):
    """What was read of one account; rows of others are not in it."""

    label: str = Field(description="Its label in the settings.")
    origin: str = Field(description="Scheme, host and port that was read.")
    warnings: list[str] = Field(description="What the reader of a plan should know about the list.")
    creates_refused: str | None = Field(description="Why a new key might not be recognised later.")
    unrecognised: bool = Field(
        description="Whether a row that nobody recognises may be one of ours; such rows are not listed."
    )
    keys: list[KeyRow] = Field(description="The governed rows, in the provider's order.")


class ReceiptRow(Closed):
    """What a sink remembers of one entry; never the secret."""

    sink: str = Field(description="Name of the sink in the settings.")
    name: str = Field(description="Entry in the sink.")
    takeover: bool = Field(description="Whether an entry of somebody else may be overwritten.")
    origin: str = Field(description="The provider that minted the key.")
    address: str = Field(description="The key: account label, slash, declared name.")
    remote_id: str = Field(description="Id of the key whose secret the entry holds.")
    generation: Count = Field(description="Generation of that key.")
    attempt: Count = Field(description="Attempt of that key.")
    delivered_at: Instant = Field(description="When the secret was handed over.")


class ObservedFile(Closed):
    """The part of the actual state that a plan rests on."""

    model_config = ConfigDict(title="reconciler observed state")

    format: Format = Field(description="Version of this format; another major number is refused.")
    generated_at: Instant = Field(description="When the plan was made; decides what was due then.")
    tool: str = Field(description="Name and version of what made it.")
    settings_digest: Digest = Field(description="Digest of what the settings meant.")
    declarations_digest: Digest = Field(description="Digest of what the key files meant.")
    accounts: list[AccountRow] = Field(description="The accounts, sorted by label.")
    receipts: list[ReceiptRow] = Field(description="The receipts of the declared entries.")


OBSERVED_FILE: Final = TypeAdapter(ObservedFile)
