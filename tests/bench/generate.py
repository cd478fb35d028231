"""One world of N keys, written three ways: our declarations, the provider's pages, and octoDNS's zone.

Everything follows from a key's number, so equal arguments give equal bytes. Files are written line by
line: whoever measures must stay small, see `process_timer`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE_SIZE: Final = 1000
ACCOUNT: Final = "bench"
TOKEN_VARIABLE: Final = "BENCH_TOKEN"
ZONE: Final = "bench.test."
# Prime, so that it visits every row once: a provider's order is not that of the files.
_STRIDE: Final = 7919
_BUDGET: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How many keys there are, and how many of a hundred differ at the provider."""

    size: int
    percent: int = 1

    @property
    def changes(self) -> int:
        """Keys that a plan has to update."""
        return sum(self.is_changed(number) for number in range(self.size))

    def is_changed(self, number: int) -> bool:
        """Tell whether a key differs; the changed ones are spread evenly."""
        return number * self.percent % 100 < self.percent


def write_declarations(folder: Path, world: World, files: int) -> None:
    """Write the keys as declarations of eight lines each, spread evenly over some files."""
    folder.mkdir(parents=True)
    # A file without keys is refused.
    files = min(files, world.size)
    for part in range(files):
        first, last = part * world.size // files, (part + 1) * world.size // files
        with (folder / f"part-{part + 1:03}.yaml").open("w", encoding="utf-8") as file:
            file.write(f"version: 1\ndefaults: {{account: {ACCOUNT}}}\nkeys:\n")
            file.writelines(_declaration(number) for number in range(first, last))


def write_settings(file: Path, *, keys: Path, origin: str) -> None:
    """Write the settings for one folder of declarations beside them, with the budgets out of the way."""
    file.write_text(
        f"""\
version: 1
keys: [{keys.name}/*.yaml]
max_file_mb: 100
accounts:
  {ACCOUNT}:
    provider: qcode-partner
    base_url: {origin}
    token: {{env: {TOKEN_VARIABLE}}}
    rate_limits: {{requests_per_minute: {_BUDGET}, requests_per_day: {_BUDGET}}}
safety: {{max_change_percent: 100}}
""",
        encoding="utf-8",
    )


def write_pages(folder: Path, world: World) -> None:
    """Write the bodies of the provider's list, one file a page, named by the page's number."""
    folder.mkdir(parents=True)
    pages = max(1, -(-world.size // PAGE_SIZE))
    for page in range(1, pages + 1):
        places = range((page - 1) * PAGE_SIZE, min(page * PAGE_SIZE, world.size))
        items = [_row(_number_at(place, world.size), world) for place in places]
        pagination = {"page": page, "pageSize": PAGE_SIZE, "total": world.size, "totalPages": pages}
        body = {"ok": True, "data": {"items": items, "pagination": pagination}}
        (folder / f"{page}.json").write_text(json.dumps(body, separators=(",", ":")), encoding="utf-8")


def write_zone(folder: Path, world: World) -> None:
    """Write octoDNS's source zone, and the actual records as a JSON file and as a second zone.

    A record is the nearest thing to a key: a name and a few fields. `actual.json` stands for a fetched
    answer; `actual/` is the same for octoDNS's own YAML provider.
    """
    for side, changed in (("declared", False), ("actual", True)):
        (folder / side).mkdir(parents=True)
        with (folder / side / f"{ZONE}yaml").open("w", encoding="utf-8") as file:
            file.write("---\n")
            file.writelines(_yaml_record(name, data) for name, data in _records(world, changed=changed))
    with (folder / "actual.json").open("w", encoding="utf-8") as file:
        separator = "{"
        for name, data in _records(world, changed=True):
            file.write(f"{separator}\n{json.dumps(name)}: {json.dumps(data)}")
            separator = ","
        file.write("\n}\n")


def _name(number: int) -> str:
    return f"client-{number:06}"


def _number_at(place: int, size: int) -> int:
    return place * _STRIDE % size


def _daily(number: int) -> int:
    """Return the declared cap of a day in cents."""
    return 1000 + number % 50 * 25


def _concurrency(number: int) -> int:
    return 2 + number % 9


def _declaration(number: int) -> str:
    cents = _daily(number)
    return f"""\
  {_name(number)}:
    owner: team-{number % 40:02}
    description: Requests of client {number}
    enabled: true
    limits:
      daily_usd: "{cents // 100}.{cents % 100:02}"
      total_usd: {500 + number % 7 * 100}
      concurrency: {_concurrency(number)}
"""


def _row(number: int, world: World) -> dict[str, Any]:
    changed = world.is_changed(number)
    # Half of the changed keys differ in money, half in a count.
    dearer = changed and number // 100 % 2 == 0
    wider = changed and not dearer
    return {
        "id": f"{number:08x}-5eed-4000-8000-{number * 2654435761 % 2**48:012x}",
        "name": f"reseller_{number:06}",
        "description": _name(number),
        "is_active": True,
        "daily_cost_limit_usd": _daily(number) / 100 + dearer,
        "total_cost_limit_usd": 500.0 + number % 7 * 100,
        "concurrency_limit": _concurrency(number) + wider,
        "current_daily_cost_usd": number % 900 / 100,
        "total_cost_usd": number % 40000 / 100,
        "created_at": f"2026-0{1 + number % 9}-{1 + number % 28:02}T08:{number % 60:02}:00Z",
    }


def _records(world: World, *, changed: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(world.size):
        differs = changed and world.is_changed(number)
        ttl = 300 + 60 * (differs and number // 100 % 2 == 0)
        second = 2 + (differs and ttl == 300)
        values = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"192.0.2.{second}"]
        yield _name(number), {"ttl": ttl, "type": "A", "values": values}


def _yaml_record(name: str, data: dict[str, Any]) -> str:
    values = "".join(f"  - {value}\n" for value in data["values"])
    return f"{name}:\n  ttl: {data['ttl']}\n  type: {data['type']}\n  values:\n{values}"
