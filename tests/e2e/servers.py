"""The simulated servers that the same declarations are applied to, and what each needs in the settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.providers.registry import PROVIDERS
from tests.e2e.command import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import Capabilities

DECLARED: Mapping[str, Mapping[str, Any]] = {
    "client-a": {"limits": {"total_usd": 100}},
    "client-b": {"limits": {"total_usd": 20}, "expires": "2030-01-01T00:00:00Z"},
    "client-c": {
        "limits": {"total_usd": "unlimited"},
        "models": ["claude-sonnet", "gpt-4o"],
        "allow_ips": ["10.0.0.0/8", "192.0.2.1"],
    },
    "client-d": {"limits": {"total_usd": 5}, "enabled": False},
}
"""The four keys; a server that lacks a field gets them without it."""

_MOST_USD = 1000
"""What stands for `unlimited` where a server has to have a cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One simulated server and how an account of it is declared.

    Attributes:
        name: of the sandbox's server; its routes are below `/NAME` but for the partner API.
        title: for people.
        provider: the word in the settings.
        account: the sandbox's label of the account.
        options: of the account.
    """

    name: str
    title: str
    provider: str
    account: str
    options: Mapping[str, Any]

    @property
    def path(self) -> str:
        """What its base URL has after the sandbox's address."""
        return "" if self.name == self.provider == "qcode-partner" else f"/{self.name}"

    @property
    def capabilities(self) -> Capabilities:
        """What the account can do, as its options say."""
        entry = PROVIDERS[self.provider]
        return entry.capabilities if not self.options else entry.capabilities_with(self.options)

    @property
    def checks_keys(self) -> bool:
        """Whether its keys may ask about themselves."""
        return PROVIDERS[self.provider].key_check is not None

    def settings(self, base_url: str, **more: Any) -> str:
        """Return a settings file; JSON is YAML.

        Args:
            base_url: of the sandbox.
            more: of the account, or `safety` of the whole file.
        """
        safety = more.pop("safety", None)
        account = {
            "provider": self.provider,
            "base_url": f"{base_url}{self.path}",
            "token": {"env": TOKEN_VARIABLE},
            **({"options": dict(self.options)} if self.options else {}),
            **more,
        }
        document: dict[str, Any] = {
            "version": 1,
            "keys": ["keys/*.yaml"],
            "accounts": {"reseller": account},
            "sinks": {"local": {"type": "dotenv", "path": ".secrets/keys.env"}},
        }
        return json.dumps(document | ({} if safety is None else {"safety": safety}))

    def keys(self, declared: Mapping[str, Mapping[str, Any]] = DECLARED, **defaults: Any) -> str:
        """Return a key file with those fields of the declarations that the server has."""
        head = {"account": "reseller", "deliver": {"sink": "local"}, **defaults}
        lines = [f"  {name}: {json.dumps(self._deliverable(fields))}\n" for name, fields in declared.items()]
        return f"version: 1\ndefaults: {json.dumps(head)}\nkeys:\n{''.join(lines)}"

    def _deliverable(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        can = self.capabilities
        specific = {"models", "allow_ips", "expires", "group"} - can.updatable
        found = {name: value for name, value in fields.items() if name not in specific}
        if "limits" in found and "limits.total_usd" not in can.clearable:
            found["limits"] = {
                name: _MOST_USD if value == "unlimited" else value for name, value in found["limits"].items()
            }
        return found


_UNIT = {"quota_per_unit": 500_000}
SERVERS = (
    Server(
        name="new-api",
        title="New API 0.12",
        provider="new-api",
        account="new_api",
        options={"user_id": 101, **_UNIT},
    ),
    Server(
        name="new-api-rc",
        title="New API 1.0 rc",
        provider="new-api",
        account="new_api_rc",
        options={"user_id": 111, **_UNIT},
    ),
    Server(
        name="new-api-old",
        title="New API 0.9",
        provider="new-api",
        account="new_api_old",
        options={"user_id": 121, **_UNIT},
    ),
    Server(name="hitopen", title="HitOpen", provider="hitopen", account="hitopen", options=_UNIT),
    Server(name="cometapi", title="CometAPI", provider="cometapi", account="cometapi", options=_UNIT),
    Server(name="one-api", title="one-api", provider="one-api", account="one_api", options=_UNIT),
    Server(name="qcode-partner", title="QCode partner", provider="qcode-partner", account="one", options={}),
)
