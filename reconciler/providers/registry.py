"""Every provider by its name in the settings; reading this table loads no HTTP library.

Providers from elsewhere come in by the entry point group `reconciler.providers`: the name is the word in
the settings, the object a `ProviderEntry`. They are looked for only when a name is asked for that is not
built in; see docs/providers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from reconciler.core.model import RateLimits
from reconciler.errors import UsageError
from reconciler.providers import qcode_partner, qcode_readonly
from reconciler.providers._newapi_dialects import DIALECTS, capabilities
from reconciler.providers._newapi_options import OPTIONS, options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from importlib.metadata import EntryPoint

    from reconciler.core.model import Capabilities
    from reconciler.core.secret import Secret
    from reconciler.ports.clock import Clock
    from reconciler.ports.key_check import KeyCheck
    from reconciler.ports.provider import Provider
    from reconciler.providers._http import Dialect, HttpClient
    from reconciler.providers._newapi_dialects import NewApiDialect
    from reconciler.providers._newapi_options import NewApiOptions

GROUP: Final = "reconciler.providers"
"""The entry point group of providers outside this package."""

_QCODE_DETAILS: Final = ("detail", "message", "error")


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
        capabilities: what it can do, with no option set.
        default_base_url: used where the settings name none; None where every account has its own.
        fallbacks: further hosts of the same API, used only with the default and while nothing was sent.
        build: makes the adapter.
        options: the account's further settings, each with what it is for.
        tailor: returns what an account with these options can do, or raises `UsageError` for a wrong one;
            None where no option matters.
        key_check: makes the self-check of an account's keys; None where keys cannot ask about themselves.
    """

    capabilities: Capabilities
    default_base_url: str | None
    fallbacks: tuple[str, ...] = ()
    build: Callable[[Connection], Provider]
    options: Mapping[str, str] = field(default_factory=dict)
    tailor: Callable[[Mapping[str, object]], Capabilities] | None = None
    key_check: Callable[[Connection], KeyCheck] | None = None

    def capabilities_with(self, options: Mapping[str, object]) -> Capabilities:
        """Return what an account with these options can do; offline.

        Raises:
            UsageError: when an option is unknown or has a wrong value.
        """
        if self.tailor is not None:
            return self.tailor(options)
        for name in options:
            message = f"`{name}` is no setting of this provider's accounts; remove it"
            raise UsageError(message)
        return self.capabilities


def _build_qcode_partner(connection: Connection) -> Provider:
    dialect = envelope(success="ok", details=_QCODE_DETAILS)
    return qcode_partner.QCodePartner(http_client(connection, PROVIDERS["qcode-partner"], dialect))


def _build_qcode_readonly(connection: Connection) -> Provider:
    dialect = envelope(success="ok", details=_QCODE_DETAILS)
    zone = qcode_readonly.zone_in(connection.options)
    return qcode_readonly.QCodeReadOnly(http_client(connection, PROVIDERS["qcode-readonly"], dialect), zone)


def _tailor_qcode_readonly(options: Mapping[str, object]) -> Capabilities:
    qcode_readonly.zone_in(options)
    return qcode_readonly.CAPABILITIES


def _build_new_api(dialect: NewApiDialect, connection: Connection) -> Provider:
    from reconciler.providers.new_api import NewApi  # noqa: PLC0415  # offline commands need no HTTP

    options = options_of(dialect, connection.options)
    return NewApi(_manager(dialect, connection, options), options, connection.clock)


def _build_new_api_check(dialect: NewApiDialect, connection: Connection) -> KeyCheck:
    from reconciler.providers._newapi_key_check import NewApiKeyCheck  # noqa: PLC0415  # likewise

    options = options_of(dialect, connection.options)
    reading = replace(connection, read_only=True)

    def client(secret: Secret, envelope: Dialect) -> HttpClient:
        return http_client(replace(reading, token=secret), PROVIDERS[dialect.name], envelope)

    return NewApiKeyCheck(_manager(dialect, reading, options), client, options, connection.clock)


