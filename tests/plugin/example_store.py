"""An example of a sink in a package of its own: a key vault with the REST interface of Azure Key Vault.

It is complete for secrets that are delivered with a ready bearer token; signing in is left to the reader.
The interface is https://learn.microsoft.com/rest/api/keyvault/secrets. Nothing here ran against Azure.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
from pydantic import BaseModel, ConfigDict

from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.manifest.places import BaseUrl, CredentialSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.ports.sink import Entry

_API: Final = {"api-version": "7.4"}
_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
_LONGEST_TAG: Final = 256
_MOST_PAGES: Final = 1000
_TIMEOUT_SECONDS: Final = 20
_REFUSED: Final = frozenset({401, 403})
_MARK: Final = "reconciler-"
_TEXTS: Final = ("origin", "address", "remote_id")


class Options(BaseModel):
    """What users write under `options`; a credential arrives in `build` as a `Secret`."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    vault_url: BaseUrl
    token: CredentialSource


def build(options: Mapping[str, object]) -> VaultSink:
    """Return the sink; nothing is sent yet."""
    token = options["token"]
    if not isinstance(token, Secret):
        msg = "the token was not read; this is a mistake in the program, report it"
        raise SinkError(msg)
    return VaultSink(str(options["vault_url"]), token)


class VaultSink:
    """A vault in which value and receipt are one write: every version carries its own tags.

    Args:
        url: of the vault.
        token: of a principal that may list, get and set secrets.
    """

    def __init__(self, url: str, token: Secret) -> None:
        self._token = token
        self._url = url
        # Neither redirects nor proxies from the environment: the token goes to this vault and nowhere else.
        self._client = httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False, follow_redirects=False)

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts from the tags of one listing."""
        tags = self._tags() if names else {}
        found = {name: _receipt(tags[name]) for name in names if name in tags}
        return {name: receipt for name, receipt in found.items() if receipt}

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse bad names and entries of others; the vault has no way to ask whether a write would pass."""
        tags = self._tags()
        problems = [problem for entry in entries if (problem := self._problem(entry, tags))]
        if problems:
            raise SinkRefusedError("\n".join(problems))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Set a new version with its tags, unless that is the one that is there."""
        tags = self._tags()
        problem = self._problem(entry, tags)
        if problem:
            raise SinkRefusedError(problem)
        entry.refuse_overtaken(_receipt(tags.get(entry.name, {})))
        wanted = _written(receipt, secret)
        too_long = [name for name, text in wanted.items() if len(text) > _LONGEST_TAG]
        if too_long:
            msg = f"entry {entry.name}: {too_long[0]} does not fit into a tag; shorten the key's name"
            raise SinkError(msg)
        if tags.get(entry.name) != wanted:
            body = Secret(json.dumps({"value": secret.reveal(), "tags": wanted}))
            self._send("PUT", f"/secrets/{entry.name}", body=body)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Read the current version again and compare value and tags."""
        try:
            holds = self._holds(entry.name, secret, _written(receipt, secret))
        except (SinkError, CredentialsError) as error:
            raise SinkUnverifiedError(str(error)) from None
        if not holds:
            msg = f"entry {entry.name} is not what was delivered; run again"
            raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _holds(self, name: str, secret: Secret, tags: Mapping[str, str]) -> bool:
        """Tell whether the current version is this one; its value is in no frame that an error could show."""
        held = self._send("GET", f"/secrets/{name}")
        return held.get("tags") == tags and (
            Secret(str(held.get("value"))).fingerprint() == secret.fingerprint()
        )

    def _tags(self) -> dict[str, dict[str, str]]:
        """Return the tags of every secret's current version, by name."""
        return {
            str(item["id"]).rpartition("/")[2]: dict(item.get("tags") or {})
            for page in self._pages("/secrets")
            for item in page
        }

    def _problem(self, entry: Entry, tags: Mapping[str, Mapping[str, str]]) -> str | None:
        """Return why an entry must not be written, or None when it may be."""
        if not _NAME.fullmatch(entry.name):
            return f"entry {entry.name}: the vault takes letters, digits and `-`; give it another `name`"
        if entry.name not in tags or entry.takeover:
            return None
        owner = _receipt(tags[entry.name]) or self._last_owner(entry.name)
        if owner is None:
            whose = "a value that this tool did not write"
        elif (owner.address, owner.origin) == (entry.address, entry.origin):
            return None
        elif (owner.origin, owner.remote_id) in entry.rows:
            return None  # the key has had another name since
        else:
            whose = f"the secret of {owner.address} at {owner.origin}"
        return (
            f"entry {entry.name}: it holds {whose}; "
            "choose another name, or declare `takeover: true` to overwrite it"
        )

    def _last_owner(self, name: str) -> Receipt | None:
        """Return the newest receipt among the versions: an edit by hand does not make an entry foreign."""
        versions = [item for page in self._pages(f"/secrets/{name}/versions") for item in page]
        versions.sort(key=lambda item: int(item["attributes"]["created"]), reverse=True)
        receipts = [_receipt(item.get("tags") or {}) for item in versions]
        return next((receipt for receipt in receipts if receipt), None)

    def _pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        query: Mapping[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = self._send("GET", path, query=query)
            yield list(page.get("value") or [])
            following = httpx.URL(str(page.get("nextLink") or ""))
            # Only its query is used: a link must not lead the token to another host.
            query = dict(following.params)
            if not query:
                return
        msg = "the vault does not stop listing; check its address"
        raise SinkError(msg)

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Secret | None = None
    ) -> dict[str, Any]:
        """Send one request, once; errors name method, path and status, and nothing of the bodies."""
        failed = SinkUnverifiedError if method == "PUT" else SinkError
        try:
            answer = self._client.request(
                method,
                f"{self._url}{path}",
                params={**_API, **(query or {})},
                content=body.reveal() if body else None,
                headers={
                    "Authorization": f"Bearer {self._token.reveal()}",
                    "Content-Type": "application/json",
                },
            )
        except httpx.ConnectError:
            failed, status = SinkError, "no connection"
        except httpx.HTTPError:
            status = "no answer"
        else:
            if answer.status_code in _REFUSED:
                msg = (
                    f"{method} {path}: {answer.status_code}; renew the token, and grant it list, get and set"
                )
                raise CredentialsError(msg)
            with suppress(ValueError):
                if answer.is_success and isinstance(document := answer.json(), dict):
                    return document
            status = str(answer.status_code)
            failed = failed if answer.is_success or answer.is_server_error else SinkError
        msg = f"{method} {path}: {status}; repair the vault and run again"
        raise failed(msg) from None


def _written(receipt: Receipt, secret: Secret) -> dict[str, str]:
    """Return the tags of a version."""
    texts = {name: str(getattr(receipt, name)) for name in _TEXTS}
    texts |= {"generation": str(receipt.generation), "attempt": str(receipt.attempt)}
    texts |= {"delivered_at": receipt.delivered_at.isoformat(), "fingerprint": secret.fingerprint()}
    return {f"{_MARK}{name}": text for name, text in texts.items()}


def _receipt(tags: Mapping[str, str]) -> Receipt | None:
    """Return the receipt in the tags of a version, or None when they are not ours."""
    try:
        texts = {name: tags[f"{_MARK}{name}"] for name in _TEXTS}
        return Receipt(
            **texts,
            generation=int(tags[f"{_MARK}generation"]),
            attempt=int(tags[f"{_MARK}attempt"]),
            delivered_at=datetime.fromisoformat(tags[f"{_MARK}delivered_at"]).astimezone(UTC),
        )
    except (KeyError, ValueError):
        return None
