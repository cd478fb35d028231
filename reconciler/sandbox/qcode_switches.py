"""Every behaviour of the QCode partner API that its public page leaves open, as a switch.

Source of what is documented: https://docs.qcode.cc/en/docs/reference/partner-api. All else is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.sandbox.switches import switch


@dataclass(frozen=True, slots=True, kw_only=True)
class QcodeSwitches:
    """The switches of `qcode-partner`, grouped by what they touch."""

    # Listing
    list_shape: Literal["keys", "items", "list", "results", "bare", "unknown"] = switch(
        "keys",
        "Where `data` holds the rows: under that name, as `data` itself (bare), or elsewhere.",
    )
    list_paging: Literal["none", "clamped", "empty", "offset"] = switch(
        "none",
        "Whether the list is paged, and whether a page past the end is the last page again or empty; "
        "offset knows `limit` and `offset` and no page numbers.",
    )
    list_page_size: int = switch(20, "Rows on a page when the request names no size of 10, 20, 50 or 100.")
    list_page_info: bool = switch(
        default=True, doc="Whether a paged answer carries a `pagination` object (never in a bare list)."
    )
    list_total: Literal["absent", "exact", "too_high"] = switch(
        "absent", "Whether `data.total` announces how many keys there are, and whether it is right."
    )
    list_order: Literal["newest", "oldest"] = switch("newest", "Which key comes first.")
    list_disabled: Literal["shown", "hidden"] = switch("shown", "Whether disabled keys are listed.")
    list_limits: bool = switch(default=True, doc="Whether list rows carry the limits.")
    list_description: bool = switch(default=True, doc="Whether list rows carry the description.")
    list_lag_seconds: int = switch(0, "How long a new key is missing from the list.")
    # Fields of a key
    field_names: Literal["snake_usd", "snake", "camel"] = switch(
        "snake_usd", "How fields are spelled: `daily_cost_limit_usd`, `daily_cost_limit` or `dailyCostLimit`."
    )
    enabled_field: Literal["is_active", "active", "enabled", "status"] = switch(
        "is_active", "Which field tells whether a key is enabled; `status` holds the text active or disabled."
    )
    booleans: Literal["boolean", "number"] = switch(
        "boolean", "Whether that field is true or false, or 1 or 0."
    )
    id_field: Literal["id", "key_id"] = switch("id", "Which field of list and detail rows holds the id.")
    limits_nested: bool = switch(default=False, doc="Whether limits stand inside a `limits` object.")
    numbers: Literal["number", "string", "exponent"] = switch(
        "number",
        "Whether money is a JSON number or a string; exponent is a string such as 1E+1, as decimal columns "
        "write it.",
    )
    amounts_kept: Literal["exact", "cents"] = switch(
        "exact", "Whether limits are kept as they were sent, or rounded to the cent."
    )
    concurrency_as: Literal["number", "string"] = switch(
        "number", "Whether the concurrency limit comes back as a number or a string."
    )
    detail_limits: bool = switch(default=True, doc="Whether GET of one key carries the limits.")
    detail_description: bool = switch(default=True, doc="Whether GET of one key carries the description.")
    description_form: Literal["exact", "truncated"] = switch(
        "exact", "Whether a description comes back as it was sent or cut to 24 characters."
    )
    name_form: Literal["server_made", "equals_description", "contains_description"] = switch(
        "server_made", "How the server builds the name of a new key."
    )
    timestamps: bool = switch(default=True, doc="Whether rows carry created and updated times.")
    timestamp_form: Literal["rfc3339", "epoch"] = switch("rfc3339", "How times are written.")
    extra_fields: bool = switch(default=False, doc="Whether answers carry fields that nobody announced.")
    # Creating
    create_status: Literal[200, 201] = switch(200, "Status of a successful create.")
    create_secret: Literal["shown", "masked", "missing"] = switch(
        "shown", "Whether a create returns the plaintext, a masked one or none.", basis="documented"
    )
    create_warnings: Literal["none", "text", "object"] = switch(
        "none", "What `data.warnings` of a create holds: nothing, a text or an object.", basis="documented"
    )
    created_enabled: bool = switch(default=True, doc="Whether a new key is enabled.")
    create_requires: Literal["limits", "nothing", "everything"] = switch(
        "limits", "Which fields a create must carry: both USD limits, none, or all four."
    )
    description_max: int = switch(500, "Longest description accepted, in characters.")
    duplicate_description: Literal["allowed", "rejected"] = switch(
        "allowed", "Whether two keys of an account may have one description; rejected is 422."
    )
    key_cap: int = switch(0, "How many keys an account may have before a create is 422; 0 is no cap.")
    unknown_fields: Literal["ignored", "rejected"] = switch(
        "ignored", "What happens to unknown fields in a POST or PATCH body; rejected is 422."
    )
    # Changing
    patch_effect: Literal["applied", "ignored", "daily_only", "lagged"] = switch(
        "applied",
        "What a 200 to PATCH did: everything, nothing, only the daily limit, or later.",
        basis="documented",
    )
    patch_lag_seconds: int = switch(30, "How long a lagged PATCH takes.")
    patch_description: Literal["unknown", "applied"] = switch(
        "unknown", "Whether PATCH knows the field description."
    )
    patch_null: Literal["ignored", "rejected"] = switch("ignored", "What a null limit in PATCH does.")
    write_answer: Literal["key", "empty"] = switch(
        "key", "Whether PATCH, enable and disable answer with the key or with empty data."
    )
    toggle_repeat: Literal[200, 409] = switch(
        200, "Status of enabling what is enabled, or disabling what is not."
    )
    toggle_effect: Literal["applied", "ignored"] = switch(
        "applied", "What a 200 to enable or disable did.", basis="documented"
    )
    delete_status: Literal[405, 404] = switch(405, "Status of DELETE, which no page documents.")
    # Idempotency
    idempotency: Literal["honoured", "ignored"] = switch(
        "honoured", "Whether the Idempotency-Key header of a create does anything.", basis="documented"
    )
    idempotency_ttl_seconds: int = switch(86_400, "How long a stored answer is replayed.")
    idempotency_scope: Literal["account", "token", "host"] = switch(
        "account", "What a key is unique within; host is the Host header plus the account."
    )
    idempotency_replay: Literal["same", "no_plaintext"] = switch(
        "same", "Whether a replay carries `api_key` again."
    )
    idempotency_replay_header: bool = switch(
        default=False, doc="Whether a replay carries `Idempotent-Replayed: true`."
    )
    idempotency_mismatch: Literal[422, 400, 409, "replay"] = switch(
        422, "Answer to a known key with another body; replay is the first answer, silently."
    )
    idempotency_fingerprint: Literal["parsed", "bytes"] = switch(
        "parsed", "Whether bodies are compared as JSON values or byte by byte."
    )
    idempotency_in_flight: Literal[409, "executes"] = switch(
        409, "Answer to a key whose first request still runs; executes mints a second key."
    )
    idempotency_failures: Literal["not_stored", "stored"] = switch(
        "not_stored", "Whether a 4xx answer of the create itself is stored and replayed."
    )
    idempotency_required: bool = switch(default=False, doc="Whether a create without the header is 400.")
    # Errors and limits
    error_detail: Literal["string", "list"] = switch(
        "string", "Whether `detail` of a validation error is a text or a list of objects.", basis="documented"
    )
    missing_bearer: Literal[401, 403] = switch(401, "Status without a bearer token.", basis="documented")
    trailing_slash: Literal["redirect_to_bare", "redirect_to_slash", "not_found"] = switch(
        "redirect_to_bare", "Which of `/keys` and `/keys/` is answered 307 to the other, or 404."
    )
    limit_window: Literal["sliding", "fixed"] = switch(
        "sliding", "Whether request limits count the last N seconds or aligned windows."
    )
    limit_counts_errors: bool = switch(
        default=True, doc="Whether requests that end in 4xx use up the limits."
    )
    limit_counts_replays: bool = switch(default=True, doc="Whether replayed creates use up the create limit.")
    limit_counts_refused: bool = switch(
        default=False, doc="Whether refused requests (429) use up the limits."
    )
    limit_headers: bool = switch(default=False, doc="Whether answers carry `X-RateLimit-*` headers.")
    retry_after: Literal["seconds", "fraction", "date", "absent"] = switch(
        "seconds", "How a 429 says when to come back.", basis="documented"
    )
    # Account
    me_id: bool = switch(default=False, doc="Whether `/me` carries a stable account id.")
    usage_zero_days: Literal["included", "omitted"] = switch(
        "included", "Whether `/usage` has points for days without cost."
    )
    day_offset_hours: int = switch(8, "UTC offset at whose midnight a vendor day begins.")
    date_header: bool = switch(default=True, doc="Whether answers carry a Date header (sandbox time).")
