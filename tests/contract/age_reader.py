"""A second reader of age and SOPS files, written from their formats and sharing no code with the sinks.

It knows X25519 recipients only and is for tests: nothing in it takes the same time for every input.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from itertools import count

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# A pair that protects nothing but the canaries of these tests.
IDENTITY = "AGE-SECRET-KEY-1DDMAGDX025XSMZG5PF9P4FV8T0FPL7N3HYVLE9TXA2WLTV7SUMDSKNT0NV"
RECIPIENT = "age1rk6u6fznu3zygn5ca978te50wf8qkg02r4mveqj0c430xywn099stkcu0t"

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CHUNK = 64 * 1024 + 16
_ARMOR = re.compile(
    r"-----BEGIN AGE ENCRYPTED FILE-----\n(.+)\n-----END AGE ENCRYPTED FILE-----\n", re.DOTALL
)
_VALUE = re.compile(r"ENC\[AES256_GCM,data:([^,]+),iv:([^,]+),tag:([^,]+),type:str\]")


def open_age(armored: str, identity: str = IDENTITY) -> bytes:
    """Return the plaintext of an armored age file."""
    found = _ARMOR.fullmatch(armored)
    assert found, "not an armored age file"
    assert all(len(line) == 64 for line in found[1].split("\n")[:-1])
    content = base64.b64decode(found[1].replace("\n", ""), validate=True)
    header, _, rest = content.partition(b"\n--- ")
    mac, _, payload = rest.partition(b"\n")
    file_key = _file_key(header.decode("ascii"), _private(identity))
    expected = hmac.digest(_hkdf(file_key, b"", b"header"), header + b"\n---", "sha256")
    assert hmac.compare_digest(_unpadded(mac.decode()), expected), "the header was changed"
    key = ChaCha20Poly1305(_hkdf(file_key, payload[:16], b"payload"))
    chunks = [payload[start : start + _CHUNK] for start in range(16, len(payload), _CHUNK)]
    plain = []
    for number, chunk in zip(count(), chunks, strict=False):
        last = number == len(chunks) - 1
        plain.append(key.decrypt(number.to_bytes(11, "big") + bytes([last]), chunk, None))
    return b"".join(plain)


def open_sops(text: str, identity: str = IDENTITY) -> dict[str, str]:
    """Return the values of a flat SOPS file in JSON, after checking its MAC."""
    document = json.loads(text)
    metadata = document.pop("sops")
    keys = {item["recipient"]: item["enc"] for item in metadata["age"]}
    key = AESGCM(open_age(keys[RECIPIENT], identity))
    values = {name: _value(key, value, f"{name}:") for name, value in document.items()}
    mac = hashlib.sha512("".join(values.values()).encode()).hexdigest().upper()
    assert _value(key, metadata["mac"], metadata["lastmodified"]) == mac, "the values were changed"
    return values


def _value(key: AESGCM, value: str, context: str) -> str:
    found = _VALUE.fullmatch(value)
    assert found, "not an encrypted value"
    data, nonce, tag = (base64.b64decode(part, validate=True) for part in found.groups())
    assert len(nonce) == 32
    return key.decrypt(nonce, data + tag, context.encode()).decode()


def _file_key(header: str, private: X25519PrivateKey) -> bytes:
    version, *stanzas = header.split("\n-> ")
    assert version == "age-encryption.org/v1"
    for stanza in stanzas:
        arguments, _, body = stanza.partition("\n")
        if arguments.startswith("X25519 "):
            share = _unpadded(arguments.removeprefix("X25519 "))
            shared = private.exchange(X25519PublicKey.from_public_bytes(share))
            salt = share + private.public_key().public_bytes_raw()
            wrap = _hkdf(shared, salt, b"age-encryption.org/v1/X25519")
            return ChaCha20Poly1305(wrap).decrypt(bytes(12), _unpadded(body), None)
    msg = "no stanza for this identity"
    raise AssertionError(msg)


def _private(identity: str) -> X25519PrivateKey:
    digits = identity.removeprefix("AGE-SECRET-KEY-1").lower()[:-6]
    bits = "".join(f"{_BECH32.index(digit):05b}" for digit in digits)
    return X25519PrivateKey.from_private_bytes(int(bits[:256], 2).to_bytes(32, "big"))


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt or None, info=info).derive(secret)


def _unpadded(text: str) -> bytes:
    compact = text.replace("\n", "")
    return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
