"""What steps of work cost in HTTP requests, as data that a provider or its list tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCosts:
    """HTTP requests that one step of work costs at most when nothing fails and nobody interferes.

    Attributes:
        read: one key as it is now.
        create: minting, without finding out which key it became.
        plaintext: reading that of an existing key.
        update: one change of any number of fields.
        revive: what an update costs besides where the key has expired or is used up.
        switch: enabling or disabling.
        delete: deleting, the proof of it included.
        rename: giving a key another name.
        session: what is asked once a run, beside the list of keys.
    """

    read: int = 1
    create: int = 1
    plaintext: int = 1
    update: int = 1
    revive: int = 0
    switch: int = 1
    delete: int = 1
    rename: int = 1
    session: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCost:
    """HTTP requests that a list of keys takes.

    Attributes:
        requests: that it took.
        page_rows: keys that one page holds; None where one request brings all.
        page_requests: that each further page adds.
        first_key: that the first key adds to an empty list.
    """

    requests: int = 1
    page_rows: int | None = None
    page_requests: int = 1
    first_key: int = 0

    def with_more(self, rows: int, more: int) -> int:
        """Return what the list takes once it has grown.

        Args:
            rows: keys that it held.
            more: keys that came since.
        """
        if self.page_rows is None:
            return self.requests
        pages = (max(-(-count // self.page_rows), 1) for count in (rows + more, rows))
        further = self.page_requests * (next(pages) - next(pages))
        return self.requests + further + (self.first_key if not rows and more else 0)
