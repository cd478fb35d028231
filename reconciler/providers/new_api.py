"""The New API family: keys ("tokens") of a user of New API, HitOpen, CometAPI or one-api.

Sources: QuantumNous/new-api and songquanpeng/one-api (`controller/token.go`), apidoc.cometapi.com and
doc.hitopen.com. Where the servers differ stands in `_newapi_dialects.py`; what all have in common is here:
a create answers nothing, a PUT replaces the whole key, a no comes with HTTP 200, and the only limit is
what is left.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.costs import ListCost
from reconciler.core.model import Listing, Minted
from reconciler.errors import (
    AnswerError,
    HostileAnswerError,
    KeyNotFoundError,
    OutcomeUnknownError,
    ProviderUnavailableError,
    RequestRejectedError,
)
from reconciler.providers._newapi_answers import NoRouteError
from reconciler.providers._newapi_body import create_body, encode, overlay, wanted_cap
from reconciler.providers._newapi_dialects import AUTO_GROUP, GROUP, TOTAL_UNITS
from reconciler.providers._newapi_listing import Pager
from reconciler.providers._newapi_numbers import whole
from reconciler.providers._newapi_rows import EXPIRED, OFF, ON, SPENT, observed, parse_row
from reconciler.providers._newapi_secret import revealed_in, secret_in
from reconciler.providers._newapi_session import TOKENS, Session, data_of
from reconciler.providers._newapi_sniffing import Sighting, server_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from reconciler.core.fields import Spec
    from reconciler.core.model import Capabilities, MintRequest, ObservedKey
    from reconciler.core.secret import Secret
    from reconciler.core.strict_json import Json
    from reconciler.ports.clock import Clock
    from reconciler.providers._http import HttpClient
    from reconciler.providers._newapi_options import NewApiOptions
    from reconciler.providers._newapi_rows import Row
    from reconciler.providers._newapi_units import Unit

_STATUS_ONLY: Final = "/api/token/?status_only=true"
# Reveals share 20 requests in 20 minutes with logins, counted per address.
_REVEAL_WINDOW: Final = 1_200.0
_CORRECTIONS: Final = 2
# States before and after a write that was not about them; what narrows may have been somebody else.
_RESET: Final = frozenset({(OFF, ON), (OFF, None), (ON, None)})
_LONGEST_ID: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A key before and after a write, and when that was by the server's clock."""

    before: Row
    after: Row
    now: datetime

    @property
    def revives(self) -> bool:
        """Whether the write took away why the key was dead, which the server leaves it at."""
        dead = {EXPIRED, SPENT}
        was_dead = self.before.state in dead and not self.before.usable(self.now)
        return was_dead and self.after.state in {None, *dead} and self.after.usable(self.now)


