"""Everything in which servers of the New API family differ or leave a client guessing, as switches.

The defaults are those of New API 0.12.3 to 1.0.0-rc.21, read in its source (songquanpeng/one-api and
QuantumNous/new-api); a dialect of `newapi_dialects.py` replaces some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.sandbox.switches import switch


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiSwitches:
    """The switches of each dialect, grouped by what they touch."""

    # Authentication
    auth_scheme: Literal["any", "raw", "bearer"] = switch(
        "any",
        "Whether `Authorization` holds the bare access token, one after `Bearer`, or either.",
        basis="source",
    )
    user_header: Literal["required", "checked", "ignored"] = switch(
        "required",
        "Whether `New-Api-User` must name the token's user, must if it is sent, or is not looked at.",
        basis="source",
    )
    auth_errors: Literal["business", "status", "codes"] = switch(
        "business",
        "How a bad token is refused: 200 `success: false`, 401 (403 when disabled), or 401 with a `code`.",
        basis="source",
    )
    scope_denied: Literal["none", "api_key:read", "api_key:write", "api_key:reveal", "profile:read"] = switch(
        "none", "A scope that the access token lacks; its routes are 403 `ACCESS_TOKEN_SCOPE_DENIED`."
    )
    messages: Literal["chinese", "english", "negotiated"] = switch(
        "negotiated",
        "The language of messages; negotiated is English unless `Accept-Language` begins with zh.",
        basis="source",
    )
    # Listing
    page_base: Literal[0, 1] = switch(1, "The number of the first page.", basis="source")
    page_shape: Literal["object", "array"] = switch(
        "object",
        "Whether `data` of a list is an object with `items` and `total`, or the bare rows.",
        basis="source",
    )
    page_size_params: Literal["all", "size", "none"] = switch(
        "all",
        "What sets the page size: `page_size`, else `ps`, else `size`; `size` only; or nothing.",
        basis="source",
    )
    page_size_default: int = switch(10, "Rows on a page when the request names no size.", basis="source")
    page_size_max: int = switch(100, "Larger sizes become this one, silently.", basis="source")
    page_past_end: Literal["list", "null"] = switch(
        "list", "Whether a page past the end is an empty list or null.", basis="source"
    )
    list_total: Literal["exact", "too_high"] = switch("exact", "Whether `total` is right.", basis="source")
    list_scope: Literal["own", "root_sees_all"] = switch(
        "own",
        "Whether the list of a root user holds everybody's tokens unless `user_id` narrows it.",
        basis="source",
    )
    list_sorts: bool = switch(
        default=False, doc="Whether `order=remain_quota` and `used_quota` are honoured.", basis="source"
    )
    search: Literal["exact", "contains", "prefix", "absent"] = switch(
        "exact",
        "How `search` compares names: exactly (paged, `%` for wildcards), by a part or the begin, or not.",
        basis="source",
    )
    # The key
    key_form: Literal["masked", "full"] = switch(
        "masked", "Whether list, GET and PUT show the key masked or in full.", basis="source"
    )
    key_prefix: Literal["none", "sk"] = switch("none", "Whether shown keys begin with `sk-`.", basis="source")
    reveal_routes: Literal["both", "single", "absent"] = switch(
        "both",
        "Which of `POST /api/token/{id}/key` and `/api/token/batch/keys` exist.",
        basis="source",
    )
    create_returns: Literal["nothing", "masked", "full"] = switch(
        "nothing",
        "Whether a create answers no data, or the token with its key masked or in full.",
        basis="source",
    )
    # Fields of a token
    model_field: Literal["model_limits", "models"] = switch(
        "model_limits",
        "Where the model list stands: `model_limits` with `model_limits_enabled`, or `models` alone.",
        basis="source",
    )
    models_array: Literal["ignored", "stored"] = switch(
        "ignored", "What happens to a `models` array in a body.", basis="source"
    )
    ip_field: Literal["allow_ips", "subnet", "absent"] = switch(
        "allow_ips",
        "Where allowed addresses stand: one a line in `allow_ips`, commas in `subnet`, or nowhere.",
        basis="source",
    )
    ips_checked: bool = switch(default=False, doc="Whether a malformed address is refused.", basis="source")
    groups: bool = switch(default=True, doc="Whether tokens have a `group`.", basis="source")
    group_checked: bool = switch(default=False, doc="Whether an unknown group is refused.", basis="source")
    cross_group_retry: bool = switch(
        default=True, doc="Whether tokens have `cross_group_retry`.", basis="source"
    )
    auto_groups: bool = switch(
        default=False,
        doc="Whether tokens have `auto_groups`, and lose it and `cross_group_retry` outside group auto.",
        basis="source",
    )
    deleted_at_field: bool = switch(
        default=True, doc="Whether tokens show `DeletedAt`, always null.", basis="source"
    )
    fork_field: bool = switch(
        default=False, doc="Whether tokens have a writable `rate_limit` that no upstream server knows."
    )
    name_max: int = switch(50, "Longest name accepted.", basis="source")
    name_unit: Literal["bytes", "characters"] = switch("bytes", "What `name_max` counts.", basis="source")
    max_tokens: int = switch(1000, "How many tokens a user may have; 0 is no cap.", basis="source")
    quota_checked: bool = switch(
        default=True, doc="Whether `remain_quota` must be 0 to 1e9 USD unless unlimited.", basis="source"
    )
    # Changing
    put_omitted: Literal["zeroed", "kept"] = switch(
        "zeroed", "What a PUT does to fields that its body leaves out.", basis="source"
    )
    put_status: Literal["ignored", "applied"] = switch(
        "ignored", "What a PUT without `status_only` does with `status`.", basis="source"
    )
    status_only: Literal["applied", "full_put"] = switch(
        "applied",
        "Whether `?status_only=` makes PUT change the status alone, or is unknown: a full replace.",
        basis="source",
    )
    put_returns: Literal["token", "nothing"] = switch(
        "token", "Whether PUT answers with the stored token.", basis="source"
    )
    deletes: Literal["hidden", "removed"] = switch(
        "hidden", "Whether DELETE hides the row for ever or removes it.", basis="source"
    )
    batch_delete: bool = switch(
        default=True, doc="Whether `POST /api/token/batch` deletes many tokens.", basis="source"
    )
    # Use
    spent_status: Literal["written", "not_written"] = switch(
        "written",
        "Whether the use of an expired or spent token writes status 3 or 4 (not where Redis is on).",
        basis="source",
    )
    unlimited_counted: bool = switch(
        default=True, doc="Whether use of an unlimited token moves its quota.", basis="source"
    )
    quota_lag_seconds: int = switch(
        0, "How late spend reaches remain and used; 5 where batch update is on.", basis="source"
    )
    quota_per_unit: int = switch(500_000, "Quota units of one USD.", basis="source")
    # Around
    status_route: bool = switch(default=True, doc="Whether `GET /api/status` is open.", basis="source")
    system: Literal["new-api", "new-api-old", "one-api"] = switch(
        "new-api", "Whose fields `GET /api/status` shows.", basis="source"
    )
    version: str = switch("v0.12.6", "`data.version` of `GET /api/status`; forks write anything.")
    version_header: bool = switch(
        default=True, doc="Whether answers carry `X-New-Api-Version`.", basis="source"
    )
    user_lookups: bool = switch(
        default=True, doc="Whether `/api/user/self/groups` and `/api/user/models` exist.", basis="source"
    )
    usage_route: Literal["slash", "bare", "absent"] = switch(
        "slash",
        "Where a key may ask about itself: `/api/usage/token/`, without the slash, or nowhere.",
        basis="source",
    )
    usage_auth: Literal["reads", "uses"] = switch(
        "reads",
        "Whether an expired or spent key may ask about itself, or is refused as in use.",
        basis="source",
    )
    retry_after: Literal["absent", "seconds"] = switch(
        "absent", "Whether a 429 says when to come back; its body is empty.", basis="source"
    )
