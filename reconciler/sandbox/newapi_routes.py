"""The table of routes of the New API family, and how its web framework treats paths that are not in it.

Source: `router/api-router.go` of both projects; gin redirects a path that only lacks or has a slash too
many with 301 (GET) or 307, before authentication and budgets.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reconciler.sandbox.newapi_call import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.sandbox.newapi_auth import Scope
    from reconciler.sandbox.newapi_handlers import TokenHandlers
    from reconciler.sandbox.newapi_lookups import LookupHandlers
    from reconciler.sandbox.newapi_switches import NewApiSwitches

Handler = Callable[[Call], Awaitable[Reply]]
Guard = Literal["open", "user"]
Budgeted = Literal["", "critical", "search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route.

    Attributes:
        path: a path with places as `{id}`.
        exists: whether the dialect has it.
        budget: the budget it draws on beside the global one.
        guard: whether an access token is asked for.
    """

    method: str
    path: str
    serve: Handler
    scope: Scope
    guard: Guard
    budget: Budgeted
    exists: bool

    def places(self, method: str, path: str) -> Mapping[str, str] | None:
        """Return the variable parts of a path, or None when the request is for another route."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        match = re.fullmatch(pattern, path) if self.exists and method == self.method else None
        return None if match is None else match.groupdict()


def endpoints(tokens: TokenHandlers, lookups: LookupHandlers, switches: NewApiSwitches) -> Sequence[Endpoint]:
    """Return every route; more special paths stand before more general ones."""
    return (*_token_routes(tokens, lookups, switches), *_lookup_routes(lookups, switches))


def _token_routes(
    tokens: TokenHandlers, lookups: LookupHandlers, switches: NewApiSwitches
) -> Sequence[Endpoint]:
    read: Scope = "api_key:read"
    write: Scope = "api_key:write"
    show: Scope = "api_key:reveal"
    base, one, shown = "/api/token/", "/api/token/{id}", switches.reveal_routes
    searchable, auto = switches.search != "absent", switches.auto_groups
    return (
        _route(f"GET {base}", tokens.list, read),
        _route(f"GET {base}search", tokens.search, read, budget="search", exists=searchable),
        _route(f"GET {base}auto-groups", lookups.auto_groups, read, exists=auto),
        _route(f"GET {one}", tokens.detail, read),
        _route(f"POST {base}", tokens.create, write),
        _route(f"PUT {base}", tokens.update, write),
        _route(f"DELETE {one}", tokens.delete, write),
        _route(f"POST {base}batch", tokens.delete_batch, write, exists=switches.batch_delete),
        _route(f"POST {base}batch/keys", tokens.show_keys, show, budget="critical", exists=shown == "both"),
        _route(f"POST {one}/key", tokens.show_key, show, budget="critical", exists=shown != "absent"),
    )


def _lookup_routes(lookups: LookupHandlers, switches: NewApiSwitches) -> Sequence[Endpoint]:
    profile: Scope = "profile:read"
    usage = "/api/usage/token" + ("/" if switches.usage_route == "slash" else "")
    asked, looked_up = switches.usage_route != "absent", switches.user_lookups
    return (
        _route("GET /api/status", lookups.status, guard="open", exists=switches.status_route),
        _route("GET /api/user/self", lookups.user, profile),
        _route("GET /api/user/token", lookups.regenerate),
        _route("GET /api/user/self/groups", lookups.groups, profile, exists=looked_up),
        _route("GET /api/user/models", lookups.models, profile, exists=looked_up),
        _route(f"GET {usage}", lookups.usage, guard="open", budget="critical", exists=asked),
    )


def _route(
    line: str,
    serve: Handler,
    scope: Scope = "",
    *,
    guard: Guard = "user",
    budget: Budgeted = "",
    exists: bool = True,
) -> Endpoint:
    method, _, path = line.partition(" ")
    return Endpoint(
        method=method, path=path, serve=serve, scope=scope, guard=guard, budget=budget, exists=exists
    )
