"""A sink around any other one, for stores that hold a whole configuration value and not the bare secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from reconciler.core.secret import Secret
from reconciler.errors import SinkRefusedError
from reconciler.ports.sink import ReadableSink, ReservingSink, WriteOnlySink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.ports.sink import Entry, Sink

PLACEHOLDER: Final = "{key}"
# What the secret is replaced with to ask whether a composed value would be taken.
_SAMPLE: Final = Secret("sk-0123456789abcdef")


@runtime_checkable
class ChecksValues(Protocol):
    """A sink that does not take every text."""

    def value_problem(self, secret: Secret) -> str | None:
        """Return why a value cannot be stored, or None when it can."""


class TemplateSink:
    """Composes the value and lets another sink store it; the receipt is about the composed value.

    Args:
        inner: where composed values go.
        template: has the placeholder once, and is otherwise taken as it is.
    """

    def __init__(self, inner: Sink, template: str) -> None:
        self._inner = inner
        self._before, _, self._after = template.partition(PLACEHOLDER)

    @property
    def write_only(self) -> bool:
        """Whether the other sink shows no receipts."""
        return isinstance(self._inner, WriteOnlySink) and self._inner.write_only

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of the other sink."""
        return self._inner.stat(names)

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse what the other sink refuses, and a template that it cannot store."""
        if isinstance(self._inner, ChecksValues):
            problem = self._inner.value_problem(self._composed(_SAMPLE))
            if problem:
                msg = f"the `template` of this sink makes values that it cannot store: {problem}; change it"
                raise SinkRefusedError(msg)
        self._inner.preflight(entries)

    def reserve(self, entries: Sequence[Entry]) -> None:
        """Let the other sink make what is missing, if it does such a thing."""
        if isinstance(self._inner, ReservingSink):
            self._inner.reserve(entries)

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Store the composed value."""
        self._inner.put(entry, self._composed(secret), receipt)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Confirm the composed value."""
        self._inner.verify(entry, self._composed(secret), receipt)

    def close(self) -> None:
        """Close the other sink."""
        self._inner.close()

    def _composed(self, secret: Secret) -> Secret:
        return Secret(f"{self._before}{secret.reveal()}{self._after}")

    def _taken_out(self, composed: Secret) -> Secret | None:
        """Return the secret in a composed value; None where another template, or somebody else, made it."""
        text = composed.reveal()
        inner = text.removeprefix(self._before).removesuffix(self._after)
        around = len(self._before) + len(self._after)
        return Secret(inner) if inner and len(inner) + around == len(text) else None


class ReadableTemplateSink(TemplateSink):
    """A template before a sink that can show a secret again.

    Args:
        inner: where composed values go.
        template: as for `TemplateSink`.
        reader: the same sink, as one that shows what it holds.
    """

    def __init__(self, inner: Sink, template: str, reader: ReadableSink) -> None:
        super().__init__(inner, template)
        self._reader = reader

    def read(self, name: str) -> Secret | None:
        """Return the secret without what the template put around it."""
        composed = self._reader.read(name)
        return None if composed is None else self._taken_out(composed)


def templated(inner: Sink, template: str) -> Sink:
    """Return a sink that composes values with a template, and shows secrets again where the other one does.

    Args:
        inner: where composed values go.
        template: has the placeholder once.
    """
    if isinstance(inner, ReadableSink):
        return ReadableTemplateSink(inner, template, inner)
    return TemplateSink(inner, template)
