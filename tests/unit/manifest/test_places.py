"""Labels, URLs, paths, patterns and credential sources of the settings."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from reconciler.manifest.places import (
    Argument,
    BaseUrl,
    CredentialSource,
    EntryName,
    FilePath,
    Glob,
    Label,
    Source,
    Variable,
    origin_of,
)


def check(kind: Any, value: object) -> Any:
    """Return the canonical value."""
    return TypeAdapter(kind).validate_python(value)


def refusal(kind: Any, value: object) -> str:
    """Return the sentence that refuses a value."""
    with pytest.raises(ValidationError) as caught:
        check(kind, value)
    (error,) = caught.value.errors(include_input=False, include_url=False, include_context=False)
    return error["msg"]


@pytest.mark.parametrize(
    ("written", "kept", "origin"),
    [
        ("https://api.example", "https://api.example", "https://api.example"),
        ("https://API.example:443/", "https://api.example", "https://api.example"),
        ("https://api.example:8443/v1/", "https://api.example:8443/v1", "https://api.example:8443"),
        ("http://127.0.0.1:8720", "http://127.0.0.1:8720", "http://127.0.0.1:8720"),
        ("http://[::1]:80/x", "http://[::1]/x", "http://[::1]"),
        ("http://localhost", "http://localhost", "http://localhost"),
    ],
)
def test_urls_have_one_form(written: str, kept: str, origin: str) -> None:
    """Case, default port and a last slash mean nothing; the origin is what requests go to."""
    assert check(BaseUrl, written) == kept
    assert origin_of(kept) == origin


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pw@api.example",
        "https://api.example?x=1",
        "https://api.example#x",
        "https://api.example/../x",
        "ftp://api.example",
        "api.example",
        "https://",
        "https://a\\@b",
        "https://a b",
        "https://a:0",
        "https://a:65536",
        "https://exämple.org",
        "HTTPS://a",
        "https://a\n",
        "",
        5,
        None,
    ],
)
def test_urls_that_could_lead_elsewhere_are_refused(url: object) -> None:
    """Only what is surely scheme, host, port and path."""
    assert refusal(BaseUrl, url) == (
        "must be https://host, with a port and a path at most; no user, query or fragment"
    )


@pytest.mark.parametrize(
    "url", ["http://api.example", "http://localhost.evil", "http://127.0.0.2", "http://2130706433"]
)
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    """A token must not travel in the clear."""
    assert refusal(BaseUrl, url).startswith("must start with https://")


@pytest.mark.parametrize("host", ["a" * 64, f"{'a' * 64}.example", "a." * 127 + "example"])
def test_a_host_that_no_resolver_takes_is_found_at_load(host: str) -> None:
    """RFC 1035 allows 63 characters between two dots and 253 in all."""
    assert refusal(BaseUrl, f"https://{host}").startswith("must have a host of at most 253 characters")


@pytest.mark.parametrize(
    "value",
    ["cr_secret_value", {}, {"env": "A", "file": "b"}, {"env": "1A"}, {"env": 5}, {"value": "x"}, None],
)
def test_a_credential_itself_is_never_taken(value: object) -> None:
    """The one sentence says where to put it and does not repeat it."""
    assert refusal(CredentialSource, value) == (
        "must be {env: VARIABLE} or {file: PATH}; never write the secret itself here"
    )


def test_credentials_come_from_a_variable_or_a_file() -> None:
    """Exactly one of the two."""
    assert check(CredentialSource, {"env": "TOKEN_1"}) == Source(env="TOKEN_1")
    assert check(CredentialSource, {"file": ".token"}) == Source(file=".token")
    assert refusal(CredentialSource, {"file": "~/x"}).startswith("must be a path")


@pytest.mark.parametrize("pattern", ["keys/*.yaml", "a.yaml", "keys/**/*.yml", "**/k.yaml", ".hidden/*.yaml"])
def test_patterns_below_the_settings_are_taken(pattern: str) -> None:
    """With any number of directories."""
    assert check(Glob, pattern) == pattern


@pytest.mark.parametrize(
    "pattern", ["../x.yaml", "a/../b", "/etc/passwd", "~/x", "a//b", "./a", "keys/**", "a\\b", "", 5, "a\x00"]
)
def test_patterns_that_lead_out_are_refused(pattern: object) -> None:
    """The settings' directory is the border."""
    assert refusal(Glob, pattern).startswith("must hold patterns like keys/*.yaml")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Label, "team-a.1_x", ["", "-a", "a b", "a/b", "x" * 65, "é", 5, "a\n"]),
        (Variable, "_A1", ["1A", "A-B", "", "Ä", None]),
        (EntryName, "app/KEY.1", ["", "-a", "a b", "a/../b", "x" * 256]),
        (FilePath, "/run/x y", ["", "~/x", "a\nb", 5, " a"]),
        (Argument, " --x= y", ["", "a\nb", 5, "x" * 4097]),
    ],
)
def test_other_places_have_a_safe_alphabet(kind: Any, good: str, bad: list[object]) -> None:
    """What is fine stays as it is; the rest is refused."""
    assert check(kind, good) == good
    for value in bad:
        assert refusal(kind, value).startswith("must ")
