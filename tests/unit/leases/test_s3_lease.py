"""A lease in S3 against moto: conditional writes, expiry by the server's clock, self-fencing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import CredentialsError, DeferredError, SinkError, SinkUnverifiedError
from reconciler.leases import s3_lease
from reconciler.leases.s3_lease import SKEW, S3Lease
from reconciler.transport.aws_client import AwsRefusalError, AwsService, access_of
from tests.clocks import FakeClock
from tests.stores.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.stores.aws import Moto

BUCKET, KEY = "team-leases", "reconciler/apply"
TTL = timedelta(minutes=10)
EXPIRED = -SKEW - timedelta(seconds=10)
"""A time to live that is over at once, by whatever clock."""

Plan = Callable[[], None]


class Service:
    """A service between the lease and the server, in which single calls go wrong.

    Attributes:
        faults: what happens to the next calls of an operation: `lost` after it was done, `unsent` before it,
            or an error code.
        before: called once before the next call of an operation.
        seen: the operations, in order.
    """

    def __init__(self, inner: AwsService) -> None:
        self._inner = inner
        self.faults: dict[str, list[str]] = {}
        self.before: dict[str, Plan] = {}
        self.seen: list[str] = []

    def call(self, operation: str, parameters: Mapping[str, object], **more: Any) -> dict[str, Any]:
        """Call the server, unless something goes wrong."""
        self.seen.append(operation)
        if plan := self.before.pop(operation, None):
            plan()
        fault = (self.faults.get(operation) or [""]).pop(0)
        message = f"planned: {fault}"
        if fault == "unsent":
            raise SinkError(message)
        if fault == "missing":
            raise SinkUnverifiedError(message)
        if fault not in {"", "lost"}:
            raise AwsRefusalError(message, fault)
        answer = self._inner.call(operation, parameters, **more)
        if fault == "lost":
            raise SinkUnverifiedError(message)
        return answer

    def close(self) -> None:
        """Stay open for the other tests."""


@pytest.fixture(scope="module")
def shared(moto_server: Moto) -> Iterator[AwsService]:
    """One service for all tests, because botocore takes long to make a client."""
    clock = FakeClock()
    service = AwsService("s3", access_of(moto_server.options(clock)), clock)
    yield service
    service.close()


@pytest.fixture
def bucket(moto: Moto) -> Any:
    """Make the bucket, and return somebody else's client."""
    client = moto.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


class Run:
    """One run with its own clock and its own way to the server."""

    def __init__(self, shared: AwsService, holder: str = "run 1", ttl: timedelta = TTL) -> None:
        self.clock = FakeClock()
        self.service = Service(shared)
        self.lease = S3Lease(
            self.service,  # type: ignore[arg-type]  # it does what the real one does, or less
            self.clock,
            bucket=BUCKET,
            key=KEY,
            ttl=ttl,
            holder=holder,
        )


def body(bucket: Any) -> dict[str, Any]:
    """Return the object as it is."""
    return dict(json.loads(bucket.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()))


@pytest.mark.usefixtures("bucket")
def test_one_run_at_a_time(shared: AwsService) -> None:
    """The second one is told who has it and when to come back, and gets it after the release."""
    first, second = Run(shared), Run(shared, "run 2")
    first.lease.acquire()
    first.lease.check()
    with pytest.raises(DeferredError, match=r"run 1 has it, for at most 6\d\d s") as caught:
        second.lease.acquire()
    assert caught.value.until is not None
    with pytest.raises(DeferredError, match="not held"):
        second.lease.check()
    first.lease.release()
    second.lease.acquire()
    with pytest.raises(DeferredError, match="not held"):
        first.lease.check()
    second.lease.check()


def test_an_expired_lease_is_taken_over(shared: AwsService, bucket: Any) -> None:
    """A killed run leaves it behind, and the server's clock says when it is over."""
    Run(shared, "killed", ttl=EXPIRED).lease.acquire()
    second = Run(shared, "run 2")
    second.lease.acquire()
    second.lease.check()
    assert body(bucket)["holder"] == "run 2"


