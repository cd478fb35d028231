"""The TLS settings of every connection that leaves the machine."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def tls_context(ca_file: Path | None = None, ca_text: str | None = None) -> ssl.SSLContext:
    """Return a context that verifies the certificate and the host name, TLS 1.2 or newer.

    It is not made by `ssl.create_default_context`, which writes the session keys to the file that
    SSLKEYLOGFILE names; anyone who can set a variable could then read the tokens on the wire.

    Args:
        ca_file: PEM file of the only authorities to trust; the system's when both are left out.
        ca_text: the same as PEM text.

    Raises:
        OSError: when the authorities cannot be read (`ssl.SSLError` is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None or ca_text is not None:
        context.load_verify_locations(cafile=ca_file, cadata=ca_text)
        return context
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if not context.cert_store_stats()["x509_ca"] and not _has_certificate_directory():
        import certifi  # noqa: PLC0415  # only slim images come without certificates of their own

        context.load_verify_locations(certifi.where())
    return context


def _has_certificate_directory() -> bool:
    # OpenSSL reads the directory while it verifies, so the statistics of the store do not count it.
    folder: str | None = ssl.get_default_verify_paths().capath
    return folder is not None and any(name.endswith(".0") for name in os.listdir(folder))  # noqa: PTH208
