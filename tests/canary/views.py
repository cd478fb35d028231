"""Every way to read a text in which a secret may be written: decoded, unescaped, inflated, and again."""

from __future__ import annotations

import base64
import html
import re
import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PLAIN: Final = "plain"

_DEPTH: Final = 3
_INFLATED_BYTES: Final = 8 * 1024 * 1024
# Eight bytes make eleven characters of base64 without padding.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{11,}")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{16,}")
_ESCAPED: Final = re.compile(r"\\(?:u00|x)([0-9A-Fa-f]{2})")
# The first bytes of gzip, of a zip's member, and of zlib at any level.
_COMPRESSED: Final = re.compile("\x1f\x8b\x08|PK\x03\x04|\x78[\x01\x5e\x9c\xda]")


def views(text: str) -> Iterator[tuple[str, str]]:
    """Yield a text as it is and in every form that it can be decoded to, with the names of the encodings.

    Args:
        text: what was shown; bytes are given as Latin-1.
    """
    waiting: list[tuple[tuple[str, ...], str]] = [((), text)]
    seen = {text, ""}
    for names, view in waiting:
        yield " in ".join(names) or PLAIN, view
        if len(names) == _DEPTH:
            continue
        for name, decode in _DECODERS.items():
            decoded = decode(view)
            if decoded not in seen:
                seen.add(decoded)
                waiting.append(((name, *names), decoded))


def _from_base64(text: str) -> str:
    # Words and paths are of one case, and eleven characters of base64 hardly ever are.
    runs = {run for run in _BASE64.findall(text) if not (run.islower() or run.isupper())}
    return _joined(decoded for run in runs for decoded in _at_each_offset(run.translate(_URL_SAFE)))


def _at_each_offset(run: str) -> Iterator[bytes]:
    for offset in range(4):
        part = run[offset:]
        # A last single character holds no whole byte.
        part = part[:-1] if len(part) % 4 == 1 else part
        yield base64.b64decode(part + "=" * (-len(part) % 4))


def _from_hex(text: str) -> str:
    runs = {run[offset:] for run in _HEX.findall(text) for offset in range(2)}
    return _joined(bytes.fromhex(run[: len(run) // 2 * 2]) for run in runs)


def _from_url(text: str) -> str:
    return unquote_to_bytes(text).decode("latin-1") if "%" in text else ""


def _from_escapes(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "\\" in text else ""


def _from_html(text: str) -> str:
    return html.unescape(text) if "&#" in text else ""


def _from_utf16(text: str) -> str:
    return text.replace("\0", "")


def _inflated(text: str) -> str:
    starts = [found.start() for found in _COMPRESSED.finditer(text)]
    if not starts:
        return ""
    data = text.encode("latin-1", "replace")
    return _joined(_inflate(data, start) for start in starts)


def _inflate(data: bytes, start: int) -> bytes:
    # -15 is a stream without a header, and 47 lets zlib tell gzip's header from its own.
    window, begin = (-15, _content_of_member(data, start)) if data[start] == ord("P") else (47, start)
    try:
        return zlib.decompressobj(window).decompress(data[begin:], _INFLATED_BYTES)
    except zlib.error:
        return b""


def _content_of_member(data: bytes, start: int) -> int:
    name, extra = data[start + 26 : start + 28], data[start + 28 : start + 30]
    return start + 30 + int.from_bytes(name, "little") + int.from_bytes(extra, "little")


def _joined(parts: Iterable[bytes]) -> str:
    return b"\n".join(parts).decode("latin-1")


_DECODERS: Final = {
    "base64": _from_base64,
    "hex": _from_hex,
    "URL escapes": _from_url,
    "JSON escapes": _from_escapes,
    "HTML escapes": _from_html,
    "UTF-16": _from_utf16,
    "compressed": _inflated,
}
