"""Where requests may go."""

from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.transport.address import parse_base_url


@pytest.mark.parametrize(
    ("text", "origin", "prefix"),
    [
        ("https://api.r.qcode.cc", "https://api.r.qcode.cc", ""),
        ("https://API.example.com:443/", "https://api.example.com", ""),
        ("https://example.com:8443/gateway/v2/", "https://example.com:8443", "/gateway/v2"),
        ("http://127.0.0.1:8720", "http://127.0.0.1:8720", ""),
        ("http://[::1]:8720", "http://[::1]:8720", ""),
        ("http://localhost:80", "http://localhost", ""),
        (f"https://{'a' * 63}.example", f"https://{'a' * 63}.example", ""),
        ("https://my_store.example", "https://my_store.example", ""),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", ""),
    ],
)
def test_https_anywhere_and_http_to_this_machine(text: str, origin: str, prefix: str) -> None:
    """Good addresses are brought into one form."""
    base = parse_base_url(text)
    assert (base.origin, base.prefix, str(base)) == (origin, prefix, origin + prefix)
    assert base.secure == origin.startswith("https")


@pytest.mark.parametrize(
    "text",
    [
        "http://api.r.qcode.cc",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.2:80",
        "http://0.0.0.0",
        "http://2130706433",
        "http://[::ffff:127.0.0.1]",
        "https://user@example.com",
        "https://user:canary@example.com",
        "https://example.com@evil.example",
        "http://127.0.0.1@evil.example",
        "https://example.com/?q=1",
        "https://example.com/#x",
        "https://example.com/a/../b",
        "https://example.com/%2e%2e",
        "https://example.com\\@evil.example",
        "https://b\u00fccher.example",
        "https://exa mple.com",
        " https://example.com",
        "https://example.com\n",
        "https://example.com:99999",
        "https://example.com:port",
        "https://[::1",
        "https://",
        "https://-a.example",
        "https://a..b",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 127}example",
        "https://exam%20ple.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "example.com",
        "",
    ],
)
def test_everything_else_is_refused_without_being_repeated(text: str) -> None:
    """An address that could send the token in clear or elsewhere is an error that does not quote it."""
    with pytest.raises(UsageError, match="base_url must be https://") as caught:
        parse_base_url(text)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_the_error_names_what_it_is_about() -> None:
    """A user finds the option to correct."""
    with pytest.raises(UsageError, match=r"^the address of the store must be https://host"):
        parse_base_url("http://store.example", called="the address of the store")
