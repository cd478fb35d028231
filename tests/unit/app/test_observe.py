"""Reading everything: what a long list leaves out of declared keys is read one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.app.observe import MOST_PROBES, observe
from reconciler.core.costs import ListCost
from reconciler.core.fields import MICRO
from reconciler.core.model import Listing, ObservedKey
from reconciler.errors import KeyNotFoundError
from tests.unit.app.stage import ACCOUNT, key

if TYPE_CHECKING:
    from reconciler.core.model import DesiredKey

CAP: Final = {"limits.total_usd": 100 * MICRO}


class Abridged:
    """An account whose list shows names alone, and whose details are those that it is given."""

    origin = "https://provider.example"

    def __init__(self, names: list[str], details: dict[str, dict[str, int]]) -> None:
        self.names = names
        self.details = details
        self.asked: list[str] = []

    def list_keys(self) -> Listing:
        """Return the rows, none of which shows a limit."""
        rows = tuple(ObservedKey(id=f"id-{name}", name=name, spec={}) for name in self.names)
        return Listing(keys=rows, abridged=frozenset(row.id for row in rows))

    def get_key(self, key_id: str) -> ObservedKey:
        """Return what the detail shows."""
        self.asked.append(key_id)
        name = key_id.removeprefix("id-")
        if name not in self.details:
            raise KeyNotFoundError(key_id)
        return ObservedKey(id=key_id, name=name, spec=self.details[name])


def read(provider: Abridged, *keys: DesiredKey) -> Listing:
    """Return the account's listing for some declared keys."""
    observed = observe({ACCOUNT: provider}, {}, keys)  # type: ignore[dict-item]  # two methods are enough
    return observed.listings[ACCOUNT]


def declared(name: str, *, renamed_from: str | None = None, adopt: str | None = None) -> DesiredKey:
    """Return a key that is delivered nowhere."""
    return key(name, deliver=(), renamed_from=renamed_from, adopt=adopt)


def test_only_declared_keys_are_read_one_by_one() -> None:
    """Their generations, namespaces, former names and adopted rows as well; nobody else's key is read."""
    names = ["web", "team/api~2", "old", "panel key", "other", "a~1", ""]
    provider = Abridged(names, dict.fromkeys(names, CAP))
    keys = (
        declared("web"),
        declared("api"),
        declared("new", renamed_from="old"),
        declared("mine", adopt="id-panel key"),
    )
    listing = read(provider, *keys)
    assert provider.asked == ["id-web", "id-team/api~2", "id-old", "id-panel key"]
    assert [bool(row.spec) for row in listing.keys] == [True, True, True, True, False, False, False]
    assert listing.cost == ListCost(requests=5)


def test_details_that_show_no_more_are_read_once() -> None:
    """A server without them would otherwise use up the minute's requests for nothing."""
    provider = Abridged(["a", "b"], {"a": {}, "b": {}})
    assert [row.spec for row in read(provider, declared("a"), declared("b")).keys] == [{}, {}]
    assert provider.asked == ["id-a"]


def test_a_row_that_is_gone_by_now_stays_as_it_was_listed() -> None:
    """Its detail says 404; the next one is read all the same."""
    provider = Abridged(["a", "b"], {"b": CAP})
    assert [row.spec for row in read(provider, declared("a"), declared("b")).keys] == [{}, CAP]


def test_there_is_an_end_to_it() -> None:
    """A minute has sixty requests, so of very many declared keys the last ones stay unknown."""
    names = [f"k{number}" for number in range(MOST_PROBES + 2)]
    provider = Abridged(names, dict.fromkeys(names, CAP))
    listing = read(provider, *(declared(name) for name in names))
    assert len(provider.asked) == MOST_PROBES
    assert sum(not row.spec for row in listing.keys) == 2
