"""The complete list of an account's keys: shapes, pages, and the refusal of a list that may be partial."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.errors import AnswerError, RequestRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.core.strict_json import Json
    from reconciler.providers._http import HttpClient, Reply

    _RowId = Callable[[Json], str]

_ARRAYS: Final = ("keys", "items", "list", "results", "api_keys", "apiKeys", "rows", "records", "data")
_PAGINATION: Final = ("pagination", "page_info", "pageInfo", "meta")
_TOTALS: Final = ("total", "total_count", "totalCount", "total_items", "totalItems")
_TOTAL_PAGES: Final = ("total_pages", "totalPages")
_SIZES: Final = ("page_size", "pageSize", "per_page", "perPage")
_MORE: Final = ("has_more", "hasMore", "has_next", "hasNext")
_NEXT: Final = ("next", "next_page", "nextPage", "next_cursor", "nextCursor", "next_url", "nextUrl")
# Exactly so many rows and no total may be a first page of a server that does not say so.
_ROUND: Final = frozenset({10, 20, 25, 30, 50, 100, 200, 250, 500, 1000})
_LARGE_PAGE: Final = 100
_FEW_PAGES: Final = 3
# As many as the day's requests; a list that needs more could not be read anyway.
_MAX_PAGES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its rows, and what it says about the others."""

    rows: Sequence[Json]
    total: int | None
    total_pages: int | None
    size: int | None
    more: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Every row, the first answer (for the provider's clock), and what a reader should know."""

    rows: Sequence[Json]
    first: Reply
    warnings: tuple[str, ...] = ()


class _MovedError(Exception):
    """Raised when pages do not fit together, as when a key was made while they were read."""


def read_all(http: HttpClient, path: str, row_id: _RowId) -> Rows:
    """Return every row of the list.

    Args:
        http: the account's client; pages are read by as many threads as it has connections.
        path: of the list.
        row_id: returns a row's id, or raises.

    Raises:
        AnswerError: for a list of unknown shape, or one that does not come to the number it announces.
    """
    # A key that is made or removed while pages are read shifts them; twice in a row is no accident.
    with contextlib.suppress(_MovedError):
        return _read(http, path, row_id)
    try:
        return _read(http, path, row_id)
    except _MovedError as error:
        message = (
            f"GET {path}: {error}; the list is not complete, so nothing is changed; "
            "run again, and report this if it stays"
        )
        raise AnswerError(message) from None


def _read(http: HttpClient, path: str, row_id: _RowId) -> Rows:
    reply = http.get(path)
    page = page_of(reply.document)
    found = _Collected(row_id)
    found.add_page(page.rows)
    warnings: tuple[str, ...] = ()
    if _ends_here(page):
        if page.total is None and page.more is None and page.total_pages is None and len(page.rows) in _ROUND:
            warnings = (_follow(http, path, found, len(page.rows), certain=False),)
    elif page.total is not None or page.total_pages is not None:
        page = _widen(http, path, page, found)
        _read_known_pages(http, path, page, found)
    else:
        _follow(http, path, found, max(page.size or len(page.rows), 1), certain=True)
    found.check(page.total)
    return Rows(rows=found.rows, first=reply, warnings=tuple(filter(None, warnings)))


def page_of(document: Json) -> Page:
    """Return the page in an answer.

    Raises:
        AnswerError: when there is not exactly one list of keys in it; that never counts as no keys.
    """
    envelope = document if isinstance(document, dict) else {}
    data = envelope.get("data")
    if isinstance(data, list):
        return _page(data, envelope)
    if isinstance(data, dict):
        arrays = [name for name in _ARRAYS if isinstance(data.get(name), list)]
        rows = data[arrays[0]] if len(arrays) == 1 else None
        if isinstance(rows, list):
            return _page(rows, {**envelope, **data})
    message = (
        "the list of keys has an unknown form, which is not taken for an empty list; "
        "check base_url, and report this with the provider's name"
    )
    raise AnswerError(message)


def _page(rows: Sequence[Json], around: Mapping[str, Json]) -> Page:
    facts = dict(around)
    for name in _PAGINATION:
        inner = around.get(name)
        if isinstance(inner, dict):
            facts.update(inner)
    more = [facts[name] for name in _MORE if isinstance(facts.get(name), bool)]
    following = [name for name in _NEXT if name in facts]
    if not more and following:
        more = [any(facts[name] not in {None, "", False} for name in following if _is_plain(facts[name]))]
    return Page(
        rows=rows,
        total=_count(facts, _TOTALS),
        total_pages=_count(facts, _TOTAL_PAGES),
        size=_count(facts, _SIZES),
        more=bool(more[0]) if more else None,
    )


def _ends_here(page: Page) -> bool:
    if page.total is not None:
        return len(page.rows) >= page.total
    if page.total_pages is not None:
        return page.total_pages <= 1
    return not page.more


def _widen(http: HttpClient, path: str, page: Page, found: _Collected) -> Page:
    """Ask for larger pages where that saves requests; the page as it was where the server has none."""
    if not page.rows or len(page.rows) >= _LARGE_PAGE or _pages(page) <= _FEW_PAGES:
        return page
    try:
        wider = page_of(_get_page(http, path, 1, _LARGE_PAGE).document)
    except RequestRejectedError:
        # More at once than this server allows.
        return page
    if len(wider.rows) <= len(page.rows):
        return page
    found.add_page(wider.rows)
    return wider


def _pages(page: Page) -> int:
    if page.total is None:
        return page.total_pages or 1
    return -(-page.total // max(len(page.rows), 1))


def _read_known_pages(http: HttpClient, path: str, page: Page, found: _Collected) -> None:
    count = _pages(page)
    if not page.rows or count > _MAX_PAGES:
        message = f"{count} pages of {len(page.rows)} rows are announced"
        raise _MovedError(message)
    size = len(page.rows)
    with ThreadPoolExecutor(max_workers=http.max_connections) as pool:
        replies = pool.map(lambda number: _get_page(http, path, number, size), range(2, count + 1))
        pages = [page_of(reply.document) for reply in replies]
    for other in pages:
        if other.total != page.total:
            message = "the announced total changed while the pages were read"
            raise _MovedError(message)
        found.add_page(other.rows)


def _follow(http: HttpClient, path: str, found: _Collected, size: int, *, certain: bool) -> str:
    """Read on page by page until one brings nothing new; return a warning where that was a guess.

    Args:
        http: the account's client.
        path: of the list.
        found: the rows so far.
        size: rows per page.
        certain: the server said that there is more, so finding none is an error.
    """
    first = len(found.rows)
    for number in range(2, _MAX_PAGES + 1):
        page = page_of(_get_page(http, path, number, size).document)
        if not found.add_page(page.rows):
            if certain and page.more:
                message = f"page {number} repeats what is known and announces more"
                raise _MovedError(message)
            break
        if certain and not page.more:
            return ""
    else:
        message = f"there are more than {_MAX_PAGES} pages"
        raise _MovedError(message)
    if certain:
        return ""
    extra = len(found.rows) - first
    told = f"a second page brought {extra} more" if extra else "a second page brought nothing new"
    return f"the list has exactly {first} rows and tells no total; {told}"


def _get_page(http: HttpClient, path: str, number: int, size: int) -> Reply:
    # Every spelling: a server ignores those that it does not know, and repeats itself where it knows none.
    rows, skipped = str(size), str((number - 1) * size)
    params = {"page": str(number), "page_size": rows, "pageSize": rows, "limit": rows, "offset": skipped}
    return http.get(path, params)


class _Collected:
    """Rows by id, in the order of their first appearance."""

    def __init__(self, row_id: _RowId) -> None:
        self._row_id = row_id
        self._known: set[str] = set()
        self.rows: list[Json] = []

    def add_page(self, rows: Iterable[Json]) -> int:
        """Add the rows that are new and return how many were; one id twice on a page is an error."""
        page: dict[str, Json] = {}
        for row in rows:
            key_id = self._row_id(row)
            if key_id in page:
                message = (
                    "two rows of the list have the same id; nothing is changed on such a list; "
                    "run again, and report this if it stays"
                )
                raise AnswerError(message)
            page[key_id] = row
        new = [key_id for key_id in page if key_id not in self._known]
        self._known.update(new)
        self.rows.extend(page[key_id] for key_id in new)
        return len(new)

    def check(self, total: int | None) -> None:
        """Refuse a list that does not come to the announced number."""
        if total is not None and len(self.rows) != total:
            message = f"{total} keys are announced and {len(self.rows)} are shown"
            raise _MovedError(message)


def _count(facts: Mapping[str, Json], names: Sequence[str]) -> int | None:
    for name in names:
        value = facts.get(name)
        if (
            isinstance(value, str)
            and value.isascii()
            and value.isdecimal()
            and len(value) < len("10000000000")
        ):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if value is not None:
            message = f"the list tells a {name} that is not a count; check base_url"
            raise AnswerError(message)
    return None


def _is_plain(value: Json) -> bool:
    return not isinstance(value, (list, dict))