def test_of_two_that_take_over_one_wins(shared: AwsService, bucket: Any) -> None:
    """The condition is on exactly the object that was seen."""
    Run(shared, "killed", ttl=EXPIRED).lease.acquire()
    second, third = Run(shared, "run 2"), Run(shared, "run 3")

    def meanwhile() -> None:
        second.service.before["put_object"] = third.lease.acquire

    second.service.before["get_object"] = lambda: None
    second.service.before["put_object"] = lambda: second.service.before.update(get_object=meanwhile)
    with pytest.raises(DeferredError):
        second.lease.acquire()
    assert body(bucket)["holder"] == "run 3"
    third.lease.check()


def test_a_renewal_is_seen_by_whoever_wants_to_take_over(shared: AwsService, bucket: Any) -> None:
    """Two writes of one holder never look the same, or an old look would be good for a take-over."""
    holder = Run(shared, "slow", ttl=timedelta(seconds=-30))
    holder.lease.acquire()
    seen = bucket.get_object(Bucket=BUCKET, Key=KEY)["ETag"]
    holder.lease._renew()
    assert bucket.get_object(Bucket=BUCKET, Key=KEY)["ETag"] != seen


@pytest.mark.usefixtures("bucket")
def test_it_is_renewed_only_when_it_is_old(shared: AwsService) -> None:
    """A check costs nothing while it is fresh, and one request once a quarter of its time has passed."""
    run = Run(shared)
    run.lease.acquire()
    run.service.seen.clear()
    run.clock.advance(149)
    run.lease.check()
    assert run.service.seen == []
    run.clock.advance(1)
    run.lease.check()
    assert run.service.seen == ["put_object"]
    run.clock.advance(149)
    run.lease.check()
    assert run.service.seen == ["put_object"]


@pytest.mark.usefixtures("bucket")
def test_a_run_that_cannot_renew_stops_by_itself(shared: AwsService) -> None:
    """It goes on while the lease is safe, and stops at half of its time, long before others may take over."""
    run = Run(shared)
    run.lease.acquire()
    run.service.faults["put_object"] = ["unsent"] * 9
    run.clock.advance(299)
    run.lease.check()
    run.clock.advance(1)
    with pytest.raises(DeferredError, match="nothing is begun"):
        run.lease.check()
    run.service.faults.clear()
    with pytest.raises(DeferredError):
        run.lease.check()


def test_a_run_whose_lease_was_taken_over_stops(shared: AwsService, bucket: Any) -> None:
    """A paused process finds out at its first check."""
    run = Run(shared)
    run.lease.acquire()
    bucket.put_object(Bucket=BUCKET, Key=KEY, Body=b'{"nonce": "x", "holder": "other", "ttl": 600}')
    run.clock.advance(200)
    with pytest.raises(DeferredError, match="nothing is begun"):
        run.lease.check()
    run.lease.release()
    assert body(bucket)["holder"] == "other"


class TestLostAnswers:
    """What is done when nobody can tell whether a write was executed."""

    def test_a_create_that_was_executed_is_ours(self, shared: AwsService, bucket: Any) -> None:
        """The object carries the number of the run, so a look settles it."""
        run = Run(shared)
        run.service.faults["put_object"] = ["lost"]
        run.lease.acquire()
        run.lease.check()
        assert body(bucket)["holder"] == "run 1"

    def test_a_create_that_was_not_executed_is_tried_on_what_is_there(
        self, shared: AwsService, bucket: Any
    ) -> None:
        """Nothing is there, so the run comes back later."""
        del bucket
        run = Run(shared)
        run.service.faults["put_object"] = ["missing"]
        with pytest.raises(DeferredError, match="run again later"):
            run.lease.acquire()

    @pytest.mark.usefixtures("bucket")
    def test_a_renewal_that_was_executed_goes_on(self, shared: AwsService) -> None:
        """The next renewal is on the new object."""
        run = Run(shared)
        run.lease.acquire()
        for _ in range(3):
            run.service.faults["put_object"] = ["lost"]
            run.clock.advance(200)
            run.lease.check()

    @pytest.mark.usefixtures("bucket")
    def test_a_renewal_that_was_not_executed_does_not_count(self, shared: AwsService) -> None:
        """The age is that of the object at the server, not that of the try."""
        run = Run(shared)
        run.lease.acquire()
        run.clock.advance(200)
        run.service.faults["put_object"] = ["missing"] * 2
        before = run.lease._age()
        run.lease._renew()
        assert run.lease._age() >= SKEW
        assert before == timedelta(seconds=200)


