"""Changes of inputs: bytes, lines, words of the grammar, numbers, times, nodes of JSON documents."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tests.fuzz.target import Target

    Change = Callable[[bytes, Random], bytes]

MOST_BYTES: Final = 64 * 1024
_MOST_CHANGES: Final = 4
_NUMBER: Final = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_-]*")
_TIME: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[^\"',}\n]{0,22}")
_JSON_START: Final = re.compile(rb"[{\[]")
NUMBERS: Final = (
    *(
        b"0",
        b"-0",
        b"-1",
        b"1",
        b"00",
        b"0x1F",
        b"0o17",
        b"1e3",
        b"1E400",
        b"-1e-400",
        b"0e999999999",
        b"1.5",
    ),
    *(b"0.1234567", b"9007199254740992", b"9007199254740993", b"-9007199254740992", b"18446744073709551616"),
    *(b"1e99999999999999999999", b"1e-99999999999999999999", b".inf", b".nan", b"NaN", b"Infinity", b"1_000"),
    *(b"253402300799", b"253402300800", b"-62135596801", b"99999999999999", b"9" * 400, b"9" * 5000),
)
TIMES: Final = (
    *(b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59", b"2026-02-30T00:00:00Z", b"2026-06-30"),
    *(b"2026-06-30T23:59:60Z", b"2026-W01-1", b"20260101T000000Z", b"2026-01-01T00:00:00.123456789+00:00"),
    *(b"2026-01-01T24:00:00Z", b"0000-00-00T00:00:00Z", b"2026-01-01T00:00:00+00:00:01", b"1970-01-01"),
)
TEXTS: Final = (
    *(b"", b" ", b"\x00", b"\t", b"\r", b"\r\n", b"\x1b[31m", b"\x7f", b"\xc2\x85", b"\xff", b"\xed\xa0\x80"),
    *("\u202e".encode(), "\u2028".encode(), "\ufeff".encode(), "e\u0301".encode(), "\U000e0041".encode()),
    *("İ".encode(), "ß".encode(), "٣".encode(), "\U0001f600".encode(), rb"\ud800", rb"\u0000", b"\\"),
    *(b"::error::", b"##[", b"@all", b"#1", b"<img src=x>", b"![a](//b)", b"```", b"|", b"$(id)", b"%0A"),
)
NODES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2, 1.5, 2**53, 2**53 + 1, -(2**53), 2**64, 10**20, [], {}, "", " ", "0"),
    *("1", "-1", "true", "null", "a", "~", "/", "a/b~1", "..", "\u202e", "\x00", "\x1b[2J", "x" * 300),
    *([None], [[]], [{}], {"a": None}, {"id": 1}, ["a", "a"], "9999-12-31T23:59:59-23:59", "unlimited"),
    *("0001-01-01T00:00:00+23:59", "\ud800", "never", "2026-01-01", 253402300800, -62135596801, "٣", "1e400"),
)


def mutated(target: Target, data: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """Return an input with one to four changes.

    Args:
        target: whose words are used.
        data: what to change.
        others: further inputs, to take parts from.
        rng: decides.
    """
    changes: tuple[Change, ...] = (*_CHANGES, _worded(target.words), _spliced(others), *_SHAPED)
    for _ in range(rng.randrange(_MOST_CHANGES) + 1):
        data = _in_part(target.cut, rng.choice(changes))(data, rng)[:MOST_BYTES]
    return data


def _in_part(cut: bytes, change: Change) -> Change:
    """Return a change of one of several documents in an input, and now and then of which there are."""

    def changed(data: bytes, rng: Random) -> bytes:
        parts = data.split(cut) if cut else [data]
        at = rng.randrange(len(parts))
        if cut and rng.randrange(8) == 0:
            parts[at:at] = [parts[rng.randrange(len(parts))]]
        elif cut and len(parts) > 1 and rng.randrange(8) == 0:
            del parts[at]
        else:
            parts[at] = change(parts[at], rng)
        return cut.join(parts)

    return changed


def _span(data: bytes, rng: Random, most: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randrange(most) + 1)


def _put(data: bytes, start: int, end: int, new: bytes) -> bytes:
    return data[:start] + new + data[end:]


def _flipped(data: bytes, rng: Random) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return _put(data, at, at + 1, bytes([data[at] ^ 1 << rng.randrange(8)]))


def _any_byte(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return _put(data, at, at + rng.randrange(2), bytes([rng.randrange(256)]))


def _cut_out(data: bytes, rng: Random) -> bytes:
    return _put(data, *_span(data, rng), b"")


def _cut_off(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeated(data: bytes, rng: Random) -> bytes:
    start, end = _span(data, rng, 24)
    return _put(data, start, start, data[start:end] * rng.choice((1, 1, 2, 8, 40, 1000)))


def _moved(data: bytes, rng: Random) -> bytes:
    start, end = _span(data, rng)
    at = rng.randrange(len(data) + 1)
    return _put(data, at, at, data[start:end])


def _texted(data: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return _put(data, start, start + rng.choice((0, 0, 1)), rng.choice(TEXTS))


def _one_of(pattern: re.Pattern[bytes], news: Sequence[bytes]) -> Change:
    def changed(data: bytes, rng: Random) -> bytes:
        found = list(pattern.finditer(data))
        if not found:
            return data
        match = rng.choice(found)
        return _put(data, *match.span(), rng.choice(news))

    return changed


def _same_word(data: bytes, rng: Random) -> bytes:
    found = list(_WORD.finditer(data))
    return _put(data, *rng.choice(found).span(), rng.choice(found)[0]) if found else data


def _lined(data: bytes, rng: Random) -> bytes:
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[other])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = rng.choice((b" ", b"  ", b"- ", b"\t", b"? ", b"# ")) + lines[at]
        case _:
            lines[at] = lines[at].lstrip(b" ")
    return b"\n".join(lines)


def _nested(data: bytes, rng: Random) -> bytes:
    opened, closed = rng.choice(((b"[", b"]"), (b"{", b"}"), (b'{"a":', b"}"), (b"(", b")"), (b"{? ", b"}")))
    start, end = _span(data, rng)
    depth = rng.choice((1, 2, 31, 32, 33, 500, 5000))
    return _put(data, start, end, opened * depth + data[start:end] + closed * depth)


def _worded(words: Sequence[bytes]) -> Change:
    def changed(data: bytes, rng: Random) -> bytes:
        if not words:
            return data
        word = rng.choice(words)
        found = list(_WORD.finditer(data))
        if found and rng.randrange(2):
            return _put(data, *rng.choice(found).span(), word)
        at = rng.randrange(len(data) + 1)
        return _put(data, at, at, word)

    return changed


def _spliced(others: Sequence[bytes]) -> Change:
    def changed(data: bytes, rng: Random) -> bytes:
        other = rng.choice(others) if others else data
        start, end = _span(other, rng, 400)
        return _put(data, *_span(data, rng, 100), other[start:end])

    return changed


def _reshaped(data: bytes, rng: Random) -> bytes:
    """Change one node of the JSON document that an input holds or ends with."""
    start = _JSON_START.search(data)
    if start is None:
        return data
    try:
        document = json.loads(data[start.start() :])
        places = _places(document)
        if not places:
            return data
        parent, step = rng.choice(places)
        _change_node(parent, step, places, rng)
        text = json.dumps(document, ensure_ascii=rng.randrange(2) == 0)
    except (ValueError, RecursionError):
        return data
    return data[: start.start()] + text.encode("utf-8", "surrogatepass")


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        node = waiting.pop()
        steps = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        found += [(node, step) for step in steps]
        waiting += [node[step] for step in steps]
    return found


def _change_node(parent: Any, step: Any, places: Sequence[tuple[Any, Any]], rng: Random) -> None:
    match rng.randrange(6):
        case 0:
            del parent[step]
        case 1:
            other, other_step = rng.choice(places)
            # A copy, because a node inside itself has no text.
            parent[step] = json.loads(json.dumps(other[other_step]))
        case 2 if isinstance(parent, list):
            parent[step:step] = [parent[step]] * rng.choice((1, 9, 99))
        case 2 | 3 if isinstance(parent, dict):
            other, other_step = rng.choice(places)
            name = other_step if isinstance(other, dict) else str(rng.choice(NODES))
            parent[name] = parent.pop(step)
        case _:
            parent[step] = rng.choice(NODES)


_CHANGES: Final[tuple[Change, ...]] = (
    *(_flipped, _any_byte, _cut_out, _cut_off, _repeated, _moved, _texted, _same_word, _lined, _nested),
    *(_one_of(_NUMBER, NUMBERS), _one_of(_TIME, TIMES), _one_of(_NUMBER, TEXTS)),
)
_SHAPED: Final[tuple[Change, ...]] = (_reshaped,) * 6
