"""What plan files and reports share: strict models of JSON that this tool writes and others read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from reconciler.manifest.strict import STRICT

Format = Annotated[str, Field(pattern=r"^1\.[0-9]{1,4}$")]
Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0, le=2**53)]
Count = Annotated[int, Field(ge=1, le=2**53)]
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,17}(\.[0-9]{1,6})?$")]
Change = Annotated[str, Field(pattern=r"^-?[0-9]{1,17}(\.[0-9]{1,6})?$")]
CapText = Annotated[str, Field(pattern=r"^([0-9]{1,17}(\.[0-9]{1,6})?|unlimited)$")]
Instant = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-]\d\d:\d\d)$",
        examples=["2027-01-31T00:00:00+00:00"],
    ),
]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", examples=["2027-01-31"])]
SpecValue = Annotated[bool | int | str | list[str], Field(description="Value as in the declarations.")]
FieldName = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)?$")]
SpecFields = dict[FieldName, SpecValue]


class Closed(BaseModel):
    """Base of what the digest covers: a field that this release does not know is refused."""

    model_config = ConfigDict(**STRICT, frozen=True)


def _no_more(schema: dict[str, Any]) -> None:
    schema["additionalProperties"] = False


class Open(BaseModel):
    """Base of what stands beside the digest: a newer release may have written more, which is passed over."""

    model_config = ConfigDict(
        strict=True, extra="ignore", hide_input_in_errors=True, frozen=True, json_schema_extra=_no_more
    )
