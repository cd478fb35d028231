"""Names, incarnations and the idempotency key: what decides that no key is minted twice."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
from base64 import b32encode
from typing import Any

import pytest

from reconciler.core.identity import Incarnation, idempotency_key, parse_remote_name, remote_name

SALT = b"golden-salt"


def derive(salt: bytes = SALT, incarnation: Incarnation | None = None, **values: Any) -> str:
    """Return the idempotency key of `team-a/client-a`, with some inputs replaced."""
    where: dict[str, Any] = {"origin": "https://api.r.qcode.cc", "account": "reseller", "namespace": "team-a"}
    return idempotency_key(salt, incarnation=incarnation or Incarnation(name="client-a"), **(where | values))


@pytest.mark.parametrize(
    ("incarnation", "plain", "namespaced"),
    [
        (Incarnation(name="a"), "a", "team/a"),
        (Incarnation(name="a", generation=2), "a~2", "team/a~2"),
        (Incarnation(name="a", generation=1, attempt=2), "a~1.2", "team/a~1.2"),
        (Incarnation(name="a", generation=12, attempt=34), "a~12.34", "team/a~12.34"),
        (Incarnation(name="ключ-鍵.é", generation=2), "ключ-鍵.é~2", "team/ключ-鍵.é~2"),
        (Incarnation(name="a b.c-d_e"), "a b.c-d_e", "team/a b.c-d_e"),
    ],
)
def test_a_remote_name_is_written_and_read_back(
    incarnation: Incarnation, plain: str, namespaced: str
) -> None:
    """A name says which incarnation a row is, with and without a namespace, in any script."""
    assert remote_name(incarnation, None) == plain
    assert remote_name(incarnation, "team") == namespaced
    assert parse_remote_name(plain, None) == incarnation
    assert parse_remote_name(namespaced, "team") == incarnation


@pytest.mark.parametrize(
    "text",
    [
        "a~1",
        "a~01",
        "a~2.1",
        "a~1.1",
        "a~2.01",
        "a~02.2",
        "a~0",
        "a~0.2",
        "a~2.0",
        "a~-1",
        "a~",
        "a~.",
        "a~2.",
        "a~.2",
        "a~2.3.4",
        "a~x",
        "a~2x",
        "a~2\n",
        "a ~",
        "~2",
        "~",
        "a~2~3",
        "a~b~3",
        "a~٣",
        "a~²",
        "a~1000000000",
        "a~1.1000000000",
        "",
        "x/y",
        "x/y/z",
        "/a",
        "a/",
        "x/a~2",
    ],
)
def test_foreign_forms_are_nobodys(text: str) -> None:
    """Whatever `remote_name` does not write is foreign, so that two spellings never mean one key."""
    assert parse_remote_name(text, None) is None
    assert parse_remote_name(f"team/{text}", "team") is None


@pytest.mark.parametrize(
    "text",
    ["a", "team", "team/", "teama/a", "team-b/a", "tea/a", "Team/a", "team/team/a", " team/a", "team//a"],
)
def test_another_namespace_is_foreign(text: str) -> None:
    """A namespace owns exactly `team/NAME`; a longer, shorter or nested one is somebody else's."""
    assert parse_remote_name(text, "team") is None


def test_the_next_attempt_keeps_name_and_generation() -> None:
    """After a lost secret only the attempt is counted up."""
    first = Incarnation(name="a", generation=3)
    assert first.next_attempt() == Incarnation(name="a", generation=3, attempt=2)
    assert first.next_attempt().next_attempt().attempt == 3


GOLDEN = [
    ({}, "ibxhriynxstdbzh5f6dve3yjsorcg3qp264tqktw"),
    ({"namespace": None}, "3jv5cdbg4yrnulhwe3pc23mkflzvbhmaskmlylvl"),
    ({"incarnation": Incarnation(name="client-a", generation=2)}, "23btqetbwzyady7qojszqi54mwypoq6zj6oetmce"),
    ({"incarnation": Incarnation(name="client-a", attempt=2)}, "rdk6y3hn4b32ynzaptqq7aakdusi5cceb5n2egrl"),
    ({"incarnation": Incarnation(name="ключ")}, "mnmdt6tixvd6gaoumopzvdi5vggmxwom4w7ik4nz"),
    ({"salt": b""}, "asi46wl56aoi34pfb32bpr7g7qzxpaahohv4legj"),
]


@pytest.mark.parametrize(("values", "expected"), GOLDEN)
def test_the_derivation_never_changes(values: dict[str, Any], expected: str) -> None:
    """A release that derived another key would mint every unfinished key a second time."""
    assert derive(**values) == expected


def test_the_derivation_is_the_documented_one() -> None:
    """The key is base32 of HMAC-SHA256 over the version and the six inputs, each with its length."""
    parts = ["reconciler/create/v1", "https://api.r.qcode.cc", "reseller", "team-a", "client-a", "1", "1"]
    message = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    digest = hmac.new(SALT, message, hashlib.sha256).digest()
    assert derive() == b32encode(digest).decode().lower()[:40]


def test_every_input_counts() -> None:
    """Two creates share a key only when everything that tells them apart is equal."""
    keys = [
        derive(),
        derive(b"other"),
        derive(origin="https://qcode.cc"),
        derive(account="other"),
        derive(namespace="team-b"),
        derive(namespace=None),
        derive(incarnation=Incarnation(name="client-b")),
        derive(incarnation=Incarnation(name="client-a", generation=2)),
        derive(incarnation=Incarnation(name="client-a", attempt=2)),
        derive(incarnation=Incarnation(name="client-a", generation=2, attempt=2)),
    ]
    assert len(set(keys)) == len(keys)


def test_a_border_between_inputs_cannot_be_moved() -> None:
    """Length prefixes keep account `a` with namespace `bc` apart from account `ab` with namespace `c`."""
    text = "abcd"
    cuts = itertools.combinations(range(1, 4), 2)
    keys = [
        derive(account=text[:one], namespace=text[one:two], incarnation=Incarnation(name=text[two:]))
        for one, two in cuts
    ]
    assert len(set(keys)) == 3
    assert derive(account="a", namespace="bc") != derive(account="ab", namespace="c")
    one = derive(incarnation=Incarnation(name="a", generation=1, attempt=11))
    assert one != derive(incarnation=Incarnation(name="a", generation=11, attempt=1))


def test_the_key_is_fit_for_a_header() -> None:
    """Forty lower-case letters and digits: 200 bits, no quoting, no padding."""
    assert re.fullmatch(r"[a-z2-7]{40}", derive())


def test_the_key_does_not_show_the_salt_or_the_name() -> None:
    """Who sees one key in a log cannot read the inputs from it."""
    assert "client" not in derive()
    assert SALT.decode() not in derive()
