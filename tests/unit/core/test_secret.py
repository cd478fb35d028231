"""Every way in which a plaintext could get out of a Secret without `reveal`."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import pickle
import pprint
import traceback
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any

import pytest
from deepdiff import DeepDiff, DeepHash

from reconciler.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "cr_CANARYEudUZH7bVKpQBmX8prQimEFB"


@dataclass(frozen=True)
class Parent:
    """Something that carries a secret, as a careless caller might write it."""

    name: str
    secret: Secret


def _traceback_with_locals() -> str:
    secret = Secret(CANARY)
    with pytest.raises(TypeError) as caught:
        hash(secret)
    return "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())


def _log_line() -> str:
    secret = Secret(CANARY)
    record = logging.LogRecord("x", logging.DEBUG, "f", 1, "got %s and %r", (secret, secret), None)
    return record.getMessage()


SHOWING: dict[str, Callable[[Secret], Any]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "format spec": lambda secret: format(secret, ">80"),
    "f-string": lambda secret: f"{secret} {secret!r} {secret!s} {secret!a} {secret:s}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # the route under test
    "str.format": "{0} {0!r}".format,
    "pprint": lambda secret: pprint.pformat({"secret": [secret]}),
    "parent repr": lambda secret: repr(Parent("a", secret)),
    "container": lambda secret: repr([(secret, {"x": secret})]),
    "json default": lambda secret: json.dumps({"x": secret}, default=str),
    "exception": lambda secret: repr(ValueError(secret)) + str(ValueError(secret)),
    "traceback": lambda _: _traceback_with_locals(),
    "log": lambda _: _log_line(),
    "deepdiff of secrets": lambda secret: repr(DeepDiff(secret, Secret("other"))),
    "deepdiff of parents": lambda secret: repr(
        DeepDiff(Parent("a", secret), Parent("a", Secret("other"))).to_dict()
    ),
    "members": lambda secret: repr(inspect.getmembers(secret)),
    "slots": lambda secret: repr([getattr(secret, name) for name in Secret.__slots__]),
}

RAISING: dict[str, Any] = {
    "hash": hash,
    "equal": lambda secret: secret == Secret(CANARY),
    "unequal": lambda secret: secret != Secret(CANARY),
    "equal to text": lambda secret: secret == CANARY,
    "in a list": [Secret(CANARY)].count,
    "dict key": lambda secret: {secret: 1},
    "order": lambda secret: sorted([secret, Secret(CANARY)]),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "pickle protocol 0": lambda secret: pickle.dumps(secret, 0),
    "reduce": lambda secret: secret.__reduce__(),
    "object reduce": lambda secret: object.__reduce_ex__(secret, 2),
    "state": lambda secret: secret.__getstate__(),
    "vars": vars,
    "json": json.dumps,
    "asdict of a parent": lambda secret: asdict(Parent("a", secret)),
    "astuple of a parent": lambda secret: astuple(Parent("a", secret)),
    "hash of a parent": lambda secret: hash(Parent("a", secret)),
    "deephash": DeepHash,
    "bytes": bytes,
    "length": len,
    "iteration": list,
    "index": lambda secret: secret[0],
}


@pytest.mark.parametrize("route", SHOWING)
def test_what_can_be_shown_shows_nothing(route: str) -> None:
    """Every way to print a secret, alone or inside something, keeps the plaintext back."""
    assert "CANARY" not in str(SHOWING[route](Secret(CANARY)))


@pytest.mark.parametrize("route", RAISING)
def test_what_could_carry_it_away_raises(route: str) -> None:
    """Comparing, hashing, copying and serialising raise, and the error holds no plaintext."""
    with pytest.raises(TypeError) as caught:
        RAISING[route](Secret(CANARY))
    assert "CANARY" not in str(caught.value)
    assert "CANARY" not in repr(caught.value.args)


def test_a_secret_has_no_place_for_more_attributes() -> None:
    """Nothing can be hung on a secret, so no cached plaintext can appear beside it."""
    with pytest.raises(AttributeError):
        Secret(CANARY).plain = CANARY  # type: ignore[attr-defined]  # the point of the test


def test_reveal_is_the_one_way_out() -> None:
    """The sink gets exactly what the provider answered."""
    assert Secret(CANARY).reveal() == CANARY


def test_fingerprints_tell_secrets_apart_and_no_more() -> None:
    """Equal plaintexts have equal fingerprints, others do not, and 64 bits say nothing about the value."""
    assert Secret(CANARY).fingerprint() == Secret(CANARY).fingerprint()
    assert Secret(CANARY).fingerprint() != Secret(CANARY + "0").fingerprint()
    assert Secret("abc").fingerprint() == "ba7816bf8f01cfea"
