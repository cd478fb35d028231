"""Credentials: where they come from, what they must look like, and that no error shows one."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.core.model import SourceMark
from reconciler.errors import ManifestError
from reconciler.manifest.credentials import read_salt, read_secret
from reconciler.manifest.settings import SecretSource

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

MARK = SourceMark(file="reconciler.yaml", line=5, column=7)
ENV = SecretSource(env="TOKEN", mark=MARK)
VALUE = "rsk_xRNgOLJj9KCI4fP3ieyt"


def refusal(source: SecretSource, environ: dict[str, str]) -> str:
    """Return the problem with a credential."""
    with pytest.raises(ManifestError) as caught:
        read_secret(source, environ)
    (problem,) = caught.value.problems
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(problem)


def test_blanks_around_a_credential_are_taken_off(project: Project) -> None:
    """Copied text often ends in a line feed."""
    assert read_secret(ENV, {"TOKEN": f" {VALUE}\n"}).reveal() == VALUE
    project.write("t", f"{VALUE}\r\n")
    (project.root / "t").chmod(0o600)
    (project.root / "link").symlink_to("t")
    for name in ("t", "link"):
        assert read_secret(SecretSource(file=project.root / name, mark=MARK), {}).reveal() == VALUE


def test_a_salt_is_bytes() -> None:
    """It keys the idempotency keys and is never sent anywhere."""
    assert read_salt(ENV, {"TOKEN": VALUE}) == VALUE.encode()


@pytest.mark.parametrize("environ", [{}, {"TOKEN": ""}, {"TOKEN": " \n"}], ids=["unset", "empty", "blank"])
def test_a_missing_variable_is_named(environ: dict[str, str]) -> None:
    """With the place in the settings that asks for it."""
    assert refusal(ENV, environ) == (
        "reconciler.yaml:5:7: the environment variable `TOKEN` is not set or empty; "
        "set it where this command runs"
    )


@pytest.mark.parametrize("environ", [{}, {VALUE: "short"}], ids=["unset", "short"])
def test_a_token_in_place_of_its_variable_is_not_shown(environ: dict[str, str]) -> None:
    """A partner token has the form of a variable's name, and problems are printed in public logs."""
    said = refusal(SecretSource(env=VALUE, mark=MARK), environ)
    assert VALUE not in said
    assert said.startswith("reconciler.yaml:5:7: the environment variable that is named here ")


@pytest.mark.parametrize(
    "value", ["rsk_a\nX-Admin: 1", "rsk_a b_long", "short", "x" * 4097, "rsk_ключ_long", "rsk_\x1b_long"]
)
def test_what_no_header_may_carry_is_refused_and_not_shown(value: str) -> None:
    """A line feed in a token would be a header of its own."""
    shown = refusal(ENV, {"TOKEN": value})
    assert shown == (
        "reconciler.yaml:5:7: the environment variable `TOKEN` does not hold 8 to 4096 visible "
        "ASCII characters without blanks or line breaks between; copy the credential again"
    )


def test_a_block_has_lines(project: Project) -> None:
    """A key in PEM, from a variable or a file, with the line ends of any system."""
    pem = "-----BEGIN RSA PRIVATE KEY-----\n" + f"{'A' * 64}\n" * 100 + "-----END RSA PRIVATE KEY-----"
    source = replace(ENV, block=True)
    assert read_secret(source, {"TOKEN": pem.replace("\n", "\r\n") + "\n"}).reveal() == pem
    project.write("key.pem", pem)
    (project.root / "key.pem").chmod(0o600)
    file = SecretSource(file=project.root / "key.pem", block=True, mark=MARK)
    assert read_secret(file, {}).reveal() == pem
    for wrong in ("x" * 16_385, "ключ" * 8, "a\x00bcdefghi"):
        assert "8 to 16384 ASCII characters; copy" in refusal(source, {"TOKEN": wrong})


def test_a_file_that_everyone_can_read_is_refused(project: Project) -> None:
    """On a shared machine it is no secret any more."""
    project.write("t", VALUE)
    source = SecretSource(file=project.root / "t", mark=MARK)
    assert "can be read by everyone: run chmod 600 on it" in refusal(source, {})
    assert VALUE not in refusal(source, {})


def test_files_that_hold_no_credential_are_refused(project: Project) -> None:
    """Missing, empty, too large, not text, not a file."""
    for name, data in (("empty", b"\n"), ("large", b"x" * 5000), ("binary", b"\xff" * 20)):
        (project.root / name).write_bytes(data)
        (project.root / name).chmod(0o600)
    os.mkfifo(project.root / "pipe", 0o600)
    shown = {
        name: refusal(SecretSource(file=project.root / name, mark=MARK), {})
        for name in ("none", "empty", "large", "binary", "pipe")
    }
    assert "cannot be read (No such file or directory)" in shown["none"]
    assert "the file of this credential is empty; write the credential into it" in shown["empty"]
    assert "is larger than 4098 bytes; put only the credential into a plain file" in shown["large"]
    assert "the file of this credential does not hold" in shown["binary"]
    assert "is not a regular file" in shown["pipe"]


def test_a_source_of_neither_kind_is_refused() -> None:
    """Settings never hold one; code could."""
    assert "write {env: VARIABLE} or {file: PATH}" in refusal(SecretSource(mark=MARK), {})
