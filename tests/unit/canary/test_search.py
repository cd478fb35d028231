"""The search of the canary finds a secret however it is written, and takes nothing else for one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import uuid
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.canary.planted import planted
from tests.canary.search import Search

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = planted()
HEXADECIMAL = "cr_" + uuid.uuid4().hex + uuid.uuid4().hex


def _zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as archive:
        archive.writestr("report.txt", data)
    return file.getvalue()


def _base64_after(count: int) -> Callable[[bytes], bytes]:
    return lambda data: base64.b64encode(b"\n" * count + data)


ENCODERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "as it is": (bytes, "plain"),
    "upper case": (bytes.upper, "plain"),
    "lower case": (bytes.lower, "plain"),
    "reversed": (lambda data: data[::-1], "plain"),
    "base64 at 0": (_base64_after(0), "base64"),
    "base64 at 1": (_base64_after(1), "base64"),
    "base64 at 2": (_base64_after(2), "base64"),
    "base64, cut": (lambda data: base64.b64encode(data)[3:-5], "base64"),
    "base64url": (lambda data: base64.urlsafe_b64encode(b"\xff\xfe>?" + data).rstrip(b"="), "base64"),
    "base64 in lines": (lambda data: base64.encodebytes(b"x" * 40 + data), "base64"),
    "double base64": (lambda data: base64.b64encode(base64.b64encode(data)), "base64 in base64"),
    "reversed, base64": (lambda data: base64.b64encode(data[::-1]), "base64"),
    "hex": (lambda data: data.hex().encode(), "hex"),
    "hex, odd start": (lambda data: b"a" + data.hex().upper().encode(), "hex"),
    "hex of base64": (lambda data: base64.b64encode(data).hex().encode(), "base64 in hex"),
    "URL": (lambda data: b"".join(b"%%%02x" % byte for byte in data), "URL escapes"),
    "JSON": (lambda data: b"".join(b"\\u%04x" % byte for byte in data), "JSON escapes"),
    "repr of bytes": (lambda data: b"".join(b"\\x%02x" % byte for byte in data), "JSON escapes"),
    "HTML": (lambda data: b"".join(b"&#%d;" % byte for byte in data), "HTML escapes"),
    "HTML, hex": (lambda data: b"".join(b"&#x%X;" % byte for byte in data), "HTML escapes"),
    "UTF-16": (lambda data: data.decode().encode("utf-16-le"), "UTF-16"),
    "gzip": (gzip.compress, "compressed"),
    "zlib": (zlib.compress, "compressed"),
    "zlib, fastest": (lambda data: zlib.compress(data, 1), "compressed"),
    "zip": (_zipped, "compressed"),
    "zip, stored": (lambda data: _zipped(data, zipfile.ZIP_STORED), "plain"),
    "gzip in base64": (lambda data: base64.b64encode(gzip.compress(data)), "compressed in base64"),
    "base64 in gzip": (lambda data: gzip.compress(base64.b64encode(data)), "base64 in compressed"),
}


@pytest.mark.parametrize("secret", [SECRET, HEXADECIMAL], ids=["letters and digits", "hex"])
@pytest.mark.parametrize("form", ENCODERS)
def test_a_secret_is_found_in_every_encoding(form: str, secret: str) -> None:
    """The control: each encoding of the table shows the secret, and is named."""
    encode, name = ENCODERS[form]
    shown = b"before " + encode(secret.encode()) + b" after"

    assert Search([secret]).encoding(shown.decode("latin-1")) == name


@pytest.mark.parametrize("start", range(25))
def test_any_eight_characters_are_enough(start: int) -> None:
    """A part of a secret is a leak, so masking all but a few characters has to leave fewer."""
    part = SECRET.removeprefix("sk-")[start : start + 8]

    assert Search([SECRET]).encoding(f"ends with {part}.") == "plain"
    assert Search([SECRET]).encoding(f"ends with {part[1:]}.") is None


def test_a_digest_is_not_taken_for_a_piece_of_a_hexadecimal_secret() -> None:
    """Twelve characters of it are needed: eight of an alphabet of sixteen meet by chance in a long run."""
    part = HEXADECIMAL.removeprefix("cr_")[10:22]

    assert Search([HEXADECIMAL]).encoding(f"ends with {part}.") == "plain"
    assert Search([HEXADECIMAL]).encoding(f"ends with {part[4:]}.") is None


@pytest.mark.parametrize(
    "harmless",
    [
        "",
        "sk-",
        json.dumps({"digest": hashlib.sha256(b"plan").hexdigest(), "id": str(uuid.UUID(int=7))}),
        "the token of the account; run again with another one",
        "\x1f\x8b\x08 is no gzip, PK\x03\x04 no zip, and x\x9c no zlib",
        "\U0001f511 %zz \\u00 &#; \\x",
    ],
)
def test_what_is_no_secret_passes(harmless: str) -> None:
    """Prefixes that all keys share, digests, prose and broken encodings are not leaks."""
    assert Search([SECRET, HEXADECIMAL]).encoding(harmless) is None


@pytest.mark.parametrize(
    "value",
    ["", "x", "abc12", "two words that are long enough", json.dumps({"value": SECRET}), "x" * 10],
    ids=["empty", "one", "short", "prose", "a body with a secret in it", "not random"],
)
def test_what_nobody_could_tell_from_prose_is_not_looked_for(value: str) -> None:
    """What tests call a secret for want of a better one would be found everywhere."""
    assert not Search([value])


def test_a_literal_without_a_random_part_is_found_as_a_whole() -> None:
    """Its words are said elsewhere, all of it is not."""
    search = Search(["rsk_sandbox_one_00000000000000000001"])

    assert search.encoding("token rsk_sandbox_one_00000000000000000001") == "plain"
    assert search.encoding("cnNrX3NhbmRib3hfb25lXzAwMDAwMDAwMDAwMDAwMDAwMDAx") == "base64"
    assert search.encoding("the sandbox's account one") is None


def test_the_lines_of_a_private_key_are_secret() -> None:
    """The header and the footer are not."""
    lines = [base64.b64encode(uuid.uuid4().bytes * 3).decode() for _ in range(3)]
    pem = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])

    assert Search([pem]).encoding(f"cannot be read: {lines[1]}") == "plain"
    assert Search([pem]).encoding("it does not begin with -----BEGIN PRIVATE KEY-----") is None
