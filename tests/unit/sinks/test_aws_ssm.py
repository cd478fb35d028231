"""The `aws-ssm` sink against moto's HTTP server: versions, tags, types and denials."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks import aws_ssm
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, receipt
from tests.stores.aws import between, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.ports.sink import Entry
    from reconciler.sinks.aws_ssm import AwsSsmSink
    from tests.stores.aws import Faults, Moto

WRITE = [
    f"ssm:{action}"
    for action in ("AddTagsToResource", "GetParameters", "ListTagsForResource", "PutParameter")
]


@pytest.fixture
def client(moto: Moto) -> Any:
    """Somebody else's client, who may do everything."""
    return moto.client("ssm")


@pytest.fixture(scope="module")
def usual(moto_server: Moto) -> Iterator[AwsSsmSink]:
    """One sink for all tests, because botocore takes long to make a client."""
    found = aws_ssm.build(moto_server.options(FakeClock()))
    yield found
    found.close()


@pytest.fixture
def sink(moto: Moto, usual: AwsSsmSink) -> AwsSsmSink:
    """A sink that may do everything, over an empty store."""
    del moto
    return usual


@pytest.fixture(scope="module")
def between_them(moto_server: Moto) -> Iterator[tuple[AwsSsmSink, Faults]]:
    """A sink, and what stands between it and the server."""
    with between(moto_server) as faults:
        found = aws_ssm.build(moto_server.options(FakeClock(), endpoint=faults.endpoint))
        yield found, faults
        found.close()


@pytest.fixture
def faults(between_them: tuple[AwsSsmSink, Faults]) -> Faults:
    """What goes wrong; nothing yet."""
    found = between_them[1]
    found.planned.clear()
    found.seen.clear()
    found.bodies.clear()
    return found


@pytest.fixture
def shaky(moto: Moto, faults: Faults, between_them: tuple[AwsSsmSink, Faults]) -> AwsSsmSink:
    """A sink whose requests and answers get lost, over an empty store."""
    del moto, faults
    return between_them[0]


def parameter(client: Any, name: str = NAME) -> dict[str, Any]:
    """Return what consumers get."""
    found: dict[str, Any] = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return found


def deliver(sink: AwsSsmSink, entry: Entry, secret: str, generation: int = 1) -> None:
    """Do what a run does."""
    sink.preflight([entry])
    sink.put(entry, Secret(secret), receipt(generation))
    sink.verify(entry, Secret(secret), receipt(generation))


def test_the_preflight_makes_nothing(sink: AwsSsmSink, client: Any) -> None:
    """A parameter cannot be made without a value, so none is made."""
    sink.preflight([ENTRY])

    assert client.describe_parameters()["Parameters"] == []


def test_a_parameter_is_secure_and_has_one_version_a_secret(sink: AwsSsmSink, client: Any) -> None:
    """Repeating a delivery adds no version, a rotation adds one, and the receipt names it."""
    for _ in range(2):
        deliver(sink, ENTRY, OLD)
    sink.put(ENTRY, Secret(OLD), replace(receipt(), delivered_at=receipt(5).delivered_at))
    deliver(sink, ENTRY, NEW, 2)

    found = parameter(client)
    assert (found["Type"], found["Version"], found["Value"]) == ("SecureString", 2, NEW)
    held = tags(client.list_tags_for_resource(ResourceType="Parameter", ResourceId=NAME))
    assert held["reconciler:version"] == "2"


def test_a_path_gets_its_leading_slash(sink: AwsSsmSink, client: Any) -> None:
    """AWS wants hierarchical names to start with a slash, and entries cannot."""
    entry = replace(ENTRY, name="app/prod/CLIENT_A_KEY")

    deliver(sink, entry, OLD)

    assert parameter(client, "/app/prod/CLIENT_A_KEY")["Value"] == OLD
    assert sink.stat([entry.name]) == {entry.name: receipt()}


def test_many_entries_are_asked_for_together(shaky: AwsSsmSink, faults: Faults) -> None:
    """Ten names go into one request, which is the most that AWS takes."""
    names = [f"KEY_{number}" for number in range(12)]
    deliver(shaky, replace(ENTRY, name="KEY_3"), OLD)
    faults.seen.clear()

    assert shaky.stat(names) == {"KEY_3": receipt()}
    assert faults.seen.count("GetParameters") == 2


def test_stat_decrypts_nothing(shaky: AwsSsmSink, faults: Faults) -> None:
    """A plan needs no right to the values."""
    deliver(shaky, ENTRY, OLD)
    faults.bodies.clear()

    shaky.stat([NAME])

    assert all('"WithDecryption": true' not in body for body in faults.bodies)


def test_a_parameter_of_another_type_is_refused(sink: AwsSsmSink, client: Any) -> None:
    """AWS does not change a type, so even a takeover cannot."""
    client.put_parameter(Name=NAME, Value="plain", Type="String")

    with pytest.raises(SinkRefusedError, match="not a SecureString"):
        sink.preflight([replace(ENTRY, takeover=True)])


@pytest.mark.parametrize("name", ["a#F", "a b", "arn:aws:ssm:eu-central-1:1:parameter/x", "a//b"])
def test_a_name_that_cannot_be_is_refused(sink: AwsSsmSink, name: str) -> None:
    """Parameters have neither fields nor blanks, and are not created by ARN."""
    with pytest.raises(SinkRefusedError, match="rename"):
        sink.preflight([replace(ENTRY, name=name)])
    with pytest.raises(SinkError, match="rename"):
        sink.put(replace(ENTRY, name=name), Secret(OLD), receipt())


