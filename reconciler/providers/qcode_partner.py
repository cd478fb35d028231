"""The QCode partner API: sub keys of a reseller account (docs.qcode.cc, "Partner Open API Guide").

Everything that page states is relied on; everything that it leaves open is read with tolerance and
written with none. Importing this module loads no HTTP library, so that offline commands can read
`CAPABILITIES`.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from reconciler.core.costs import ListCost
from reconciler.core.fields import ENABLED, MICRO
from reconciler.core.model import Capabilities, Listing, Minted, ObservedKey, RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import (
    AnswerError,
    DeferredError,
    HostileAnswerError,
    KeyNotFoundError,
    RequestRejectedError,
    SecretLostError,
)
from reconciler.providers._qcode_account import facts_of, usage_of
from reconciler.providers._qcode_body import body_of
from reconciler.providers._qcode_listing import read_all
from reconciler.providers._qcode_rows import (
    CONCURRENCY,
    DAILY,
    LIMIT_FIELDS,
    TOTAL,
    parse_id,
    parse_row,
    row_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from reconciler.core.fields import Spec
    from reconciler.core.model import MintRequest
    from reconciler.core.strict_json import Json
    from reconciler.errors import ProviderError
    from reconciler.providers._http import HttpClient, Reply
    from reconciler.providers._qcode_account import AccountFact
    from reconciler.providers._qcode_rows import Row

DEFAULT_BASE_URL: Final = "https://api.r.qcode.cc"
FALLBACK_BASE_URLS: Final = ("https://qcode.cc",)

CAPABILITIES: Final = Capabilities(
    fields=LIMIT_FIELDS | {ENABLED},
    creatable=LIMIT_FIELDS,
    updatable=LIMIT_FIELDS,
    clearable=frozenset(),
    idempotent_create=True,
    create_returns_secret=True,
    reveals=False,
    toggles=True,
    deletes=False,
    renames=False,
    # Undocumented; 100 is what the server that QCode seems to grow from allows.
    name_limit=100,
    name_unit="characters",
    floor={DAILY: MICRO, TOTAL: MICRO, CONCURRENCY: 1},
    rate_limits=RateLimits(requests_per_minute=60, requests_per_day=1000, creates_per_hour=5),
    money_quantum=1,
)

_KEYS: Final = "/api/v1/reseller/keys"
_ME: Final = "/api/v1/reseller/me"
_BALANCE: Final = "/api/v1/reseller/balance"
_USAGE: Final = "/api/v1/reseller/usage"
# A masked secret must not pass for one: stars, three dots, or a row of crosses.
_SECRET: Final = re.compile(r"cr_(?!.*(?:\*|\.{3}|[xX]{8}))[!-~]{16,509}\Z")
# How servers that want descriptions to be unique may say so; no page tells.
_TAKEN: Final = re.compile(r"already|exists|duplicate|taken|unique|in use", re.IGNORECASE)
_SECRET_NAMES: Final = ("api_key", "apiKey", "key")
_MOST_DETAILS: Final = 50
_MOST_WARNINGS: Final = 20


class QCodePartner:
    """One partner account.

    Args:
        http: the account's client, with this API's dialect and budgets.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._lock = threading.Lock()
        self._descriptions: dict[str, str] = {}
        self._hides_descriptions = False
        self._lacks_details = False
        self._minted: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What the partner API can do."""
        return CAPABILITIES

    @property
    def origin(self) -> str:
        """Scheme, host and port of the account."""
        return self._http.origin

    def list_keys(self) -> Listing:
        """Return every key, reading details of up to 50 rows where the list leaves something out."""
        before = self._http.sent
        try:
            found = read_all(self._http, _KEYS, row_id)
        except KeyNotFoundError as error:
            raise AnswerError(_wrong_path(error)) from None
        rows = [parse_row(row) for row in found.rows]
        warnings = list(found.warnings)
        if any(_lacks_limits(row) for row in rows) or not _shows_description(rows):
            rows = self._with_details(rows)
        abridged = frozenset(row.id for row in rows if _lacks_limits(row))
        if abridged:
            warnings.append(
                f"{len(abridged)} of {len(rows)} keys do not show all their limits, or whether they are on; "
                "not shown is not compared"
            )
        keys = tuple(_observed(row, found.first.date) for row in rows)
        with self._lock:
            self._descriptions = {row.id: row.description for row in rows if row.description is not None}
            self._hides_descriptions = not _shows_description(rows)
        refused = _UNRECOGNISABLE if self._hides_descriptions else None
        return Listing(
            keys=keys,
            warnings=tuple(warnings),
            creates_refused=refused,
            cost=ListCost(requests=self._http.sent - before),
            abridged=abridged if len(rows) > _MOST_DETAILS else frozenset(),
        )

    def get_key(self, key_id: str) -> ObservedKey:
        """Return one key as its detail shows it, or the list where the detail route does not."""
        if self._lacks_details:
            return self._listed(key_id, KeyNotFoundError(f"no key {key_id} is listed; plan again"))
        try:
            row, date = self._detail(key_id)
        except (KeyNotFoundError, RequestRejectedError) as error:
            found = self._listed(key_id, error)
            self._lacks_details = True
            return found
        if not row.shows_description:
            row = replace(row, description=self._listed_description(key_id))
        return _observed(row, date)

    def create_key(self, request: MintRequest) -> Minted:
        """Mint a key at the floor; the body depends on the request's name alone."""
        body = body_of({"description": request.name}, CAPABILITIES.floor)
        try:
            reply = self._http.write(
                "POST",
                _KEYS,
                body,
                headers={"Idempotency-Key": request.idempotency_key},
                replay_key=request.idempotency_key,
                creates=True,
            )
        except KeyNotFoundError as error:
            raise RequestRejectedError(_wrong_path(error)) from None
        except RequestRejectedError as error:
            raise self._refusal(request, error) from None
        return self._minted_of(request, reply)

    def reveal(self, key: ObservedKey) -> Secret:
        """Refuse: the API shows a plaintext once, in the answer to the create."""
        raise RequestRejectedError(_cannot("show the secret", key))

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Set the changed limits; nothing else is sent, and never a zero or an empty value."""
        if not changes:
            return
        self._http.write("PATCH", _path(key.id), body_of({}, changes))

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Enable or disable a key."""
        self._http.write("POST", f"{_path(key.id)}/{'enable' if enabled else 'disable'}")

    def delete_key(self, key: ObservedKey) -> None:
        """Refuse: the API has no delete."""
        raise RequestRejectedError(_cannot("delete", key))

    def rename_key(self, key: ObservedKey, name: str) -> None:
        """Refuse: the API has no rename."""
        raise RequestRejectedError(_cannot(f"rename to {name!r}", key))

    @property
    def budget_left(self) -> int | None:
        """How many requests the last answer said are left; None where it did not."""
        return self._http.budget_left

    def account_facts(self) -> tuple[AccountFact, ...]:
        """Return what `/me` and `/balance` say, each amount with its unit or the lack of one."""
        return facts_of(self._http.get(_ME).document) + facts_of(self._http.get(_BALANCE).document)

    def usage(self, days: int = 7) -> tuple[AccountFact, ...]:
        """Return the account's daily spend.

        Args:
            days: 7 or 30, which is all that the API offers.
        """
        return usage_of(self._http.get(_USAGE, {"range": f"{days}d"}).document)

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def _with_details(self, rows: Sequence[Row]) -> list[Row]:
        if not rows or len(rows) > _MOST_DETAILS:
            return list(rows)
        try:
            with ThreadPoolExecutor(max_workers=self._http.max_connections) as pool:
                return list(pool.map(self._with_detail, rows))
        except DeferredError:
            return list(rows)

    def _with_detail(self, row: Row) -> Row:
        try:
            detail, _ = self._detail(row.id)
        except KeyNotFoundError:
            return row
        return replace(
            detail,
            description=detail.description or row.description,
            shows_description=detail.shows_description or row.shows_description,
            name=detail.name or row.name,
            spec={**row.spec, **detail.spec},
            used_micro_usd=row.used_micro_usd if detail.used_micro_usd is None else detail.used_micro_usd,
            unused=row.unused if detail.unused is None else detail.unused,
            created=detail.created or row.created,
        )

    def _listed(self, key_id: str, error: ProviderError) -> ObservedKey:
        """Return a row of the list, or raise what the detail route said."""
        try:
            rows = self.list_keys().keys
        except AnswerError:
            raise error from None
        for row in rows:
            if row.id == key_id:
                return row
        raise error

    def _listed_description(self, key_id: str) -> str | None:
        """Return what the list shows; a description never changes, so an earlier reading still holds."""
        if key_id not in self._descriptions and not self._hides_descriptions:
            # What a create sent is no proof that a later run will be shown it.
            self.list_keys()
        return self._descriptions.get(key_id)

    def _detail(self, key_id: str) -> tuple[Row, datetime | None]:
        reply = self._http.get(_path(key_id))
        row = parse_row(_key_in(_data(reply.document)))
        if row.id != key_id:
            message = f"GET {_path(key_id)} answered with another key; nothing is changed; check base_url"
            raise AnswerError(message)
        return row, reply.date

    def _refusal(self, request: MintRequest, error: RequestRejectedError) -> ProviderError:
        """Return what a refused create means; where the name is listed already, its secret is lost."""
        with self._lock:
            known = next((key for key, text in self._descriptions.items() if text == request.name), None)
        if known is not None and _TAKEN.search(str(error)):
            said = str(error).split(";")[0]
            text = f"{said}; {known} has that name and its create is not replayed; run again"
            return SecretLostError(text, key_id=known)
        return RequestRejectedError(f"{error}; {_SMALLEST}")

    def _minted_of(self, request: MintRequest, reply: Reply) -> Minted:
        data = _key_in(_data(reply.document))
        try:
            key_id = parse_id(data.get("id", data.get("key_id")))
        except AnswerError:
            message = f"the create of {request.name!r} was answered without an id; run again to find the key"
            raise SecretLostError(message) from None
        self._check_ours(request, key_id, data)
        value = next((data[name] for name in _SECRET_NAMES if data.get(name)), None)
        if not isinstance(value, str) or not _SECRET.match(value):
            message = (
                f"key {key_id} ({request.name!r}) was minted and its answer holds no usable secret; "
                "run again, the key is disabled and replaced"
            )
            raise SecretLostError(message, key_id=key_id)
        secret = Secret(value)
        self._check_new(request, key_id, secret)
        return Minted(key_id=key_id, secret=secret, warnings=self._warnings(data.get("warnings")))

    def _check_ours(self, request: MintRequest, key_id: str, data: Mapping[str, Json]) -> None:
        description = data.get("description")
        with self._lock:
            known = self._descriptions.get(key_id)
        # The server makes `name` itself, so only a description, or an id seen before, can contradict.
        if description not in (None, "", request.name) or known not in (None, request.name):
            message = (
                f"the create of {request.name!r} was answered with key {key_id}, which is another one; "
                "its secret was thrown away; ask the provider before the next run"
            )
            raise HostileAnswerError(message)

    def _check_new(self, request: MintRequest, key_id: str, secret: Secret) -> None:
        """Refuse one secret for two keys; the same one for the same key is a replay."""
        with self._lock:
            owner = self._minted.setdefault(secret.fingerprint(), key_id)
        if owner != key_id:
            message = (
                f"the create of {request.name!r} was answered with the secret of key {owner}; "
                "it was thrown away; ask the provider before the next run"
            )
            raise HostileAnswerError(message)

    def _warnings(self, warnings: Json) -> tuple[str, ...]:
        items = warnings if isinstance(warnings, list) else [warnings] if warnings else []
        return tuple(self._http.redact(str(item)) for item in items[:_MOST_WARNINGS])


