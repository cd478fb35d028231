"""The QCode read-only API (qcode.cc, "Open API - Read-only"): usage and expiry of an account's active keys.

It changes nothing, and shows no ids: its keys are joined to those of a partner account by their names. The
page states neither the zone of its times nor the currency of its costs; China's zone and USD are assumed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Never

from reconciler.core.fields import ENABLED
from reconciler.core.model import Capabilities, Listing, ObservedKey, RateLimits
from reconciler.errors import AnswerError, KeyNotFoundError, RequestRejectedError, UsageError
from reconciler.providers._qcode_account import facts_of
from reconciler.providers._qcode_readonly_rows import DEFAULT_ZONE, EXPIRES, MONTHLY, parse_usage, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

    from reconciler.core.fields import Spec
    from reconciler.core.model import Minted, MintRequest
    from reconciler.core.secret import Secret
    from reconciler.core.strict_json import Json
    from reconciler.providers._http import HttpClient
    from reconciler.providers._qcode_account import AccountFact
    from reconciler.providers._qcode_readonly_rows import KeyUsage

DEFAULT_BASE_URL: Final = "https://qcode.cc"

CAPABILITIES: Final = Capabilities(
    fields=frozenset({ENABLED, MONTHLY, EXPIRES}),
    creatable=frozenset(),
    updatable=frozenset(),
    clearable=frozenset(),
    idempotent_create=False,
    create_returns_secret=False,
    reveals=False,
    toggles=False,
    deletes=False,
    renames=False,
    name_limit=100,
    name_unit="characters",
    floor={},
    # The page says that there are limits and not which; these are those of the partner API.
    rate_limits=RateLimits(requests_per_minute=60, requests_per_day=1000),
    money_quantum=1,
    mintable=False,
)

OPTIONS: Final[Mapping[str, str]] = {
    "time_zone": f"The zone of the times that the API shows without one; {DEFAULT_ZONE} when left out.",
}
"""Every option of an account with what it is for."""

_ROOT: Final = "/api/v1/openapi"
_KEYS: Final = f"{_ROOT}/keys"
_ME: Final = f"{_ROOT}/me"


def zone_in(options: Mapping[str, object]) -> tzinfo:
    """Return the zone that an account's options name.

    Raises:
        UsageError: when they name another option, or no zone.
    """
    unknown = sorted(set(options) - OPTIONS.keys())
    if unknown:
        message = f"`{unknown[0]}` is no setting of a qcode-readonly account; remove it"
        raise UsageError(message)
    return zone_of(options.get("time_zone", DEFAULT_ZONE))


class QCodeReadOnly:
    """One account, seen through its read-only token.

    Args:
        http: the account's client.
        zone: in which the API's times are meant.
    """

    def __init__(self, http: HttpClient, zone: tzinfo) -> None:
        self._http = http
        self._zone = zone

    @property
    def capabilities(self) -> Capabilities:
        """What the API shows; it can do nothing."""
        return CAPABILITIES

    @property
    def origin(self) -> str:
        """Scheme, host and port of the account."""
        return self._http.origin

    def list_keys(self) -> Listing:
        """Return every active key; one that is not listed may be off, so its absence proves nothing."""
        usages = self.usage()
        unread = sum(usage.expires is None for usage in usages)
        warnings = [f"times are taken to be in {self._zone}, which the provider does not say"]
        if unread:
            warnings.append(f"the expiry of {unread} keys is not shown or was not understood")
        return Listing(keys=tuple(_observed(usages)), warnings=tuple(warnings))

    def usage(self) -> tuple[KeyUsage, ...]:
        """Return name, expiry and cost of every active key.

        Raises:
            AnswerError: for a list of unknown form, or one that does not come to the number it tells.
        """
        data = _data(self._http.get(_KEYS).document)
        rows, told = data.get("keys"), data.get("active_api_keys")
        if not isinstance(rows, list) or (isinstance(told, int) and told != len(rows)):
            message = (
                "the list of keys is not complete or of unknown form; nothing of it is used; check base_url"
            )
            raise AnswerError(message)
        return tuple(parse_usage(row, self._zone) for row in rows)

    @property
    def budget_left(self) -> int | None:
        """How many requests the last answer said are left; None where it did not."""
        return self._http.budget_left

    def account_facts(self) -> tuple[AccountFact, ...]:
        """Return what `/me` says."""
        return facts_of(self._http.get(_ME).document)

    def alive(self) -> bool:
        """Tell whether the API takes the token; an error says why not."""
        self._http.get(_ROOT)
        return True

    def get_key(self, key_id: str) -> ObservedKey:
        """Return one key out of the list, which is all that the API has."""
        for key in self.list_keys().keys:
            if key.id == key_id:
                return key
        message = f"no active key is called {key_id!r}; it may be off, or of another account"
        raise KeyNotFoundError(message)

    def create_key(self, request: MintRequest) -> Minted:
        """Refuse."""
        _refuse(f"create {request.name!r}")

    def reveal(self, key: ObservedKey) -> Secret:
        """Refuse."""
        _refuse(f"show the secret of {key.id!r}")

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Refuse, unless there is nothing to change."""
        if changes:
            _refuse(f"change {key.id!r}")

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Refuse."""
        _refuse(f"{'enable' if enabled else 'disable'} {key.id!r}")

    def delete_key(self, key: ObservedKey) -> None:
        """Refuse."""
        _refuse(f"delete {key.id!r}")

    def rename_key(self, key: ObservedKey, name: str) -> None:
        """Refuse."""
        _refuse(f"rename {key.id!r} to {name!r}")

    def close(self) -> None:
        """Release connections."""
        self._http.close()


def _observed(usages: Iterable[KeyUsage]) -> Iterable[ObservedKey]:
    """Yield the keys; names are their ids, and one that comes again is numbered."""
    seen: Counter[str] = Counter()
    for usage in usages:
        seen[usage.name] += 1
        again = f" ({seen[usage.name]})" if seen[usage.name] > 1 else ""
        yield ObservedKey(id=usage.key_id or f"{usage.name}{again}", name=usage.name, spec=usage.spec)


def _data(document: Json) -> Mapping[str, Json]:
    data = document.get("data") if isinstance(document, dict) else None
    return data if isinstance(data, dict) else {}


def _refuse(what: str) -> Never:
    message = f"the read-only API cannot {what}; use a qcode-partner account, or the provider's panel"
    raise RequestRejectedError(message)
