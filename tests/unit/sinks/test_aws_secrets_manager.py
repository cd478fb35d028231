"""The `aws-secrets-manager` sink against moto's HTTP server: versions, stages, fields, tags and denials."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.ports.sink import Entry
from reconciler.sinks import aws_secrets_manager
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, ORIGIN, make_ready, receipt
from tests.stores.aws import ELSEWHERE, REGION, between, tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sinks.aws_secrets_manager import AwsSecretsManagerSink
    from tests.stores.aws import Faults, Moto

FIELD = replace(ENTRY, name="app/keys#CLIENT_A")
OTHER = Entry(name="app/keys#CLIENT_B", address="reseller/client-b", origin=ORIGIN)
WRITE = [
    f"secretsmanager:{action}"
    for action in (
        "CreateSecret",
        "DescribeSecret",
        "PutSecretValue",
        "TagResource",
        "UpdateSecretVersionStage",
    )
]


@pytest.fixture
def client(moto: Moto) -> Any:
    """Somebody else's client, who may do everything."""
    return moto.client("secretsmanager")


@pytest.fixture(scope="module")
def usual(moto_server: Moto) -> Iterator[AwsSecretsManagerSink]:
    """One sink for all tests, because botocore takes long to make a client."""
    found = aws_secrets_manager.build(moto_server.options(FakeClock()))
    yield found
    found.close()


@pytest.fixture
def sink(moto: Moto, usual: AwsSecretsManagerSink) -> AwsSecretsManagerSink:
    """A sink that may do everything, over an empty store."""
    del moto
    return usual


@pytest.fixture(scope="module")
def between_them(moto_server: Moto) -> Iterator[tuple[AwsSecretsManagerSink, Faults]]:
    """A sink, and what stands between it and the server."""
    with between(moto_server) as faults:
        found = aws_secrets_manager.build(moto_server.options(FakeClock(), endpoint=faults.endpoint))
        yield found, faults
        found.close()


@pytest.fixture
def faults(between_them: tuple[AwsSecretsManagerSink, Faults]) -> Faults:
    """What goes wrong; nothing yet."""
    found = between_them[1]
    found.planned.clear()
    found.seen.clear()
    found.bodies.clear()
    return found


@pytest.fixture
def shaky(
    moto: Moto, faults: Faults, between_them: tuple[AwsSecretsManagerSink, Faults]
) -> AwsSecretsManagerSink:
    """A sink whose requests and answers get lost, over an empty store."""
    del moto, faults
    return between_them[0]


