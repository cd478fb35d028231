"""A typed client of the operator's control routes, for tests and demonstrations."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from reconciler.sandbox.keys import KeyRow
from reconciler.sandbox.request_log import LoggedRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

QCODE = "qcode-partner"
TIMEOUT_SECONDS = 60.0


class OperatorError(Exception):
    """Raised when the sandbox refuses an operator call; the text is the sandbox's own."""


class OperatorClient:
    """Calls of `/_sandbox/`, one method each; see `reconciler.sandbox.operator`.

    Args:
        base_url: the address of a running sandbox.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._address = urlsplit(base_url).netloc

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Make one control call and return its JSON.

        Raises:
            OperatorError: the sandbox answered with an error.
        """
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/_sandbox/{path}", sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            message = f"{method} {path}: {answer.status} {data.decode('utf-8', 'replace')}"
            raise OperatorError(message)
        return json.loads(data)

    def state(self) -> dict[str, Any]:
        """Return everything at a glance."""
        return dict(self.call("GET", "state"))

    def keys(self, account: str | None = None, *, deleted: bool = False) -> list[KeyRow]:
        """Return the keys of one account, or of all; hidden rows on demand."""
        query = f"?account={quote(account or '')}&deleted={'1' if deleted else ''}"
        return [KeyRow(**row) for row in self.call("GET", f"keys{query}")]

    def key(self, key_id: str) -> KeyRow:
        """Return one key.

        Raises:
            KeyError: there is none of that id.
        """
        return {row.id: row for row in self.keys()}[key_id]

    def create_key(self, account: str, **fields: object) -> dict[str, str]:
        """Make a key as the panel would; returns id, name and api_key."""
        return dict(self.call("POST", "keys", {"account": account, **fields})[0])

    def create_keys(self, keys: Iterable[Mapping[str, object]]) -> list[dict[str, str]]:
        """Make many keys in one go."""
        return list(self.call("POST", "keys", {"keys": [dict(key) for key in keys]}))

    def change_key(self, key_id: str, **fields: object) -> KeyRow:
        """Change a key as the panel would."""
        return KeyRow(**self.call("PATCH", f"keys/{key_id}", fields))

    def delete_key(self, key_id: str) -> None:
        """Remove a key as the panel would."""
        self.call("DELETE", f"keys/{key_id}")

    def spend(
        self, key_id: str, usd: float = 0.0, *, units: int | None = None, at: float | None = None
    ) -> KeyRow:
        """Make a call with a key that costs upstream USD, or quota units.

        Raises:
            OperatorError: the vendor would not serve the key.
        """
        body = {"usd": usd, "units": units, "at": at}
        return KeyRow(**self.call("POST", f"keys/{key_id}/spend", body))

    def use(self, key_id: str) -> str:
        """Make a call with a key that costs nothing; returns why the vendor refuses it, or an empty text."""
        return str(self.call("POST", f"keys/{key_id}/use")["reason"])

    def accounts(self) -> list[dict[str, Any]]:
        """Return every account, tokens included."""
        return list(self.call("GET", "accounts"))

    def change_account(self, label: str, **fields: object) -> None:
        """Change region, tier, currency, status, funded, rate, role or user_group."""
        self.call("PATCH", f"accounts/{label}", fields)

    def suspend(self, label: str) -> None:
        """Make the vendor answer 403 to an account."""
        self.call("POST", f"accounts/{label}/suspend")

    def unsuspend(self, label: str) -> None:
        """Serve an account again."""
        self.call("POST", f"accounts/{label}/unsuspend")

    def reset_token(self, label: str, token: str | None = None) -> str:
        """Replace an account's token and return the new one."""
        return str(self.call("POST", f"accounts/{label}/reset-token", {"token": token})["token"])

    def switches(self, vendor: str = QCODE) -> dict[str, Any]:
        """Return the value of every switch."""
        return {info["name"]: info["value"] for info in self.call("GET", "switches")[vendor]}

    def set_switches(self, vendor: str = QCODE, **values: object) -> None:
        """Change some switches."""
        self.call("PUT", f"switches/{vendor}", values)

    def reset_switches(self, vendor: str = QCODE) -> None:
        """Go back to the default switches."""
        self.call("DELETE", f"switches/{vendor}")

    def limits(self, vendor: str = QCODE) -> dict[str, dict[str, Any]]:
        """Return the request budgets."""
        return dict(self.call("GET", "limits")[vendor])

    def set_limit(
        self, name: str, requests: int | None, seconds: int | None = None, *, vendor: str = QCODE
    ) -> None:
        """Change one budget; `requests=None` switches it off."""
        budget = {"requests": requests} | ({} if seconds is None else {"seconds": seconds})
        self.call("PUT", f"limits/{vendor}", {name: budget})

    def no_limits(self, vendor: str = QCODE) -> None:
        """Switch every budget off."""
        self.call("PUT", f"limits/{vendor}", {name: {"requests": None} for name in self.limits(vendor)})

    def add_fault(self, action: str, **fields: object) -> int:
        """Add a fault and return its number."""
        return int(self.call("POST", "faults", {"action": action, **fields})["number"])

    def faults(self) -> list[dict[str, Any]]:
        """Return every fault with how often it matched and fired."""
        return list(self.call("GET", "faults"))

    def clear_faults(self) -> None:
        """Remove every fault."""
        self.call("DELETE", "faults")

    def holds(self, wait_seconds: float = 0.0) -> list[dict[str, Any]]:
        """Return the paused requests, waiting so many seconds for one to come."""
        return list(self.call("GET", f"holds?wait={wait_seconds}"))

    def release(self, number: int | None = None) -> int:
        """Let one paused request go, or all; returns how many went."""
        return int(self.call("POST", "holds/release", {"number": number})["released"])

    def now(self) -> float:
        """Return the sandbox time, in epoch seconds."""
        return float(self.call("GET", "clock")["now"])

    def set_clock(self, now: float | None = None, *, frozen: bool | None = None) -> None:
        """Set the time (epoch seconds), and freeze it or let it run."""
        self.call("PUT", "clock", {"now": now, "frozen": frozen})

    def advance(self, seconds: float) -> None:
        """Move time."""
        self.call("POST", "clock/advance", {"seconds": seconds})

    def requests(self) -> list[LoggedRequest]:
        """Return the request log."""
        return [LoggedRequest(**logged) for logged in self.call("GET", "requests")]

    def clear_requests(self) -> None:
        """Empty the request log."""
        self.call("DELETE", "requests")

    def secrets(self) -> list[str]:
        """Return every secret ever minted, to search outputs for."""
        return [str(minted["secret"]) for minted in self.call("GET", "secrets")]

    def reset(self) -> None:
        """Go back to the first start."""
        self.call("POST", "reset")
