"""Where requests may go: https anywhere, http only to this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from reconciler.errors import UsageError

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
# Labels as RFC 1035, section 2.3.4, allows them, or an IPv6 address.
_HOST: Final = re.compile(
    r"(?!-)(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*(?<!-)\Z|(?=[^:]*:)[0-9a-f:.]{2,45}\Z"
)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*\Z")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUrl:
    """A checked base URL.

    Attributes:
        origin: scheme, host and port; the port is left out where it is the scheme's own.
        prefix: what comes before every path, without a slash at its end.
    """

    origin: str
    prefix: str

    @property
    def secure(self) -> bool:
        """Whether connections are made with TLS."""
        return self.origin.startswith("https:")

    def __str__(self) -> str:
        return f"{self.origin}{self.prefix}"


def parse_base_url(text: str, *, called: str = "base_url") -> BaseUrl:
    """Return the parts of a base URL.

    Args:
        text: of the URL.
        called: what the error names it.

    Raises:
        UsageError: when it is not https, or http to a literal loopback host, or has a user, a query or
            a fragment; the text itself is not repeated, since it may hold a password.
    """
    found = _parsed(text)
    if found is None:
        message = (
            f"{called} must be https://host[:port][/path] without user, query or fragment "
            "(http only for 127.0.0.1, ::1 and localhost); correct it in the settings"
        )
        raise UsageError(message)
    return found


def _parsed(text: str) -> BaseUrl | None:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if text != text.strip() or not text.isascii() or parts.username is not None or parts.password is not None:
        return None
    prefix = parts.path.rstrip("/")
    allowed = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not allowed or not _HOST.match(host) or not _is_plain(prefix) or "?" in text or "#" in text:
        return None
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return BaseUrl(origin=f"{parts.scheme}://{shown}{suffix}", prefix=prefix)


def _is_plain(path: str) -> bool:
    return bool(_PATH.match(path)) and not {".", ".."} & set(path.split("/"))
