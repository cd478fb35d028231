"""`audit`, `escrow` and `lease` in the settings: what stands by when a secret is on its way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import Field, model_validator

from reconciler.manifest.cloud_rules import AwsExternalId, AwsRegion, AwsRole, check_aws
from reconciler.manifest.places import BaseUrl, CredentialSource, FilePath
from reconciler.manifest.scalars import duration, matching, one_of, refuse
from reconciler.manifest.sink_values import Recipient
from reconciler.manifest.strict import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET_PATTERN: Final = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
OBJECT_KEY_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9_./=-]{0,254}$"
LEAST_TTL_SECONDS: Final = 60
USUAL_TTL: Final = timedelta(minutes=10)

_NEEDED: Final = {"file": ("path",), "s3": ("bucket", "key", "region")}
_TAKEN: Final = {
    "file": frozenset({"type", "path"}),
    "s3": frozenset(
        {
            "type",
            "bucket",
            "key",
            "region",
            "ttl",
            "endpoint",
            "role_arn",
            "external_id",
            "access_key_id",
            "secret_access_key",
            "session_token",
        }
    ),
}

Bucket = Annotated[str, matching(BUCKET_PATTERN, "must be the name of a bucket")]
ObjectKey = Annotated[str, matching(OBJECT_KEY_PATTERN, "must be letters, digits and _ . / = - only")]


def check_lease(given: Mapping[str, object]) -> None:
    """Refuse a lease with fields of another type, or without one of its own.

    Args:
        given: the fields that differ from their defaults.
    """
    kind = str(given["type"])
    for name in _NEEDED[kind]:
        if name not in given:
            refuse(f"of type `{kind}` needs `{name}`; add it")
    for name in given:
        if name not in _TAKEN[kind]:
            refuse(f"of type `{kind}` has no `{name}`; remove it")
    check_aws(given)


class AuditFields(StrictModel):
    """A file of evidence: who did what, one JSON object a line."""

    path: FilePath = Field(description="The file; from the settings' directory unless absolute.")


class EscrowFields(StrictModel):
    """Where a minted secret is sealed that no sink takes."""

    recipients: list[Recipient] = Field(min_length=1, description="Public keys that can open the files.")
    path: FilePath = Field(description="The directory; from the settings' directory unless absolute.")


class LeaseFields(StrictModel):
    """What lets one run apply at a time."""

    type: Annotated[str, one_of(*_NEEDED)] = Field(description="A local file, or an object in S3.")
    path: FilePath | None = Field(
        default=None, description="The file, for file; from the settings' directory unless absolute."
    )
    bucket: Bucket | None = Field(default=None, description="The bucket, for s3.")
    key: ObjectKey | None = Field(default=None, description="The object in the bucket, for s3.")
    region: AwsRegion | None = Field(default=None, description="Region of the bucket, for s3.")
    ttl: Annotated[timedelta, duration(LEAST_TTL_SECONDS)] = Field(
        default=USUAL_TTL,
        description="How long after its last sign of life a run keeps the lease, for s3.",
        json_schema_extra={"default": "10m"},
    )
    endpoint: BaseUrl | None = Field(
        default=None, description="Address of every AWS service that is called, instead of AWS's own."
    )
    role_arn: AwsRole | None = Field(default=None, description="Role to assume first.")
    external_id: AwsExternalId | None = Field(default=None, description="External id for the role.")
    access_key_id: CredentialSource | None = Field(
        default=None, description="Where the access key id is read from; AWS's usual chain when left out."
    )
    secret_access_key: CredentialSource | None = Field(
        default=None, description="Where the secret access key is read from."
    )
    session_token: CredentialSource | None = Field(
        default=None, description="Where the session token of temporary credentials is read from."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_lease(self.model_dump(exclude_defaults=True))
        return self
