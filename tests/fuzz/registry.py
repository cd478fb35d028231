"""Every target by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.fuzz import (
    forge_answers,
    json_files,
    local_files,
    provider_answers,
    raw_answers,
    store_answers,
    texts,
    yaml_files,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fuzz.target import Target

TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for module in (
        yaml_files,
        json_files,
        provider_answers,
        store_answers,
        forge_answers,
        raw_answers,
        local_files,
        texts,
    )
    for target in module.TARGETS
}