class NewApi:
    """One user's keys.

    Args:
        http: the account's client, with the dialect's envelope and budgets.
        options: of the account.
        clock: tells the time where the server does not.
    """

    def __init__(self, http: HttpClient, options: NewApiOptions, clock: Clock) -> None:
        self._session = Session(http, options)
        self._options = options
        self._clock = clock
        self._capabilities = options.capabilities
        self._lock = threading.Lock()
        self._owner = options.user_id
        self._listed: frozenset[str] = frozenset()
        self._holders: dict[str, str] = {}
        self._masks = False
        self._seen: Sighting | None = None
        self._ways = list(options.dialect.reveals)

    @property
    def capabilities(self) -> Capabilities:
        """What a server of the account's dialect can do."""
        return self._capabilities

    @property
    def origin(self) -> str:
        """Scheme, host and port of the account."""
        return self._session.http.origin

    def list_keys(self) -> Listing:
        """Return every key of the user, proven complete."""
        unit = self._session.unit()
        dialect, sniffs = self._options.dialect, self._options.sniffs
        pager = Pager(
            fetch=lambda query: self._session.get(TOKENS, query),
            workers=self._session.http.max_connections,
            base=1 if sniffs else dialect.page_base,
            size_params=dialect.size_params,
            # Only a form that the vendor states can be contradicted.
            shape=None if sniffs or "page_shape" not in dialect.documented else dialect.page_shape,
            # A root user of the newest servers is shown everybody's keys otherwise.
            extra={} if self._options.user_id is None else {"user_id": str(self._options.user_id)},
        )
        before = self._session.http.sent
        found = pager.read_all()
        cost = ListCost(
            requests=self._session.http.sent - before,
            page_rows=found.page_rows,
            page_requests=found.page_requests,
            # An empty list without a total ends at once, and one with a key by an empty page.
            first_key=int(found.page_requests > 1),
        )
        rows = [self._parsed(row) for row in found.rows]
        self._owner = _owner_of(rows, self._options.user_id)
        now = found.first.date or self._clock.now()
        keys = tuple(observed(row, dialect, unit, now, self._owner) for row in rows)
        self._listed = frozenset(row.id for row in rows)
        members = rows[0].members if rows else None
        self._seen = Sighting(shape=found.shape, members=members, masks=self._masks)
        return Listing(keys=keys, warnings=tuple(self._warnings(rows, unit, now)), cost=cost)

    def server_lines(self) -> tuple[str, ...]:
        """Return what the list showed of the server; nothing before it was read."""
        return () if self._seen is None else server_lines(self._options, self._seen)

    @property
    def budget_left(self) -> int | None:
        """How many requests the last answer said are left; None where it did not."""
        return self._session.http.budget_left

    def balance(self) -> int | None:
        """Return what the user's wallet holds: its quota is counted in the unit of the keys' quota."""
        quota = self._session.wallet()
        return None if quota is None else self._session.unit().usd_of(quota)

    def get_key(self, key_id: str) -> ObservedKey:
        """Return one key as it is now."""
        row, now = self._fresh(key_id)
        return observed(row, self._options.dialect, self._session.unit(), now, self._owner)

    def create_key(self, request: MintRequest) -> Minted:
        """Mint a key that nobody can use; most servers do not say which one it became."""
        reply = self._session.write("POST", TOKENS, create_body(request.name), creates=True)
        data = data_of(reply)
        told = data if isinstance(data, dict) and data.get("name") == request.name else {}
        key_id = whole(told.get("id"))
        if key_id is None or str(key_id) in self._listed:
            # Which key is new is then seen in the list, by who was not there before.
            return Minted(key_id=None, secret=None)
        secret = secret_in(told.get("key"))
        return Minted(key_id=str(key_id), secret=secret and self._unique(secret, str(key_id)))

    def reveal(self, key: ObservedKey) -> Secret:
        """Return the plaintext, from the row where the server shows it, or else by asking for it."""
        masked, missing = self._masks, None
        secret = None if masked else self._shown(key.id)
        for way in tuple(self._ways):
            if secret is None:
                try:
                    secret = self._revealed(way, key.id)
                except NoRouteError:
                    self._ways.remove(way)
                except KeyNotFoundError as error:
                    # Without a body, a path that is missing looks like a key that is.
                    missing = error
        if secret is None and masked:
            # Some servers hide keys in the list only.
            secret = self._shown(key.id)
        if secret is not None:
            return self._unique(secret, key.id)
        if missing is not None:
            raise missing
        message = (
            f"key {key.id}: the server shows keys masked and has no way to reveal them; "
            "copy the secret from its panel, or ask the server's admin for a newer release"
        )
        raise AnswerError(message)

    def _shown(self, key_id: str) -> Secret | None:
        data = data_of(self._session.get(_path(key_id)))
        self._owned(self._parsed(data), key_id)
        return secret_in(data.get("key") if isinstance(data, dict) else None)

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Set some fields, and bring an expired or spent key back to life where they make it usable."""
        if not changes:
            return
        self._check_group(changes)
        change = self._replace(key.id, changes)
        if change.revives:
            # The server checks the stored row first, so this cannot be one request with the change.
            row, _ = self._fresh(key.id)
            self._set_state(row, ON)

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Enable or disable a key; one that is only expired or spent counts as enabled."""
        row, now = self._fresh(key.id)
        if row.enabled(now) is not enabled:
            self._set_state(row, ON if enabled else OFF)

    def delete_key(self, key: ObservedKey) -> None:
        """Delete a key for good, and make sure that it is gone."""
        path = _path(key.id)
        with contextlib.suppress(KeyNotFoundError):
            self._session.write("DELETE", path)
        with contextlib.suppress(KeyNotFoundError):
            self._session.get(path)
            message = f"the server accepted the deletion of key {key.id} and still shows it; run again"
            raise AnswerError(message)

    def rename_key(self, key: ObservedKey, name: str) -> None:
        """Change the name."""
        change = self._replace(key.id, {}, {"name": name})
        if change.after.name != name:
            message = f"the server accepted a new name for key {key.id} and did not take it; check its length"
            raise AnswerError(message)

    def close(self) -> None:
        """Release connections."""
        self._session.http.close()

    def _replace(self, key_id: str, changes: Spec, members: Mapping[str, Json] | None = None) -> _Change:
        """Send the whole key with some fields and members changed.

        What the key spends between the read and the write comes back with the write, which raises the
        cap, so it is repeated until the cap is the one that was asked for, or the one that was there.
        """
        unit = self._session.unit()
        cap = wanted_cap(changes, unit)
        before, _ = self._fresh(key_id)
        aim = before.cap if cap is None else cap if isinstance(cap, int) else None
        fields = changes if aim is None or cap is not None else {**changes, TOTAL_UNITS: aim}
        after, now = self._put(key_id, TOKENS, self._body(before, fields, members))
        for _ in range(_CORRECTIONS):
            if _has_cap(after, aim):
                break
            row, _ = self._fresh(key_id)
            after, now = self._put(key_id, TOKENS, self._body(row, fields, members))
        if (before.state, after.state) in _RESET:
            # CometAPI documents the state in the ordinary body, so a server may reset what is left out.
            self._set_state(after, OFF if before.state == OFF else ON)
        return _Change(before=before, after=after, now=now)

    def _body(self, row: Row, fields: Spec, members: Mapping[str, Json] | None) -> dict[str, Json]:
        return {**overlay(row, fields, self._options.dialect, self._session.unit()), **(members or {})}

    def _set_state(self, row: Row, state: int) -> None:
        """Change the state alone.

        The body is the whole key nevertheless: a server that does not know `status_only` takes it for a
        replacement, and one that wants the state in the ordinary body finds it there.

        Raises:
            AnswerError: when no way of asking changes it.
        """
        for path in (_STATUS_ONLY, TOKENS):
            after, _ = self._put(row.id, path, self._body(row, {}, {"status": state}))
            if after.state == state:
                return
            row, _ = self._fresh(row.id)
            if row.state == state:
                return
        message = f"the server accepted another state for key {row.id} and did not take it; check its panel"
        raise AnswerError(message)

    def _put(self, key_id: str, path: str, body: Mapping[str, Json]) -> tuple[Row, datetime]:
        """Write and return the row as it is after it: the answer where it holds the row, or a read."""
        reply = self._session.write("PUT", path, encode(dict(body)))
        data = data_of(reply)
        if isinstance(data, dict) and str(whole(data.get("id"))) == key_id:
            with contextlib.suppress(AnswerError):
                return self._parsed(data), reply.date or self._clock.now()
        return self._fresh(key_id)

    def _fresh(self, key_id: str) -> tuple[Row, datetime]:
        reply = self._session.get(_path(key_id))
        return self._owned(self._parsed(data_of(reply)), key_id), reply.date or self._clock.now()

    def _owned(self, row: Row, key_id: str) -> Row:
        if row.id != key_id:
            message = f"GET {_path(key_id)} answered with another key; nothing is changed; check base_url"
            raise AnswerError(message)
        if self._owner is not None and row.user_id not in {None, self._owner}:
            message = (
                f"key {key_id} belongs to another user; nothing is changed; check the token and `user_id`"
            )
            raise KeyNotFoundError(message)
        return row

    def _parsed(self, row: Json) -> Row:
        if isinstance(row, dict) and isinstance(row.get("key"), str) and "*" in str(row["key"]):
            self._masks = True
        return parse_row(row)

    def _revealed(self, way: str, key_id: str) -> Secret:
        path, body = f"{_path(key_id)}/key", b""
        if way == "batch":
            path, body = f"{TOKENS}batch/keys", encode({"ids": [int(key_id)]})
        try:
            reply = self._session.write("POST", path, body or None, own_window=_REVEAL_WINDOW)
        except OutcomeUnknownError as error:
            # Nothing is changed by a reveal, so there is no outcome to find out.
            raise ProviderUnavailableError(str(error)) from None
        secret = revealed_in(data_of(reply), key_id)
        if secret is None:
            message = f"key {key_id}: the answer holds no usable secret; check that the token may reveal keys"
            raise AnswerError(message)
        return secret

    def _unique(self, secret: Secret, key_id: str) -> Secret:
        """Refuse one secret for two keys: their users could spend each other's money."""
        with self._lock:
            holder = self._holders.setdefault(secret.fingerprint(), key_id)
        if holder != key_id:
            message = (
                f"the server shows the secret of key {holder} as that of key {key_id}; "
                "it was thrown away; ask the provider before the next run"
            )
            raise HostileAnswerError(message)
        return secret

    def _check_group(self, changes: Spec) -> None:
        """Refuse a group that the user does not have; the server would store it and serve nothing."""
        group = changes.get(GROUP)
        if not isinstance(group, str) or group in {"", AUTO_GROUP}:
            return
        known = self._session.groups()
        if known and group not in known:
            message = (
                f"the server has no group {group!r} for this user; nothing is changed; "
                f"use one of {self._session.http.redact(', '.join(sorted(known)))}"
            )
            raise RequestRejectedError(message)

    def _warnings(self, rows: Sequence[Row], unit: Unit, now: datetime) -> list[str]:
        texts = []
        if unit.per_usd is None and self._options.dialect.unit == "status":
            texts.append(
                "the server does not tell how many quota units are one USD, so limits in USD are not "
                "compared; set `quota_per_unit` for the account"
            )
        dead = [row for row in rows if row.state in {EXPIRED, SPENT} and not row.enabled(now)]
        if dead:
            texts.append(
                f"{len(dead)} keys are marked as expired or used up and are neither any more; "
                "`enabled: true` brings them back"
            )
        return texts


def _owner_of(rows: Sequence[Row], configured: int | None) -> int | None:
    """Return whose keys these are.

    Raises:
        AnswerError: when they are of several users, and the settings do not say which is ours.
    """
    users = {row.user_id for row in rows if row.user_id is not None}
    if configured is not None:
        return configured
    if len(users) > 1:
        message = (
            f"the list holds keys of {len(users)} users; nothing is changed; "
            "set the account's `user_id` to the number in the personal settings of the token's user"
        )
        raise AnswerError(message)
    return next(iter(users), None)


def _has_cap(row: Row, cap: int | None) -> bool:
    """Tell whether a key has a lifetime cap; one that is used up has every cap up to its spend."""
    return row.cap == cap or (row.used_up and cap is not None and cap <= row.used)


def _path(key_id: str) -> str:
    if not (key_id.isascii() and key_id.isdecimal()) or len(key_id) > _LONGEST_ID or int(key_id) == 0:
        message = f"{key_id[:40]!r} is no id of this provider, whose ids are numbers; check the id"
        raise KeyNotFoundError(message)
    return f"{TOKENS}{int(key_id)}"