def test_a_value_that_is_too_long_is_not_stored(sink: AwsSsmSink, client: Any) -> None:
    """The standard tier takes 4 KB, which moto does not check."""
    with pytest.raises(SinkError, match="4096"):
        sink.put(ENTRY, Secret("k" * 4097), receipt())
    assert client.describe_parameters()["Parameters"] == []


@pytest.mark.parametrize("missing", WRITE)
@pytest.mark.parametrize("exists", [True, False])
def test_a_missing_permission_comes_before_the_mint(moto: Moto, missing: str, *, exists: bool) -> None:
    """A request that is refused anyway tells whether it is permitted; nothing is changed by it."""
    if exists:
        sink = aws_ssm.build(moto.options(FakeClock()))
        deliver(sink, ENTRY, OLD)
        sink.close()
    granted = [action for action in WRITE if action != missing]
    writer = aws_ssm.build(moto.options(FakeClock(), **moto.user(granted)))

    if exists or missing in {"ssm:PutParameter", "ssm:GetParameters"}:
        with pytest.raises(CredentialsError, match=r"(?i)" + missing.partition(":")[2]):
            writer.preflight([ENTRY])
    writer.close()
    moto._post("/moto-api/reset-auth", str(2**62))
    if exists:
        assert parameter(moto.client("ssm"))["Value"] == OLD


def test_a_writer_need_not_decrypt(moto: Moto) -> None:
    """Delivery, verification and custody work without GetParameter."""
    writer = aws_ssm.build(moto.options(FakeClock(), **moto.user(WRITE)))

    deliver(writer, ENTRY, OLD)
    deliver(writer, ENTRY, NEW, 2)

    assert writer.stat([NAME]) == {NAME: receipt(2)}
    writer.close()


@pytest.mark.parametrize(
    "operation",
    ["AddTagsToResource", "GetParameter", "GetParameters", "ListTagsForResource", "PutParameter"],
)
@pytest.mark.parametrize("fault", ["lost", "unsent", "ThrottlingException", "InternalServerError"])
def test_one_fault_is_survived(
    shaky: AwsSsmSink, faults: Faults, client: Any, operation: str, fault: str
) -> None:
    """Whatever call fails once, and however, the delivery is complete in the end."""
    for generation, secret in ((1, OLD), (2, NEW)):
        shaky.preflight([ENTRY])
        faults.planned[operation] = [fault]
        shaky.put(ENTRY, Secret(secret), receipt(generation))
        shaky.verify(ENTRY, Secret(secret), receipt(generation))

    assert parameter(client)["Value"] == NEW
    assert shaky.stat([NAME]) == {NAME: receipt(2)}


@pytest.mark.parametrize("operation", ["AddTagsToResource", "PutParameter"])
def test_an_outcome_that_stays_unknown_is_told(shaky: AwsSsmSink, faults: Faults, operation: str) -> None:
    """Before the value a failure is harmless; from then on custody is unknown, and the next run mends it."""
    deliver(shaky, ENTRY, OLD)
    faults.planned[operation] = ["lost"] * 20

    with pytest.raises(SinkError) as caught:
        shaky.put(ENTRY, Secret(NEW), receipt(2))

    assert isinstance(caught.value, SinkUnverifiedError) == (operation == "PutParameter")
    assert leaked(shown(caught.value), OLD, NEW) == []
    faults.planned.clear()
    assert shaky.stat([NAME]) == ({} if operation == "PutParameter" else {NAME: receipt()})
    deliver(shaky, ENTRY, NEW, 2)


def test_somebody_else_who_was_faster_is_left_alone(shaky: AwsSsmSink, faults: Faults, client: Any) -> None:
    """A parameter that appears between the look and the write is not overwritten."""
    faults.planned["PutParameter"] = ["ParameterAlreadyExists"]
    client.put_parameter(Name="OTHER", Value="x", Type="SecureString")

    with pytest.raises(SinkRefusedError, match="at the same time"):
        shaky.put(ENTRY, Secret(NEW), receipt())


@pytest.mark.parametrize("step", ["preflight", "put"])
def test_what_aws_refuses_is_told_by_its_code(shaky: AwsSsmSink, faults: Faults, step: str) -> None:
    """A full account is no missing permission, and nothing is stored in it."""
    faults.planned["PutParameter"] = ["ParameterLimitExceeded"]

    steps: dict[str, Callable[[], None]] = {
        "preflight": lambda: shaky.preflight([ENTRY]),
        "put": lambda: shaky.put(ENTRY, Secret(NEW), receipt()),
    }

    with pytest.raises(SinkError, match="ParameterLimitExceeded") as caught:
        steps[step]()

    assert not isinstance(caught.value, SinkUnverifiedError)
    assert leaked(shown(caught.value), NEW) == []


def test_a_value_that_arrives_broken_is_noticed(sink: AwsSsmSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored is compared, so a broken value is never in custody."""
    monkeypatch.setattr(sink, "_holds", lambda *_: False)

    with pytest.raises(SinkUnverifiedError, match="not what was sent"):
        sink.put(ENTRY, Secret(NEW), receipt())
    assert sink.stat([NAME]) == {}


def test_a_key_of_your_own_encrypts_the_values(moto: Moto, faults: Faults) -> None:
    """It is named in every request that stores one."""
    sink = aws_ssm.build(moto.options(FakeClock(), endpoint=faults.endpoint, kms_key_id="alias/ours"))
    sink.put(ENTRY, Secret(OLD), receipt())
    sink.close()

    [stored] = [body for body in faults.bodies if OLD in body]
    assert json.loads(stored)["KeyId"] == "alias/ours"
