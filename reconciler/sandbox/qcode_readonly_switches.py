"""Every behaviour of the QCode read-only API that its public page leaves open, as a switch.

Source of what is documented: the page "Open API - Read-only" of qcode.cc. All else is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.sandbox.switches import switch


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnlySwitches:
    """The switches of `qcode-readonly`."""

    sub_keys: Literal["shown", "hidden"] = switch(
        "shown", "Whether a partner's sub keys appear at all; hidden is an empty list."
    )
    cache_seconds: int = switch(
        5, "How old an answer may be; the page says a few seconds.", basis="documented"
    )
    day_offset_hours: int = switch(8, "UTC offset of days, months and of `expires_at_display`.")
    no_expiry: Literal["null", "empty", "never", "absent"] = switch(
        "null",
        "What `expires_at_display` of a key without expiry is: null, an empty text, never, or left out.",
    )
    expires_at_field: bool = switch(
        default=False, doc="Whether rows also carry `expires_at`, RFC 3339 in UTC."
    )
    no_monthly_limit: Literal["null", "zero"] = switch(
        "null", "What `monthly_cost_limit` of a key without one is."
    )
    utilization_field: bool = switch(
        default=False,
        doc="Whether rows carry `monthly_utilization`, in percent, as the page's prose promises.",
    )
    id_field: bool = switch(default=False, doc="Whether rows carry the id; the page's example does not.")
    numbers: Literal["number", "string"] = switch("number", "Whether money is a JSON number or a string.")
    me_names: Literal["keys_page", "short"] = switch(
        "keys_page",
        "Fields of `/me`: `active_api_keys` and `current_daily_cost`, or `active_keys` and `today_cost`.",
    )
    trailing_slash: Literal["redirected", "not_found"] = switch(
        "redirected", "Whether a path with a slash too many is 307 to the other, or 404."
    )
    missing_bearer: Literal[401, 403] = switch(401, "Status without a bearer token.")
    retry_after: Literal["seconds", "absent"] = switch("seconds", "Whether a 429 says when to come back.")
