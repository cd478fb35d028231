"""The settings of an account that only the New API family has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Never

from reconciler.errors import UsageError
from reconciler.providers._newapi_dialects import AUTO, BEARER, DIALECTS, NEW_API, RAW, capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import Capabilities
    from reconciler.providers._newapi_dialects import NewApiDialect

_SCHEMES: Final[Mapping[str, str | None]] = {"raw": RAW, "bearer": BEARER}
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}\Z")
_HEADER_TEXT: Final = re.compile(r"[ -~]{1,500}\Z")
# What the client itself decides on; one of these from the settings could send the token in the clear.
_TAKEN: Final = re.compile(
    r"(authorization|proxy-.*|host|connection|content-.*|transfer-encoding|accept.*|cookie)\Z", re.IGNORECASE
)
_MOST_HEADERS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiOptions:
    """What an account's settings say beside address and token.

    Attributes:
        dialect: the server's; with `sniffs`, only what to begin with.
        sniffs: the form of the list and the names of the fields are taken from what the server shows.
        auth_scheme: what stands before the access token.
        tries_schemes: a refused read is tried once with the other scheme.
        user_id: whose keys are the account's; None where the settings do not say.
        quota_per_unit: quota units of one USD; None where the settings do not say.
        headers: what every request carries besides.
        written: the name of the dialect, which is not its provider's where the settings name another.
    """

    dialect: NewApiDialect
    sniffs: bool = False
    auth_scheme: str | None = RAW
    tries_schemes: bool = False
    user_id: int | None = None
    quota_per_unit: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    written: str = NEW_API.name

    @property
    def capabilities(self) -> Capabilities:
        """What the account's server can do, as far as the settings tell."""
        return capabilities(self.dialect, self.quota_per_unit)


def options_of(provider: NewApiDialect, options: Mapping[str, object]) -> NewApiOptions:
    """Return the options of an account.

    Args:
        provider: the dialect that the account's `provider` names.
        options: of the account, as written.

    Raises:
        UsageError: when one is unknown or has a wrong value.
    """
    unknown = sorted(set(options) - OPTIONS.keys())
    if unknown:
        _refuse(
            f"`{unknown[0]}` is no setting of a {provider.name} account",
            f"remove it; there are {_listed(OPTIONS)}",
        )
    dialect, sniffs = _dialect(provider, options)
    scheme = _choice("auth_scheme", options, (AUTO, *_SCHEMES))
    user_id = _number("user_id", options)
    headers = _headers(options.get("extra_headers", {}))
    if user_id is not None and dialect.user_header is not None:
        headers = {dialect.user_header: str(user_id), **headers}
    return NewApiOptions(
        dialect=dialect,
        sniffs=sniffs,
        auth_scheme=dialect.auth_scheme if scheme in {None, AUTO} else _SCHEMES[str(scheme)],
        tries_schemes=scheme == AUTO,
        user_id=user_id,
        quota_per_unit=_number("quota_per_unit", options),
        headers=headers,
        written=str(options.get("dialect", provider.name)),
    )


def _dialect(provider: NewApiDialect, options: Mapping[str, object]) -> tuple[NewApiDialect, bool]:
    name = _choice("dialect", options, (AUTO, *DIALECTS))
    if name == AUTO or (name is None and provider is NEW_API):
        return provider, True
    # What only the provider has keeps the provider's name, whichever server stands behind it.
    return (provider if name is None else replace(DIALECTS[name], name=provider.name)), False


def _choice(name: str, options: Mapping[str, object], words: tuple[str, ...]) -> str | None:
    value = options.get(name)
    if value is not None and (not isinstance(value, str) or value not in words):
        _refuse(f"`{name}` is none of the words that it may be", f"use one of {_listed(words)}")
    return value


def _number(name: str, options: Mapping[str, object]) -> int | None:
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MOST:
        _refuse(f"`{name}` is no whole number above zero", "write the one that the provider's panel shows")
    return value


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > _MOST_HEADERS:
        _refuse(
            f"`extra_headers` is not a mapping of up to {_MOST_HEADERS} headers", "write `Name: text` pairs"
        )
    found: dict[str, str] = {}
    for name, text in value.items():
        if not isinstance(name, str) or not _HEADER.match(name) or _TAKEN.match(name):
            _refuse("`extra_headers` names a header that cannot be set", "remove it")
        if not isinstance(text, str) or not _HEADER_TEXT.match(text):
            _refuse(f"the header {name} in `extra_headers` is not printable ASCII text", "correct it")
        # Title case, so that one that the client sends as well is replaced and not doubled.
        found[name.title()] = text
    return found


def _listed(words: Mapping[str, str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _refuse(what: str, remedy: str) -> Never:
    message = f"{what}; {remedy}"
    raise UsageError(message)


OPTIONS: Final[Mapping[str, str]] = {
    "user_id": "The user's number in the provider's panel; many servers ask for it.",
    "dialect": "The server's form of the API, or `auto` to take it from what the server shows.",
    "auth_scheme": "The token alone (`raw`) or after `Bearer` (`bearer`); `auto` tries both, on reads.",
    "quota_per_unit": "Quota units of one USD where the server does not tell; refused where they differ.",
    "extra_headers": "Further request headers, for servers that ask for their own.",
}
"""Every option with what it is for, in the order of importance."""

_MOST: Final = 2**53
