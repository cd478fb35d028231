"""The dialects of the New API family as data: for each server its switches and its request budgets.

`documented` of a hosted vendor names what its own pages say; all else of it is assumed to be as upstream.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.sandbox.limits import Budget
from reconciler.sandbox.newapi_switches import NewApiSwitches

if TYPE_CHECKING:
    from collections.abc import Mapping

CRITICAL = Budget(requests=20, seconds=20 * 60)
SEARCH = Budget(requests=10, seconds=60)
NO_SEARCH_LIMIT = Budget(requests=None, seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One server of the family.

    Attributes:
        name: the vendor's name; its routes are below `/NAME`.
        title: what it is, for the documentation.
        switches: its defaults.
        documented: the switches that the vendor's pages decide; None when all was read in the source.
    """

    name: str
    title: str
    switches: NewApiSwitches
    budgets: Mapping[str, Budget]
    documented: frozenset[str] | None = None


def _budgets(requests: int, search: Budget = SEARCH) -> dict[str, Budget]:
    return {"global": Budget(requests=requests, seconds=180), "critical": CRITICAL, "search": search}


NEW_API = NewApiSwitches()
NEW_API_RC = replace(
    NEW_API,
    user_header="ignored",
    auth_errors="codes",
    auto_groups=True,
    list_scope="root_sees_all",
    version="v1.0.0-rc.25",
    retry_after="seconds",
)
NEW_API_OLD = replace(
    NEW_API,
    messages="chinese",
    search="contains",
    key_form="full",
    reveal_routes="absent",
    cross_group_retry=False,
    name_max=30,
    max_tokens=0,
    quota_checked=False,
    system="new-api-old",
    version="v0.9.6",
    version_header=False,
    usage_auth="uses",
)
ONE_API = replace(
    NEW_API_OLD,
    user_header="ignored",
    page_base=0,
    page_shape="array",
    page_size_params="none",
    list_sorts=True,
    search="prefix",
    create_returns="full",
    model_field="models",
    ip_field="subnet",
    ips_checked=True,
    groups=False,
    deleted_at_field=False,
    deletes="removed",
    batch_delete=False,
    unlimited_counted=False,
    system="one-api",
    version="v0.6.10",
    user_lookups=False,
    usage_route="absent",
)
HITOPEN = replace(
    NEW_API,
    auth_scheme="bearer",
    user_header="checked",
    auth_errors="status",
    key_form="full",
    reveal_routes="absent",
    deletes="removed",
    batch_delete=False,
)
COMETAPI = replace(
    NEW_API,
    auth_scheme="raw",
    user_header="ignored",
    auth_errors="status",
    page_size_default=20,
    search="absent",
    key_form="full",
    reveal_routes="absent",
    group_checked=True,
    deleted_at_field=False,
    name_unit="characters",
    put_status="applied",
    deletes="removed",
    batch_delete=False,
    usage_route="bare",
)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            name="new-api",
            title="New API 0.12.3 to 1.0.0-rc.21",
            switches=NEW_API,
            budgets=_budgets(180),
        ),
        Dialect(
            name="new-api-rc",
            title="New API from 1.0.0-rc.23 on",
            switches=NEW_API_RC,
            budgets=_budgets(360),
        ),
        Dialect(
            name="new-api-old",
            title="New API 0.9",
            switches=NEW_API_OLD,
            budgets=_budgets(180, NO_SEARCH_LIMIT),
        ),
        Dialect(
            name="one-api",
            title="one-api, the ancestor",
            switches=ONE_API,
            budgets=_budgets(480, NO_SEARCH_LIMIT),
        ),
        Dialect(
            name="cometapi",
            title="CometAPI",
            switches=COMETAPI,
            budgets=_budgets(180),
            documented=frozenset(
                {
                    "auth_scheme",
                    "page_base",
                    "page_shape",
                    "page_size_default",
                    "page_size_max",
                    "create_returns",
                    "model_field",
                    "ip_field",
                    "groups",
                    "group_checked",
                    "cross_group_retry",
                    "deleted_at_field",
                    "name_max",
                    "name_unit",
                    "put_omitted",
                    "put_status",
                    "deletes",
                    "usage_route",
                }
            ),
        ),
        Dialect(
            name="hitopen",
            title="HitOpen",
            switches=HITOPEN,
            budgets=_budgets(180),
            documented=frozenset(
                {"auth_scheme", "auth_errors", "page_base", "page_shape", "page_size_default", "deletes"}
            ),
        ),
    )
}
