"""A provider in a package of its own: the imaginary gateway Acme, whose keys have a budget and a switch.

Its API: GET and POST `/v1/keys`, GET, PATCH and DELETE `/v1/keys/{id}`; answers are
`{"ok": true, "result": …}` or `{"ok": false, "error": …}`; POST honours `Idempotency-Key`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from reconciler.core.fields import ENABLED, MICRO, TOTAL_USD, money, money_text
from reconciler.core.model import Capabilities, Listing, Minted, ObservedKey, RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import AnswerError, KeyNotFoundError, RequestRejectedError, SecretLostError
from reconciler.providers.registry import ProviderEntry, envelope, http_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Spec
    from reconciler.core.model import MintRequest
    from reconciler.ports.provider import Provider
    from reconciler.providers._http import HttpClient
    from reconciler.providers.registry import Connection

CAPABILITIES: Final = Capabilities(
    fields=frozenset({ENABLED, TOTAL_USD}),
    creatable=frozenset({TOTAL_USD}),
    updatable=frozenset({TOTAL_USD}),
    clearable=frozenset(),
    idempotent_create=True,
    create_returns_secret=True,
    reveals=False,
    toggles=True,
    deletes=True,
    renames=True,
    name_limit=64,
    name_unit="characters",
    floor={TOTAL_USD: MICRO},
    rate_limits=RateLimits(requests_per_minute=120),
    money_quantum=10_000,
)


class Acme:
    """One account at Acme."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def capabilities(self) -> Capabilities:
        """What Acme can do."""
        return CAPABILITIES

    @property
    def origin(self) -> str:
        """Where the account is."""
        return self._http.origin

    def list_keys(self) -> Listing:
        """Return every key; Acme has no pages."""
        rows = _result(self._http.get("/v1/keys").document)
        if not isinstance(rows, list):
            message = "the list of keys is not one; check base_url"
            raise AnswerError(message)
        return Listing(keys=tuple(_observed(row) for row in rows))

    def get_key(self, key_id: str) -> ObservedKey:
        """Return one key."""
        return _observed(_result(self._http.get(_path(key_id)).document))

    def create_key(self, request: MintRequest) -> Minted:
        """Mint a key at the floor."""
        body = {"name": request.name, "budget_usd": money_text(MICRO)}
        headers = {"Idempotency-Key": request.idempotency_key}
        reply = self._http.write(
            "POST", "/v1/keys", _json(body), headers=headers, replay_key=request.idempotency_key, creates=True
        )
        made = _result(reply.document)
        if not isinstance(made.get("secret"), str):
            message = "the answer to the create holds no secret; run again"
            raise SecretLostError(message, key_id=str(made["id"]))
        return Minted(key_id=str(made["id"]), secret=Secret(made["secret"]))

    def reveal(self, key: ObservedKey) -> Secret:
        """Refuse: Acme shows a secret once."""
        message = f"Acme shows the secret of {key.id} once; rotate the key"
        raise RequestRejectedError(message)

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Set the budget."""
        self._patch(key, {"budget_usd": money_text(int(str(changes[TOTAL_USD])))})

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Enable or disable a key."""
        self._patch(key, {"enabled": enabled})

    def rename_key(self, key: ObservedKey, name: str) -> None:
        """Change the name."""
        self._patch(key, {"name": name})

    def delete_key(self, key: ObservedKey) -> None:
        """Delete a key, unless it is gone already."""
        try:
            self._http.write("DELETE", _path(key.id))
        except KeyNotFoundError:
            return

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def _patch(self, key: ObservedKey, change: Mapping[str, object]) -> None:
        self._http.write("PATCH", _path(key.id), _json(change))


def build(connection: Connection) -> Provider:
    """Return the adapter of one account."""
    return Acme(http_client(connection, ENTRY, envelope(success="ok", details=("error",))))


def _observed(row: Any) -> ObservedKey:
    return ObservedKey(
        id=str(row["id"]),
        name=str(row["name"]),
        spec={ENABLED: row["enabled"] is True, TOTAL_USD: money(str(row["budget_usd"]))},
        used_micro_usd=money(str(row["spent_usd"])),
        unused=row["spent_usd"] == "0",
    )


def _result(document: Any) -> Any:
    return document["result"]


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body).encode()


def _path(key_id: str) -> str:
    return f"/v1/keys/{quote(key_id, safe='')}"


ENTRY: Final = ProviderEntry(
    capabilities=CAPABILITIES, default_base_url="https://api.acme.example", build=build
)
