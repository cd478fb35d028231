"""Which server of the New API family this is, how sure that is, and from what it was told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.providers._newapi_dialects import (
    AUTO_GROUPS,
    CROSS_GROUP_RETRY,
    ONE_API_IPS,
    ONE_API_MODELS,
    UPSTREAM_MODELS,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.providers._newapi_listing import Shape
    from reconciler.providers._newapi_options import NewApiOptions

_ONE_API: Final = {ONE_API_MODELS.name, ONE_API_IPS.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a list showed of the server.

    Attributes:
        shape: of the list.
        members: names of the members of a key; None where there was no key to look at.
        masks: whether keys are hidden.
    """

    shape: Shape
    members: Collection[str] | None
    masks: bool


def server_lines(options: NewApiOptions, seen: Sighting) -> tuple[str, ...]:
    """Return what was seen of the server, for people."""
    asked = "auto" if options.sniffs else options.written
    lines = [f"dialect: {asked}; the server looks like {_guess(seen)}"]
    if seen.members is not None:
        shown = "hidden in the list, so each is asked for by itself" if seen.masks else "shown in the list"
        lines.append(f"secrets: {shown}")
    return tuple(lines)


def _guess(seen: Sighting) -> str:
    listed = "a list with a total" if seen.shape == "object" else "a list without a total"
    if seen.members is None:
        names = {"object": "New API from 0.8.4 on, or a relative", "array": "one-api or an old New API"}
        return f"{names[seen.shape]} (unsure: {listed}, and no key to look at)"
    if UPSTREAM_MODELS.name in seen.members:
        name, certainty, mark = _new_api(seen, seen.members)
        return f"New API {name} ({certainty}: {listed}, {mark})"
    found = sorted(_ONE_API & set(seen.members))
    told = " and ".join(f"`{name}`" for name in found) or "no list of models"
    certainty = "certain" if seen.shape == "array" and found else "unsure"
    return f"one-api or a relative ({certainty}: {listed}, keys with {told})"


def _new_api(seen: Sighting, members: Collection[str]) -> tuple[str, str, str]:
    """Return the releases of New API, how sure that is, and what it is told by beside the list."""
    if seen.shape == "array":
        return "before 0.8.4", "certain", f"keys with `{UPSTREAM_MODELS.name}`"
    if AUTO_GROUPS in members:
        return "from 1.0.0-rc.23 on", "certain", f"keys with `{AUTO_GROUPS}`"
    if seen.masks:
        return "from 0.11.4 on", "certain", "hidden secrets"
    # A reseller may have taken a newer field over into an older server.
    mark = CROSS_GROUP_RETRY if CROSS_GROUP_RETRY in members else UPSTREAM_MODELS.name
    return f"from {'0.10.1' if mark == CROSS_GROUP_RETRY else '0.8.4'} on", "likely", f"keys with `{mark}`"