def current(client: Any, name: str = NAME) -> str:
    """Return what consumers get."""
    return str(client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"])


def stages(client: Any, name: str = NAME) -> list[list[str]]:
    """Return the stages of all versions."""
    found = client.describe_secret(SecretId=name).get("VersionIdsToStages") or {}
    return sorted(sorted(names) for names in found.values())


def deliver(sink: AwsSecretsManagerSink, entry: Entry, secret: str, generation: int = 1) -> None:
    """Do what a run does."""
    found = receipt(generation, address=entry.address)
    make_ready(sink, [entry])
    sink.put(entry, Secret(secret), found)
    sink.verify(entry, Secret(secret), found)


class TestWholeSecrets:
    """An entry that is a secret."""

    def test_a_look_leaves_nothing_behind(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """Who only asks, as `doctor` does, makes no secret."""
        sink.preflight([ENTRY])

        assert client.list_secrets()["SecretList"] == []

    def test_the_name_is_reserved_before_the_mint(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """A new secret is made without a version, so that a denied create comes in time; once is enough."""
        for _ in range(2):
            sink.reserve([ENTRY])

        assert stages(client) == []
        assert tags(client.describe_secret(SecretId=NAME)) == {"reconciler": "in use"}

    @pytest.mark.parametrize("name", ["", "a#", "a#b#c"])
    def test_what_is_no_name_is_not_reserved(
        self, sink: AwsSecretsManagerSink, client: Any, name: str
    ) -> None:
        """A sink that is asked out of order still refuses."""
        with pytest.raises(SinkRefusedError):
            sink.reserve([replace(ENTRY, name=name)])
        assert client.list_secrets()["SecretList"] == []

    def test_a_rotation_keeps_the_previous_version(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """The old secret stays under AWSPREVIOUS, from where it can be moved back."""
        deliver(sink, ENTRY, OLD)
        deliver(sink, ENTRY, NEW, 2)

        assert current(client) == NEW
        assert client.get_secret_value(SecretId=NAME, VersionStage="AWSPREVIOUS")["SecretString"] == OLD

    def test_a_repeated_delivery_stores_no_version(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """However often it is repeated, there is one version of one secret."""
        for _ in range(3):
            deliver(sink, ENTRY, OLD)
        sink.put(ENTRY, Secret(OLD), replace(receipt(), delivered_at=receipt(5).delivered_at))

        assert len(stages(client)) == 1

    def test_a_move_back_by_hand_is_seen(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """When somebody moves AWSCURRENT to the previous version, the receipt no longer counts."""
        deliver(sink, ENTRY, OLD)
        deliver(sink, ENTRY, NEW, 2)
        versions = client.describe_secret(SecretId=NAME)["VersionIdsToStages"]
        by_stage = {stage: version for version, names in versions.items() for stage in names}
        client.update_secret_version_stage(
            SecretId=NAME,
            VersionStage="AWSCURRENT",
            RemoveFromVersionId=by_stage["AWSCURRENT"],
            MoveToVersionId=by_stage["AWSPREVIOUS"],
        )

        assert sink.stat([NAME]) == {}
        deliver(sink, ENTRY, NEW, 2)
        assert current(client) == NEW

    def test_a_secret_without_a_version_is_free(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """What another tool made empty, as is common, is written without `takeover`; its tags stay."""
        client.create_secret(Name=NAME, Tags=[{"Key": "team", "Value": "billing"}])

        deliver(sink, ENTRY, OLD)

        assert tags(client.describe_secret(SecretId=NAME))["team"] == "billing"

    def test_a_secret_is_named_by_its_arn(self, moto: Moto, sink: AwsSecretsManagerSink) -> None:
        """An ARN leads to its own region, whatever the configured one is."""
        elsewhere = moto.client("secretsmanager", ELSEWHERE)
        arn = elsewhere.create_secret(Name="abroad")["ARN"]
        entry = replace(ENTRY, name=arn)

        deliver(sink, entry, OLD)

        assert current(elsewhere, "abroad") == OLD
        assert sink.stat([arn]) == {arn: receipt()}

    def test_an_arn_that_does_not_exist_is_refused(self, sink: AwsSecretsManagerSink) -> None:
        """Only AWS gives out ARNs, so such a secret cannot be made here."""
        arn = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:nothing-AbCdEf"

        with pytest.raises(SinkRefusedError, match="make it first"):
            sink.preflight([replace(ENTRY, name=arn)])

    def test_a_secret_in_deletion_is_refused(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """The remedy names the command that restores it."""
        client.create_secret(Name=NAME, SecretString=OLD)
        client.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)

        with pytest.raises(SinkRefusedError, match="restore-secret"):
            sink.preflight([replace(ENTRY, takeover=True)])

    def test_the_preflight_changes_no_version(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """Asking for the permission leaves every version and stage where it is."""
        deliver(sink, ENTRY, OLD)
        before = client.describe_secret(SecretId=NAME)["VersionIdsToStages"]

        sink.preflight([ENTRY])

        assert client.describe_secret(SecretId=NAME)["VersionIdsToStages"] == before
        assert current(client) == OLD

    def test_damaged_receipts_are_an_error(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """A tag that cannot be understood is never taken for "not delivered"."""
        deliver(sink, ENTRY, OLD)
        client.tag_resource(SecretId=NAME, Tags=[{"Key": "reconciler:0", "Value": "1.e30="}])

        with pytest.raises(SinkError, match="damaged"):
            sink.stat([NAME])
        with pytest.raises(SinkRefusedError, match="damaged"):
            sink.preflight([ENTRY])

    @pytest.mark.parametrize("name", ["a b", "x#", "#FIELD", "a#b#c", "a#" + "f" * 65])
    def test_a_name_that_cannot_be_is_refused(self, sink: AwsSecretsManagerSink, name: str) -> None:
        """The preflight says so, and nothing is asked of AWS."""
        entry = replace(ENTRY, name=name)

        with pytest.raises(SinkRefusedError, match="rename"):
            sink.preflight([entry])
        with pytest.raises(SinkError, match="rename"):
            sink.put(entry, Secret(OLD), receipt())
        with pytest.raises(SinkUnverifiedError):
            sink.verify(entry, Secret(OLD), receipt())
        assert sink.stat([name]) == {}

    def test_a_value_that_is_too_long_is_not_stored(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """The limit is known before anything is sent."""
        with pytest.raises(SinkError, match="longer"):
            sink.put(ENTRY, Secret("k" * 65_537), receipt())
        assert client.list_secrets()["SecretList"] == []


class TestFields:
    """An entry that is a member of a JSON object."""

    def test_other_fields_keep_every_byte(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """Order, spelling of numbers and white space of what is not ours stay as they are."""
        client.create_secret(Name="app/keys", SecretString='{"user": "app",  "rate": 1.10}')

        deliver(sink, FIELD, OLD)
        deliver(sink, OTHER, NEW)

        found = current(client, "app/keys")
        assert found.startswith('{"user": "app",  "rate": 1.10')
        assert json.loads(found) == {"user": "app", "rate": 1.10, "CLIENT_A": OLD, "CLIENT_B": NEW}
        assert set(sink.stat([FIELD.name, OTHER.name])) == {FIELD.name, OTHER.name}

    def test_a_field_of_somebody_else_is_refused(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """Unless the delivery declares the takeover."""
        client.create_secret(Name="app/keys", SecretString='{"CLIENT_A": "by-hand"}')

        with pytest.raises(SinkRefusedError, match="did not write"):
            sink.preflight([FIELD])
        deliver(sink, replace(FIELD, takeover=True), OLD)
        assert json.loads(current(client, "app/keys")) == {"CLIENT_A": OLD}

    def test_a_rotated_neighbour_does_not_touch_the_receipt(
        self, sink: AwsSecretsManagerSink, client: Any
    ) -> None:
        """A version that changes another field keeps this one in custody; one that changes it does not."""
        deliver(sink, FIELD, OLD)
        document = json.loads(current(client, "app/keys"))
        client.put_secret_value(SecretId="app/keys", SecretString=json.dumps({**document, "more": 1}))
        assert sink.stat([FIELD.name]) == {FIELD.name: receipt()}

        client.put_secret_value(SecretId="app/keys", SecretString=json.dumps({"CLIENT_A": "by-hand"}))
        assert sink.stat([FIELD.name]) == {}

    @pytest.mark.parametrize("content", ["plain text", "[1]", '{"CLIENT_A": "x", "CLIENT_A": "y"}'])
    def test_what_has_no_fields_is_refused(
        self, sink: AwsSecretsManagerSink, client: Any, content: str
    ) -> None:
        """A secret that is no JSON object with unique names is left alone, takeover or not."""
        client.create_secret(Name="app/keys", SecretString=content)

        with pytest.raises(SinkRefusedError, match="not a JSON object"):
            sink.preflight([replace(FIELD, takeover=True)])
        assert current(client, "app/keys") == content

    def test_a_binary_secret_is_refused(self, sink: AwsSecretsManagerSink, client: Any) -> None:
        """Bytes that cannot be read as text are never replaced by an object of our own."""
        client.create_secret(Name="app/keys", SecretBinary=b"\x00\x01")

        with pytest.raises(SinkRefusedError, match="not a JSON object"):
            sink.preflight([replace(FIELD, takeover=True)])

    def test_a_field_of_an_entry_is_refused(self, sink: AwsSecretsManagerSink) -> None:
        """A secret that is an entry as a whole has no fields for other entries."""
        deliver(sink, replace(ENTRY, name="app/keys"), '{"a": "b"}')

        with pytest.raises(SinkRefusedError, match="as a whole"):
            sink.preflight([OTHER])

    def test_a_change_at_the_same_time_is_kept(
        self, shaky: AwsSecretsManagerSink, faults: Faults, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When somebody else stores a version between reading and promoting, both changes are in the end."""
        deliver(shaky, FIELD, OLD)
        api = shaky._api
        store = api.store
        raced: list[bool] = []

        def slower(*arguments: Any) -> None:
            store(*arguments)
            if not raced:
                raced.append(True)
                content = json.dumps({"CLIENT_A": OLD, "by_hand": "kept"})
                client.put_secret_value(SecretId="app/keys", SecretString=content)

        monkeypatch.setattr(api, "store", slower)
        deliver(shaky, FIELD, NEW, 2)

        assert json.loads(current(client, "app/keys")) == {"CLIENT_A": NEW, "by_hand": "kept"}
        assert faults.seen.count("PutSecretValue") >= 3


class TestPermissions:
    """Users with a policy, checked by moto."""

    @pytest.mark.parametrize("missing", ["CreateSecret", "DescribeSecret", "TagResource"])
    def test_a_missing_permission_comes_before_the_mint(self, moto: Moto, missing: str) -> None:
        """What the preflight can prove, it proves."""
        if missing == "TagResource":
            moto.client("secretsmanager").create_secret(Name=NAME)
        granted = [action for action in WRITE if not action.endswith(missing)]
        sink = aws_secrets_manager.build(moto.options(FakeClock(), **moto.user(granted)))

        with pytest.raises(CredentialsError, match=missing):
            make_ready(sink, [ENTRY])
        sink.close()

    def test_a_missing_put_is_found_on_a_secret_in_use(self, moto: Moto, sink: AwsSecretsManagerSink) -> None:
        """The version that is there is stored once more, which changes nothing and needs the permission."""
        deliver(sink, ENTRY, OLD)
        granted = [action for action in WRITE if not action.endswith("PutSecretValue")]
        granted.append("secretsmanager:GetSecretValue")
        reader = aws_secrets_manager.build(moto.options(FakeClock(), **moto.user(granted)))

        with pytest.raises(CredentialsError, match="PutSecretValue"):
            reader.preflight([ENTRY])
        reader.close()

    def test_a_writer_need_not_read(self, moto: Moto) -> None:
        """Whole secrets are delivered, verified and found in custody without GetSecretValue."""
        writer = aws_secrets_manager.build(moto.options(FakeClock(), **moto.user(WRITE)))

        deliver(writer, ENTRY, OLD)
        deliver(writer, ENTRY, NEW, 2)

        assert writer.stat([NAME]) == {NAME: receipt(2)}
        writer.close()

    def test_a_denied_promotion_is_finished_by_the_next_run(
        self, moto: Moto, sink: AwsSecretsManagerSink, client: Any
    ) -> None:
        """The new secret waits under AWSPENDING, consumers keep the old one, and nothing is in custody."""
        deliver(sink, ENTRY, OLD)
        granted = [action for action in WRITE if not action.endswith("Stage")]
        writer = aws_secrets_manager.build(moto.options(FakeClock(), **moto.user(granted)))

        with pytest.raises(SinkUnverifiedError, match="UpdateSecretVersionStage"):
            writer.put(ENTRY, Secret(NEW), receipt(2))
        writer.close()
        moto._post("/moto-api/reset-auth", str(2**62))

        assert current(client) == OLD
        assert sink.stat([NAME]) == {NAME: receipt()}
        deliver(sink, ENTRY, NEW, 2)
        assert current(client) == NEW


class TestFaults:
    """A network that loses things."""

    @pytest.mark.parametrize(
        "operation",
        [
            "CreateSecret",
            "DescribeSecret",
            "GetSecretValue",
            "PutSecretValue",
            "TagResource",
            "UpdateSecretVersionStage",
        ],
    )
    @pytest.mark.parametrize("fault", ["lost", "unsent", "ThrottlingException", "InternalServiceError"])
    def test_one_fault_is_survived(
        self, shaky: AwsSecretsManagerSink, faults: Faults, client: Any, operation: str, fault: str
    ) -> None:
        """Whatever call fails once, and however, there is one version of each secret in the end."""
        faults.planned[operation] = [fault]
        deliver(shaky, ENTRY, OLD)
        faults.planned[operation] = [fault]
        deliver(shaky, ENTRY, NEW, 2)

        assert current(client) == NEW
        assert len(stages(client)) == 2

    @pytest.mark.parametrize("operation", ["TagResource", "PutSecretValue", "UpdateSecretVersionStage"])
    def test_an_outcome_that_stays_unknown_is_told(
        self, shaky: AwsSecretsManagerSink, faults: Faults, client: Any, operation: str
    ) -> None:
        """Tries are bounded; before the value the failure is harmless, from then on custody is unknown."""
        deliver(shaky, ENTRY, OLD)
        faults.planned[operation] = ["lost"] * 20
        faults.seen.clear()

        with pytest.raises(SinkError) as caught:
            shaky.put(ENTRY, Secret(NEW), receipt(2))

        assert faults.seen.count(operation) == 5
        assert isinstance(caught.value, SinkUnverifiedError) == (operation != "TagResource")
        assert leaked(shown(caught.value), OLD, NEW) == []
        faults.planned.clear()
        deliver(shaky, ENTRY, NEW, 2)
        assert current(client) == NEW

    def test_an_error_that_quotes_the_secret_is_not_shown(
        self, shaky: AwsSecretsManagerSink, faults: Faults
    ) -> None:
        """Of what the service says only the code is shown."""
        faults.planned["PutSecretValue"] = ["EncryptionFailure"]

        with pytest.raises(SinkError, match="EncryptionFailure") as caught:
            shaky.put(ENTRY, Secret(NEW), receipt())

        assert not isinstance(caught.value, SinkUnverifiedError)
        assert leaked(shown(caught.value), NEW) == []

    def test_nobody_listening_is_no_unknown_outcome(self, moto: Moto) -> None:
        """Where nothing was sent, nothing was stored."""
        clock = FakeClock()
        sink = aws_secrets_manager.build(moto.options(clock, endpoint="http://127.0.0.1:9"))

        with pytest.raises(SinkError, match="check region, endpoint") as caught:
            sink.put(ENTRY, Secret(NEW), receipt())

        assert not isinstance(caught.value, SinkUnverifiedError)
        assert clock.slept == [0.5, 1.0, 2.0, 4.0]
        sink.close()

    @pytest.mark.parametrize("operation", ["DescribeSecret", "CreateSecret"])
    def test_what_aws_refuses_is_told_by_its_code(
        self, shaky: AwsSecretsManagerSink, faults: Faults, operation: str
    ) -> None:
        """Before anything is minted, with nothing of what AWS quotes."""
        faults.planned[operation] = ["LimitExceededException"]

        with pytest.raises(SinkRefusedError, match="LimitExceededException"):
            make_ready(shaky, [ENTRY])

    def test_an_arn_of_nothing_is_not_made(self, sink: AwsSecretsManagerSink) -> None:
        """Only AWS gives out ARNs, so a name has to be declared, or the secret made by hand."""
        arn = f"arn:aws:secretsmanager:{ELSEWHERE}:123456789012:secret:nothing-AbCdEf"

        for ask in (sink.preflight, sink.reserve):
            with pytest.raises(SinkRefusedError, match="make it first"):
                ask([replace(ENTRY, name=arn)])

    def test_a_key_of_your_own_encrypts_what_is_made(self, moto: Moto, faults: Faults) -> None:
        """It is named when a secret is made, and AWS uses it from then on."""
        sink = aws_secrets_manager.build(
            moto.options(FakeClock(), endpoint=faults.endpoint, kms_key_id="alias/ours")
        )
        deliver(sink, ENTRY, OLD)
        sink.close()

        [made] = [body for body in faults.bodies if "KmsKeyId" in body]
        assert json.loads(made)["KmsKeyId"] == "alias/ours"

    def test_a_binary_secret_is_not_written_by_a_look(
        self, shaky: AwsSecretsManagerSink, faults: Faults, client: Any
    ) -> None:
        """Its bytes are not shown to us as text, so they cannot be stored once more."""
        client.create_secret(Name=NAME, SecretBinary=b"\x00\xff")

        shaky.preflight([replace(ENTRY, takeover=True)])

        assert "PutSecretValue" not in faults.seen

    def test_a_value_that_arrives_broken_is_never_promoted(
        self, sink: AwsSecretsManagerSink, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is stored is compared before consumers get it."""
        deliver(sink, ENTRY, OLD)
        monkeypatch.setattr(sink._api, "has", lambda *_: False)

        with pytest.raises(SinkUnverifiedError, match="not what was sent"):
            sink.put(ENTRY, Secret(NEW), receipt(2))
        assert current(client) == OLD

    def test_a_receipt_that_cannot_be_completed_is_told(
        self, shaky: AwsSecretsManagerSink, faults: Faults
    ) -> None:
        """The value is there and its receipt is not, so the next run delivers again."""
        faults.planned["TagResource"] = ["", "LimitExceededException"]

        with pytest.raises(SinkUnverifiedError, match="LimitExceededException"):
            shaky.put(ENTRY, Secret(OLD), receipt())
        assert shaky.stat([NAME]) == {}

    def test_a_secret_that_others_change_all_the_time_is_left_to_a_later_run(
        self, sink: AwsSecretsManagerSink, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After three races the consumers still have what they had."""
        deliver(sink, ENTRY, OLD)
        monkeypatch.setattr(sink._api, "promote", lambda *_: False)

        with pytest.raises(SinkUnverifiedError, match="again and again"):
            sink.put(ENTRY, Secret(NEW), receipt(2))
        assert current(client) == OLD
