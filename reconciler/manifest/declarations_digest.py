"""The digest of what the key files mean, whatever their order, layout and comments."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.core.model import DesiredKey, Lifecycle

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def declarations_digest(keys: Iterable[DesiredKey]) -> str:
    """Return the digest over resolved keys that come sorted by address.

    Each key is hashed by itself, one JSON text a line, so that 100,000 keys need no second copy in memory.
    """
    encode = _ENCODER.encode
    total = hashlib.sha256()
    lives: dict[int, list[Any]] = {}
    for key in keys:
        # Keys that declare nothing of their life share one object, so it is written out once.
        life = lives.get(id(key.lifecycle))
        if life is None:
            life = lives[id(key.lifecycle)] = _life(key.lifecycle)
        deliver = [(item.sink, item.name, item.takeover) for item in key.deliver]
        row = (key.account, key.name, key.spec, deliver, life, key.owner, key.description)
        total.update(encode(row).encode())
        total.update(b"\n")
    return f"sha256:{total.hexdigest()}"


def _life(life: Lifecycle) -> list[Any]:
    every = life.rotate_every
    return [
        life.generation,
        int(life.overlap.total_seconds()),
        None if every is None else int(every.total_seconds()),
        life.protected,
        life.adopt,
        life.renamed_from,
        life.absent,
    ]
