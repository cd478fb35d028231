"""A lease for runs anywhere: an object in S3 that expires by the server's clock.

A create is allowed where nothing is (`If-None-Match: *`), every later write only over the exact object that
was seen (`If-Match`): AWS docs, "Conditional writes". The age of an object is the difference of two times of
the server, `Date` and `Last-Modified`, so no clock of a client decides who has the lease. The holder gives up
at half of the time to live on its own monotonic clock, long before anybody may take the lease over.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.sanitize import redact
from reconciler.core.strict_json import parse
from reconciler.errors import DeferredError, ReconcilerError, SinkError, SinkUnverifiedError
from reconciler.transport.aws_client import AwsRefusalError, AwsService, access_of
from reconciler.transport.retry_after import http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.ports.clock import Clock

_CONFLICTS: Final = 5
_CONFLICT_SECONDS: Final = 0.5
_LARGEST: Final = 64 * 1024
_LONGEST_SECONDS: Final = 366 * 86_400
_LOST: Final = frozenset({"PreconditionFailed", "412", "NoSuchKey"})
_BUSY: Final = "ConditionalRequestConflict"
# `Date` and `Last-Modified` have whole seconds, and servers' clocks differ a little.
SKEW: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The object as it is.

    Attributes:
        etag: of exactly this content.
        nonce: of who wrote it; empty after a release.
        holder: to show.
        age: since it was written, by the server's clock.
        ttl: of the holder's lease.
    """

    etag: str
    nonce: str
    holder: str
    age: timedelta
    ttl: timedelta

    @property
    def left(self) -> timedelta:
        """Until anybody may take it over."""
        return self.ttl + SKEW - self.age


