"""Every provider by its name in the settings; reading this table loads no HTTP library."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from reconciler.core.model import RateLimits
from reconciler.providers import qcode_partner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from reconciler.core.model import Capabilities
    from reconciler.core.secret import Secret
    from reconciler.ports.clock import Clock
    from reconciler.ports.provider import Provider
    from reconciler.providers._http import Dialect, HttpClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Everything that a provider needs to reach one account.

    Attributes:
        base_url: from the settings, or the provider's default.
        token: the credential.
        clock: for budgets and waits.
        rng: returns a number from 0 to 1, for the jitter between tries.
        rate_limits: what the settings say in place of the documented limits; None keeps those.
        options: the account's further settings, for example a user id.
        read_only: refuse every method but GET.
        max_connections: the most requests at once.
        timeout: seconds for one exchange.
        max_wait: the most seconds that one request waits where there is no deadline.
        deadline: the run's end on the monotonic clock.
        waiting: is told why and until when, each time before a wait, by whichever thread waits.
        user_agent: this program and its version, `reconciler/1.2.3`.
    """

    base_url: str
    token: Secret
    clock: Clock
    rng: Callable[[], float]
    rate_limits: RateLimits = field(default_factory=RateLimits)
    options: Mapping[str, object] = field(default_factory=dict)
    read_only: bool = False
    max_connections: int = 8
    timeout: float = 30.0
    max_wait: float = 90.0
    deadline: float | None = None
    waiting: Callable[[str, datetime], None] | None = None
    user_agent: str = "reconciler"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """One provider.

    Attributes:
        capabilities: what it can do.
        default_base_url: used where the settings name none.
        fallbacks: further hosts of the same API, used only with the default and while nothing was sent.
        build: makes the adapter.
    """

    capabilities: Capabilities
    default_base_url: str
    fallbacks: tuple[str, ...]
    build: Callable[[Connection], Provider]


def _build_qcode_partner(connection: Connection) -> Provider:
    from reconciler.providers._answer import Dialect  # noqa: PLC0415  # offline commands need no HTTP

    dialect = Dialect(success="ok", details=("detail", "message", "error"))
    return qcode_partner.QCodePartner(_client(connection, PROVIDERS["qcode-partner"], dialect))


def _client(connection: Connection, entry: ProviderEntry, dialect: Dialect) -> HttpClient:
    from reconciler.providers._http import HttpClient  # noqa: PLC0415  # offline commands need no HTTP

    return HttpClient(
        base_urls=_base_urls(connection.base_url, entry),
        token=connection.token,
        dialect=dialect,
        limits=_limits(entry.capabilities.rate_limits, connection.rate_limits),
        clock=connection.clock,
        rng=connection.rng,
        read_only=connection.read_only,
        max_connections=connection.max_connections,
        timeout=connection.timeout,
        max_wait=connection.max_wait,
        deadline=connection.deadline,
        waiting=connection.waiting,
        user_agent=connection.user_agent,
    )


def _base_urls(base_url: str, entry: ProviderEntry) -> Sequence[str]:
    is_default = base_url.rstrip("/") == entry.default_base_url
    return (base_url, *entry.fallbacks) if is_default else (base_url,)


def _limits(documented: RateLimits, override: RateLimits) -> RateLimits:
    def pick(own: int | None, other: int | None) -> int | None:
        return other if own is None else own

    return RateLimits(
        requests_per_minute=pick(override.requests_per_minute, documented.requests_per_minute),
        requests_per_day=pick(override.requests_per_day, documented.requests_per_day),
        creates_per_hour=pick(override.creates_per_hour, documented.creates_per_hour),
    )


PROVIDERS: Final[Mapping[str, ProviderEntry]] = MappingProxyType(
    {
        "qcode-partner": ProviderEntry(
            capabilities=qcode_partner.CAPABILITIES,
            default_base_url=qcode_partner.DEFAULT_BASE_URL,
            fallbacks=qcode_partner.FALLBACK_BASE_URLS,
            build=_build_qcode_partner,
        ),
    }
)
"""By the word that stands in an account's `provider`."""