def _manager(dialect: NewApiDialect, connection: Connection, options: NewApiOptions) -> HttpClient:
    from reconciler.providers._newapi_answers import management_dialect  # noqa: PLC0415  # likewise

    envelope = management_dialect(options.auth_scheme, options.headers, options.dialect.window)
    return http_client(connection, PROVIDERS[dialect.name], envelope)


def _new_api_entry(dialect: NewApiDialect) -> ProviderEntry:
    return ProviderEntry(
        capabilities=capabilities(dialect),
        default_base_url=dialect.base_url,
        build=partial(_build_new_api, dialect),
        options=OPTIONS,
        tailor=lambda options: options_of(dialect, options).capabilities,
        key_check=partial(_build_new_api_check, dialect) if dialect.usage_paths else None,
    )


def http_client(connection: Connection, entry: ProviderEntry, dialect: Dialect) -> HttpClient:
    """Return the client of an account: budgets, waits, retries and the one auth header.

    Args:
        connection: to the account.
        entry: of its provider.
        dialect: auth and envelope of the API.
    """
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


def envelope(*, success: str, details: Sequence[str], auth_scheme: str | None = "Bearer") -> Dialect:
    """Return how an API authenticates and wraps its answers, for `http_client`.

    Args:
        success: the member that is true or false.
        details: the members that may hold an error text, first hit wins.
        auth_scheme: what stands before the token; None for the bare token.
    """
    from reconciler.providers._answer import Dialect  # noqa: PLC0415  # offline commands need no HTTP

    return Dialect(success=success, details=details, auth_scheme=auth_scheme)


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
        "qcode-readonly": ProviderEntry(
            capabilities=qcode_readonly.CAPABILITIES,
            default_base_url=qcode_readonly.DEFAULT_BASE_URL,
            build=_build_qcode_readonly,
            options=qcode_readonly.OPTIONS,
            tailor=_tailor_qcode_readonly,
        ),
        **{name: _new_api_entry(dialect) for name, dialect in DIALECTS.items()},
    }
)
"""Those of this package, by the word that stands in an account's `provider`."""


OWN_FIELDS: Final = tuple(field for entry in PROVIDERS.values() for field in entry.capabilities.own)
"""Every field that only one provider of this package has."""


class _Known(Mapping[str, ProviderEntry]):
    """Every provider: those of this package, and those of other packages as soon as one is asked for."""

    def __getitem__(self, name: str) -> ProviderEntry:
        built_in = PROVIDERS.get(name)
        return _plugged_in(name) if built_in is None else built_in

    def __iter__(self) -> Iterator[str]:
        yield from PROVIDERS
        yield from sorted({point.name for point in _entry_points()} - PROVIDERS.keys())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in PROVIDERS or any(point.name == name for point in _entry_points())


KNOWN: Final[Mapping[str, ProviderEntry]] = _Known()
"""All providers by name. An unknown name is a `KeyError`, and one whose package is broken a `UsageError`."""


def _entry_points() -> Sequence[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415  # it reads every installed package

    return tuple(entry_points(group=GROUP))


@lru_cache(maxsize=64)
def _plugged_in(name: str) -> ProviderEntry:
    points = {(point.module, point.attr): point for point in _entry_points() if point.name == name}
    if not points:
        raise KeyError(name)
    if len(points) > 1:
        message = f"{len(points)} installed packages bring a provider called {name}; uninstall all but one"
        raise UsageError(message)
    (point,) = points.values()
    try:
        entry = point.load()
    except Exception as error:  # the code of a foreign package may raise anything
        message = (
            f"the package of the provider {name} cannot be loaded ({type(error).__name__}); reinstall it"
        )
        raise UsageError(message) from error
    if not isinstance(entry, ProviderEntry):
        message = f"the entry point of the provider {name} is no ProviderEntry; ask for a release that fits"
        raise UsageError(message)
    return entry