class S3Lease:
    """One object, held from `acquire` to `release` or until it expires.

    Args:
        service: S3.
        clock: for waits, and for how long ago the lease was renewed.
        bucket: where.
        key: of the object.
        ttl: how long after its last renewal others may take the lease over.
        holder: who this run is, to show to others.
    """

    def __init__(
        self, service: AwsService, clock: Clock, *, bucket: str, key: str, ttl: timedelta, holder: str
    ) -> None:
        self._service = service
        self._clock = clock
        self._place = {"Bucket": bucket, "Key": key}
        self._shown = f"lease s3://{bucket}/{key}"
        self._ttl = ttl
        self._holder = holder
        self._nonce = secrets.token_hex(16)
        self._etag: str | None = None
        self._renewed = 0.0

    def acquire(self) -> None:
        """Create the object, or take it over once it has expired or was released.

        Raises:
            DeferredError: when another run has it.
            CredentialsError: when the credentials are refused.
            SinkError: when S3 cannot be asked.
        """
        if self._write({"IfNoneMatch": "*"}):
            return
        seen = self._look()
        if seen is not None and seen.nonce and seen.left > timedelta(0):
            seconds = int(seen.left.total_seconds()) + 1
            msg = f"{self._shown}: {seen.holder} has it, for at most {seconds} s more; run again then"
            raise DeferredError(msg, until=self._clock.now() + seen.left)
        if seen is None or not self._write({"IfMatch": seen.etag}):
            msg = f"{self._shown}: another run took it at this moment; run again later"
            raise DeferredError(msg)

    def check(self) -> None:
        """Renew the lease when a quarter of its time has passed; stop where half of it has.

        Raises:
            DeferredError: when it is lost, or could not be renewed in time.
        """
        age = self._age()
        if self._etag is not None and age >= self._ttl / 4:
            self._renew()
            age = self._age()
        if self._etag is None or age >= self._ttl / 2:
            self._etag = None
            msg = f"{self._shown}: it is not held any more, so nothing is begun; run again"
            raise DeferredError(msg)

    def release(self) -> None:
        """Mark the object as free if it is still ours, and release connections."""
        try:
            if self._etag is not None:
                self._write({"IfMatch": self._etag}, nonce="")
        except ReconcilerError:
            pass  # it expires by itself
        finally:
            self._etag = None
            self._service.close()

    def _age(self) -> timedelta:
        return timedelta(seconds=self._clock.monotonic() - self._renewed)

    def _renew(self) -> None:
        etag = self._etag
        try:
            if not self._write({"IfMatch": etag}):
                self._etag = None
        except ReconcilerError:
            # Whoever cannot be reached gives nobody the lease either; the age decides.
            self._etag = etag

    def _write(self, condition: Mapping[str, object], *, nonce: str | None = None) -> bool:
        """Write the object if the condition holds; False when it does not."""
        body = {
            "nonce": self._nonce if nonce is None else nonce,
            "holder": self._holder,
            "ttl": self._ttl.total_seconds(),
            # A tag is a hash of the content, so equal contents would look like no write at all.
            "serial": secrets.token_hex(8),
        }
        asked = {
            **self._place,
            **condition,
            "Body": json.dumps(body).encode(),
            "ContentType": "application/json",
        }
        # The time counts from before the request: the server's own time of the write is later.
        started = self._clock.monotonic()
        etag = self._put(asked)
        if etag is None:
            # After a lost answer the write may be there, or the condition failed because of it.
            seen = self._look()
            if nonce is not None or seen is None or seen.nonce != self._nonce:
                return False
            etag = seen.etag
            started = min(started, self._clock.monotonic() - (seen.age + SKEW).total_seconds())
        self._etag, self._renewed = etag, started
        return True

    def _put(self, asked: Mapping[str, object]) -> str | None:
        """Return the new tag, or None when the condition does not hold or nobody can tell."""
        for _ in range(_CONFLICTS):
            try:
                answer = self._service.call("put_object", asked, repeatable=False)
                return str(answer["ETag"]) if answer.get("ETag") else None
            except SinkUnverifiedError:
                return None
            except AwsRefusalError as error:
                if error.code in _LOST:
                    return None
                if error.code != _BUSY:
                    raise
            self._clock.sleep(_CONFLICT_SECONDS)
        return None

    def _look(self) -> _Seen | None:
        """Return the object, or None where there is none."""
        try:
            answer = self._service.call("get_object", self._place, reads=True)
        except AwsRefusalError as error:
            if error.code in _LOST:
                return None
            raise
        found, age, etag = _content(answer.get("Body")), _age_of(answer), answer.get("ETag")
        if found is None or age is None or not etag:
            msg = f"{self._shown}: the object is no lease of this tool; name another key, or remove it"
            raise SinkError(msg)
        return _Seen(
            etag=str(etag),
            nonce=str(found["nonce"]),
            holder=redact(str(found["holder"])),
            age=age,
            ttl=timedelta(seconds=float(found["ttl"])),
        )


def _age_of(answer: Mapping[str, Any]) -> timedelta | None:
    """Return how long ago an object was written, by the server's clock; None where it does not say."""
    now, written = http_date(str(answer.get("Date"))), answer.get("LastModified")
    if now is None or not isinstance(written, datetime) or written.tzinfo is None:
        return None
    return now - written


def _content(body: Any) -> dict[str, Any] | None:
    try:
        found: Any = parse(body.read(_LARGEST))
    except Exception:  # noqa: BLE001  # a body is a stream of botocore's, with errors of its own
        return None
    if not isinstance(found, dict) or not found.keys() >= {"nonce", "holder", "ttl"}:
        return None
    ttl = found["ttl"]
    if isinstance(ttl, bool) or not isinstance(ttl, int | Decimal):
        return None
    return found if -_LONGEST_SECONDS <= ttl <= _LONGEST_SECONDS else None


def build(options: Mapping[str, Any], *, holder: str) -> S3Lease:
    """Return the lease that the options describe; S3 is asked nothing yet.

    Args:
        options: `bucket`, `key`, `ttl`, `clock`, and how AWS is reached.
        holder: who this run is.
    """
    clock: Clock = options["clock"]
    service = AwsService("s3", access_of(options), clock)
    return S3Lease(
        service, clock, bucket=options["bucket"], key=options["key"], ttl=options["ttl"], holder=holder
    )
