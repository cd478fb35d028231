"""Credentials, read where the settings say and at the moment they are needed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Never

from reconciler.core.secret import Secret
from reconciler.errors import ManifestError, Problem
from reconciler.manifest.source_files import display_name, read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import SourceMark
    from reconciler.manifest.settings import SecretSource

LEAST: Final = 8
MOST: Final = 4096
MOST_OF_BLOCK: Final = 16 * 1024

_CONVENTIONAL: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_VISIBLE: Final = re.compile(f"[!-~]{{{LEAST},{MOST}}}")
_BLOCK: Final = re.compile(f"[ -~\n]{{{LEAST},{MOST_OF_BLOCK}}}")


def read_secret(source: SecretSource, environ: Mapping[str, str]) -> Secret:
    """Return a credential: 8 to 4096 visible ASCII characters, blanks around them taken off.

    One that is declared as a block may have 16384, blanks and line feeds among them.

    Args:
        source: where it is.
        environ: the environment variables.

    Raises:
        ManifestError: when it is missing, empty, of another form, or in a file that everyone can read;
            the message never holds any of it.
    """
    return Secret(_text(source, environ))


def read_salt(source: SecretSource, environ: Mapping[str, str]) -> bytes:
    """Return the key of the idempotency keys; the arguments and errors are those of `read_secret`."""
    return _text(source, environ).encode("ascii")


def _text(source: SecretSource, environ: Mapping[str, str]) -> str:
    if source.env is not None:
        # A token pasted in place of its variable's name must not be repeated.
        shown = f"`{source.env}`" if _CONVENTIONAL.fullmatch(source.env) else "that is named here"
        where = f"the environment variable {shown}"
        text = environ.get(source.env, "").strip()
        remedy = "is not set or empty; set it where this command runs"
    else:
        where = "the file of this credential"
        text = _file_text(source).strip()
        remedy = "is empty; write the credential into it"
    if not text:
        _stop(source.mark, f"{where} {remedy}")
    if source.block:
        text = text.replace("\r\n", "\n")
    if not (_BLOCK if source.block else _VISIBLE).fullmatch(text):
        what = f"{LEAST} to {MOST} visible ASCII characters without blanks or line breaks between"
        if source.block:
            what = f"{LEAST} to {MOST_OF_BLOCK} ASCII characters"
        _stop(source.mark, f"{where} does not hold {what}; copy the credential again")
    return text


def _file_text(source: SecretSource) -> str:
    path = source.file
    if path is None:
        _stop(source.mark, "the credential has no source; write {env: VARIABLE} or {file: PATH}")
    shown = display_name(path)
    try:
        # Mounted credentials are links, and the open itself follows none.
        real = Path(os.path.realpath(path, strict=True))
        most = MOST_OF_BLOCK if source.block else MOST
        return read_regular(real, most + 2, private=True).decode("ascii", "replace")
    except OSError as error:
        _stop(source.mark, f"{shown} cannot be read ({error.strerror}); check the path and its permissions")
    except ValueError as error:
        _stop(source.mark, f"{shown} {error}; put only the credential into a plain file")


def _stop(mark: SourceMark, message: str) -> Never:
    problem = Problem(file=mark.file, line=mark.line, column=mark.column, message=message)
    raise ManifestError([problem]) from None
