"""How every part of a file is validated: nothing unknown, nothing coerced, no value in an error."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

STRICT: Final = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class StrictModel(BaseModel):
    """A part of the settings file."""

    model_config = ConfigDict(**STRICT, frozen=True)
