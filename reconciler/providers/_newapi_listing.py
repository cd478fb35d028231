"""The complete list of a user's keys, in both forms that the family has, or an error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from reconciler.errors import AnswerError, KeyNotFoundError, RequestRejectedError
from reconciler.providers._newapi_numbers import whole
from reconciler.providers._newapi_rows import row_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.core.strict_json import Json
    from reconciler.providers._http import Reply

    Fetch = Callable[[Mapping[str, str]], Reply]

PAGE_SIZE: Final = 100
# New API keeps at most 1,000 keys a user unless told otherwise; ten times that in pages of ten.
_MAX_PAGES: Final = 1000
_READINGS: Final = 3
# One-api's pages, whatever size is asked for.
_SMALL_PAGE: Final = 10
# The first is upstream's; relatives call the same otherwise (one-hub: `data` and `total_count`).
_ROWS: Final = ("items", "data", "list", "records", "rows", "tokens")
_TOTALS: Final = ("total", "total_count")

Shape = Literal["object", "array"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page; `total` and `size` are None where the server does not tell them."""

    rows: Sequence[Json]
    shape: Shape
    total: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Every row once, the first answer (for the provider's clock), and the form of the list.

    Attributes:
        rows: all of them.
        first: the first answer.
        shape: of the list.
        page_rows: keys that a page holds.
        page_requests: requests that a further page costs; pages without a total are read twice.
    """

    rows: Sequence[Json]
    first: Reply
    shape: Shape
    page_rows: int
    page_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """Reads one account's list.

    Args:
        fetch: reads a page of the list by its query.
        workers: the most pages at once.
        base: number of the first page of a bare list is 0; of one with a total it is 1.
        size_params: what asks for a page size.
        shape: the form that the settings say; None takes what the server shows.
        extra: further parameters of every page.
    """

    fetch: Fetch
    workers: int
    base: int
    size_params: Sequence[str]
    shape: Shape | None
    extra: Mapping[str, str]

    def read_all(self) -> Rows:
        """Return every row.

        Raises:
            AnswerError: for a list of unknown form, or one that does not hold still.
        """
        reason = ""
        for _ in range(_READINGS):
            try:
                return self._read()
            except _MovedError as error:
                reason = str(error)
        message = (
            f"GET /api/token/: {reason}; the list is not complete, so nothing is changed; "
            "run again, and report this if it stays"
        )
        raise AnswerError(message)

    def _read(self) -> Rows:
        first = self._page_reply(self.base)
        page = page_of(first.document, may_be_null=self.shape == "array")
        if self.shape not in {None, page.shape}:
            message = (
                "the list of keys has another form than the account's dialect; nothing is changed; "
                "set the account's `dialect: auto`, or the one that the server has"
            )
            raise AnswerError(message)
        if page.total is not None:
            return Rows(
                rows=self._counted(page),
                first=first,
                shape=page.shape,
                page_rows=page.size or PAGE_SIZE,
                page_requests=1,
            )
        number = self.base
        # What a server with pages from 0 on calls page 1 is its second one.
        if number != 0 and (zeroth := self._zeroth()) is not None and zeroth.rows:
            number, page = 0, zeroth
        return Rows(
            rows=self._uncounted(page, number),
            first=first,
            shape=page.shape,
            page_rows=max(len(page.rows), _SMALL_PAGE),
            page_requests=3,
        )

    def _zeroth(self) -> Page | None:
        """Return page 0; None from a server that counts from 1 and refuses it."""
        try:
            return page_of(self._page_reply(0).document, may_be_null=True)
        except (RequestRejectedError, KeyNotFoundError):
            return None

    def _counted(self, first: Page) -> Sequence[Json]:
        """Read the other pages at once, and prove the sum by the total that every page tells."""
        found: dict[int, Json] = {}
        _collect(found, first.rows)
        total = first.total or 0
        size = min(first.size or PAGE_SIZE, len(first.rows) or PAGE_SIZE) if len(found) < total else PAGE_SIZE
        if total > _MAX_PAGES * size:
            message = f"{total} keys are announced and {len(first.rows)} are on a page"
            raise _MovedError(message)
        for page in self._pages(range(2, -(-total // size) + 1)):
            if page.total != total:
                message = "the announced total changed while the pages were read"
                raise _MovedError(message)
            _collect(found, page.rows)
        # What is missing at the end is on page 0 where a server counts from there.
        if len(found) < total and (zeroth := self._zeroth()) is not None and zeroth.total == total:
            _collect(found, zeroth.rows)
        if len(found) != total:
            message = f"{total} keys are announced and {len(found)} are shown"
            raise _MovedError(message)
        return list(found.values())

    def _uncounted(self, first: Page, begin: int) -> Sequence[Json]:
        """Read on until a page is empty; a short page proves nothing where the server decides on the size.

        Args:
            first: page number `begin`.
            begin: 0, unless the server has no such page.
        """
        found: dict[int, Json] = {}
        _collect(found, first.rows)
        number, alike = begin, 0
        page = first
        while page.rows:
            number += 1
            if number > _MAX_PAGES:
                message = f"there are more than {_MAX_PAGES} pages"
                raise _MovedError(message)
            page = page_of(self._page_reply(number).document, may_be_null=True)
            if page.rows and number == begin + alike + 1 and _ids(page.rows) == _ids(first.rows):
                # Page 0 and 1 are one where a server counts from 1; a server without pages has but this one.
                alike += 1
                if alike > 1:
                    return list(found.values())
            elif _collect(found, page.rows) < len(page.rows):
                message = "keys were made while the pages were read"
                raise _MovedError(message)
        if number > begin + 1:
            self._confirm(set(found), range(begin, number))
        return list(found.values())

    def _confirm(self, known: set[int], numbers: Iterable[int]) -> None:
        """Read the pages once more: without a total, nothing else shows a key that slipped between two."""
        again: dict[int, Json] = {}
        for page in self._pages(numbers):
            _collect(again, page.rows)
        if set(again) != known:
            message = "keys came or went while the pages were read"
            raise _MovedError(message)

    def _pages(self, numbers: Iterable[int]) -> list[Page]:
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            replies = pool.map(self._page_reply, numbers)
            return [page_of(reply.document) for reply in replies]

    def _page_reply(self, number: int) -> Reply:
        sizes = dict.fromkeys(self.size_params, str(PAGE_SIZE))
        return self.fetch({"p": str(number), **sizes, **self.extra})


class _MovedError(Exception):
    """Raised when pages do not fit together, as when a key was made while they were read."""


def page_of(document: Json, *, may_be_null: bool = False) -> Page:
    """Return the page in an answer.

    Args:
        document: the answer.
        may_be_null: where bare rows are expected, null is none of them.

    Raises:
        AnswerError: for any other form, which never counts as an empty list.
    """
    envelope = document if isinstance(document, dict) else {}
    data = envelope.get("data")
    if isinstance(data, list) or (may_be_null and "data" in envelope and data is None):
        return Page(rows=data or [], shape="array")
    if isinstance(data, dict):
        rows = next((data[name] for name in _ROWS if name in data), "")
        told = next((data[name] for name in _TOTALS if data.get(name) is not None), None)
        total = _count(told)
        # Go writes an empty list as null, and only a total tells that from a list that is not there.
        if (told is None and isinstance(rows, list)) or (
            total is not None and (rows is None or isinstance(rows, list))
        ):
            size = _count(data.get("page_size"))
            return Page(rows=rows or [], shape="object", total=total, size=size or None)
    message = (
        "the list of keys has an unknown form, which is not taken for an empty list; "
        "check base_url and `dialect`, and report this with the provider's name"
    )
    raise AnswerError(message)


def _collect(found: dict[int, Json], rows: Sequence[Json]) -> int:
    """Add the rows that are new, by id, and return how many were."""
    before = len(found)
    for row in rows:
        found.setdefault(row_id(row), row)
    return len(found) - before


def _count(value: Json) -> int | None:
    count = whole(value)
    return count if count is not None and count >= 0 else None


def _ids(rows: Sequence[Json]) -> list[int]:
    return [row_id(row) for row in rows]