def _data(document: Json) -> Mapping[str, Json]:
    data = document.get("data") if isinstance(document, dict) else None
    return data if isinstance(data, dict) else {}


def _key_in(data: Mapping[str, Json]) -> dict[str, Json]:
    inner = data.get("key")
    return inner if isinstance(inner, dict) else dict(data)


def _observed(row: Row, date: datetime | None) -> ObservedKey:
    age = None if date is None or row.created is None else max(date - row.created, timedelta(0))
    return ObservedKey(
        id=row.id,
        name=row.name if row.description is None else row.description,
        alias=row.name,
        spec=row.spec,
        used_micro_usd=row.used_micro_usd,
        unused=row.unused,
        age=age,
    )


def _lacks_limits(row: Row) -> bool:
    return not CAPABILITIES.fields <= row.spec.keys()


def _shows_description(rows: Sequence[Row]) -> bool:
    return not rows or any(row.shows_description for row in rows)


def _path(key_id: str) -> str:
    return f"{_KEYS}/{quote(parse_id(key_id), safe='')}"


def _wrong_path(error: KeyNotFoundError) -> str:
    return f"{str(error).split(';')[0]}; the API is not at this address; check base_url"


def _cannot(what: str, key: ObservedKey) -> str:
    return f"the QCode partner API cannot {what} (key {key.id}); do it in the provider's panel"


_SMALLEST: Final = (
    "what it was asked for is the name, 1 USD a day, 1 USD in total and a concurrency of 1; "
    "the declared limits would have followed"
)
_UNRECOGNISABLE: Final = (
    "the provider shows no description of existing keys, and one that nobody recognises may be an earlier "
    "create, so none is minted; name the id of such a key under `adopt`, or use up a cent of its limit in "
    "the panel"
)
