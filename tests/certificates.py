"""Certificates for servers of tests: an authority that lives as long as a test, and what it signs."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_DAY: Final = dt.timedelta(days=1)
_NO_USAGE: Final = dict.fromkeys(
    [
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ],
    False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority, and its certificate in a file; no key stays on the disk."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    file: Path

    @classmethod
    def create(cls, file: Path) -> Self:
        """Make one, and write its certificate to a file as PEM."""
        key, name = ec.generate_private_key(ec.SECP256R1()), _name("authority of a test")
        usage = x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **_NO_USAGE)
        certificate = (
            _builder(name, name, key, days=(-1, 30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        file.write_bytes(_pem(certificate))
        return cls(key=key, certificate=certificate, file=file)

    def context(self, address: str = "127.0.0.1", *, days: tuple[int, int] = (-1, 30)) -> ssl.SSLContext:
        """Return what a server needs for an address, valid between these days from now."""
        key, issuer = ec.generate_private_key(ec.SECP256R1()), self.certificate.subject
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = _builder(_name(address), issuer, key, days=days).add_extension(names, critical=False)
        return _loaded(self.file.with_name("server.pem"), builder.sign(self.key, hashes.SHA256()), key)


def _loaded(chain: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    # The ssl module reads certificates from files only.
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    chain.write_bytes(pem + _pem(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    chain.unlink()
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    first, last = (now + number * _DAY for number in days)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(first).not_valid_after(last)
