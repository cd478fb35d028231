"""Whole numbers and switches, however a server of the family writes them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.core.strict_json import Json

_DIGITS: Final = re.compile(r"-?[0-9]{1,16}\Z")


def whole(value: Json) -> int | None:
    """Return 5 for 5, 5.0 and "5"; None for what is no whole number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if _DIGITS.match(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else None
    return value if isinstance(value, int) else None


def switch(value: Json) -> bool | None:
    """Return whether a switch is on, which databases also write as 1 and 0; None for anything else."""
    if isinstance(value, bool):
        return value
    return {0: False, 1: True}.get(value) if isinstance(value, int) else None