class TestConflicts:
    """Two conditional writes that arrive together (409)."""

    @pytest.mark.usefixtures("bucket")
    def test_it_is_tried_again(self, shared: AwsService) -> None:
        """After a short wait."""
        run = Run(shared)
        run.service.faults["put_object"] = ["ConditionalRequestConflict"] * 3
        run.lease.acquire()
        run.lease.check()
        assert len(run.clock.slept) == 3

    @pytest.mark.usefixtures("bucket")
    def test_it_is_given_up_after_a_while(self, shared: AwsService) -> None:
        """The run is deferred, nothing is wrong."""
        run = Run(shared)
        run.service.faults["put_object"] = ["ConditionalRequestConflict"] * 20
        with pytest.raises(DeferredError):
            run.lease.acquire()


class TestErrors:
    """What cannot be a lease."""

    def test_a_bucket_that_is_not_there(self, shared: AwsService, moto: Moto) -> None:
        """It is an error to mend, not a lease of somebody else."""
        del moto
        with pytest.raises(SinkError, match="NoSuchBucket"):
            Run(shared).lease.acquire()

    def test_credentials_that_are_refused(self, moto: Moto, bucket: Any) -> None:
        """Exit code 9."""
        del bucket
        clock = FakeClock()
        lease = s3_lease.build(
            {
                **moto.options(clock, **moto.user(["ssm:GetParameters"])),
                "bucket": BUCKET,
                "key": KEY,
                "ttl": TTL,
            },
            holder="run 1",
        )
        with pytest.raises(CredentialsError):
            lease.acquire()
        lease.release()

    @pytest.mark.parametrize(
        "content", [b"", b"x", b"[]", b'{"nonce": "x"}', b'{"nonce":"","holder":"","ttl":"x"}']
    )
    def test_an_object_of_somebody_else_is_left_alone(
        self, shared: AwsService, bucket: Any, content: bytes
    ) -> None:
        """A mistyped key overwrites nothing."""
        bucket.put_object(Bucket=BUCKET, Key=KEY, Body=content)
        with pytest.raises(SinkError, match="no lease of this tool"):
            Run(shared).lease.acquire()
        assert bucket.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == content

    def test_a_server_without_a_clock(
        self, shared: AwsService, bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its time nobody can say what has expired."""
        del bucket
        Run(shared).lease.acquire()
        monkeypatch.setattr("reconciler.transport.aws_client._dated", lambda _: {})
        with pytest.raises(SinkError, match="no lease of this tool"):
            Run(shared).lease.acquire()

    def test_a_look_that_is_refused(self, shared: AwsService, bucket: Any) -> None:
        """What the service says comes through."""
        del bucket
        Run(shared).lease.acquire()
        second = Run(shared)
        second.service.faults["get_object"] = ["InvalidRange"]
        with pytest.raises(AwsRefusalError):
            second.lease.acquire()

    def test_a_release_that_fails_is_left_to_the_expiry(self, shared: AwsService, bucket: Any) -> None:
        """The run has ended, and its result is what counts."""
        del bucket
        run = Run(shared)
        run.lease.acquire()
        run.service.faults["put_object"] = ["unsent"]
        run.lease.release()
        with pytest.raises(DeferredError):
            Run(shared).lease.acquire()
