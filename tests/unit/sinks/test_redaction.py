"""What is shown of the output of a program that knows a secret."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from reconciler.core.secret import Secret
from reconciler.sinks._redaction import presentable
from tests.canary.shown import leaked

CANARY = "sk-live/+a9f3=Zq7Kd0mWx28jUm74BKs"
RAW = CANARY.encode()


def shown(output: str) -> str:
    """Return what is shown of an output."""
    return presentable(Secret(output), Secret(CANARY))


@pytest.mark.parametrize(
    "said",
    [
        CANARY,
        CANARY.upper(),
        CANARY[:12],
        CANARY[5:],
        "\n".join(CANARY),
        "\x00".join(CANARY),
        CANARY[:9] + "\x1b[31m" + CANARY[9:],
        RAW.hex(),
        RAW.hex(" "),
        RAW.hex().upper(),
        quote(CANARY, safe=""),
        "".join(f"%{byte:02X}" for byte in RAW),
        json.dumps({"key": CANARY}),
        base64.b64encode(RAW).decode(),
        base64.b64encode(RAW + b"\n").decode(),
        base64.b64encode(b"a" + RAW).decode(),
        base64.b64encode(b"ab" + RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode(),
        base64.encodebytes(b"user:" + RAW * 4).decode(),
    ],
    ids=range(19),
)
def test_no_form_of_the_secret_is_shown(said: str) -> None:
    """Neither the secret nor eight characters of it or of a usual encoding remain."""
    text = shown(f"error: {said} was not accepted")

    assert leaked(text.lower(), CANARY.lower()) == []
    assert leaked(text, CANARY) == []
    assert "[redacted]" in text
    assert text.endswith("was not accepted")


def test_a_short_secret_is_taken_out_as_a_whole() -> None:
    """A secret of fewer than eight characters is found too."""
    assert presentable(Secret("code abc12 sent"), Secret("abc12")) == "code [redacted] sent"


def test_other_words_stay() -> None:
    """What helps to repair it is not taken away."""
    assert shown("permission denied\nfor /secrets/A\n") == "permission denied for /secrets/A"


def test_without_a_secret_only_control_characters_go() -> None:
    """Nothing that a terminal or a workflow runner would obey is left."""
    said = "a\x1b]0;title\x07b\x1b[2Jc\u202ed\u200be\r\n::error::x\x9b"

    assert presentable(Secret(said), None) == "abcde ::error::x"


def test_a_long_output_is_shown_from_its_end() -> None:
    """The last words say what went wrong."""
    text = shown("x" * 1000 + "the end")

    assert text == "…" + ("x" * 1000 + "the end")[-400:]
