"""Two runs at once with a lease, by the real command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.leases.file_lease import FileLease
from tests.stores.aws import REGION

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.stores.aws import Moto

LEASE = "lease: {type: file, path: .leases/apply}\n"


def test_a_run_without_the_lease_begins_nothing(project: Project) -> None:
    """It is deferred, exit code 7, and goes through once the other run has ended; planning needs no lease."""
    project.settings(LEASE)
    other = FileLease(project.root / ".leases" / "apply")
    other.acquire()

    planned, deferred = project.run("plan"), project.run("apply", "--yes")
    assert (planned.code, deferred.code) == (0, 7)
    assert "another run has it" in deferred.stderr
    assert project.writes() == []

    other.release()
    assert project.run("apply", "--yes").code == 0


def test_a_saved_plan_and_an_approved_one_take_the_lease_too(project: Project) -> None:
    """No way to apply leads around it."""
    project.settings(LEASE)
    project.plan_file()
    other = FileLease(project.root / ".leases" / "apply")
    other.acquire()

    saved = project.run("apply", "plan.json")
    code, _ = project.on_terminal("apply", answer="y\n")

    other.release()
    assert (saved.code, code) == (7, 7)
    assert project.writes() == []


def test_an_s3_lease_needs_its_packages_and_its_credentials(project: Project) -> None:
    """A credential that is missing is told with its place, before anything is read or written."""
    project.settings(
        "lease: {type: s3, bucket: leases, key: apply, region: eu-central-1, "
        "access_key_id: {env: NOT_THERE}, secret_access_key: {env: NOT_THERE}}\n"
    )

    refused = project.run("apply", "--yes")

    assert refused.code == 3
    assert "NOT_THERE" in refused.stderr
    assert project.writes() == []


def test_a_lease_in_s3_keeps_another_runner_out(project: Project, moto: Moto) -> None:
    """Whoever has it is named; a freed one is taken, kept through the run, and freed again."""
    client = moto.client("s3")
    client.create_bucket(Bucket="leases", CreateBucketConfiguration={"LocationConstraint": REGION})
    project.settings(
        f"lease: {{type: s3, bucket: leases, key: apply, region: {REGION}, endpoint: '{moto.endpoint}', "
        "access_key_id: {env: LEASE_ID}, secret_access_key: {env: LEASE_KEY}}\n"
    )
    project.environment |= {"LEASE_ID": "AKIARECONCILER", "LEASE_KEY": "reconciler-secret"}
    taken = b'{"nonce": "x", "holder": "github ada acme/keys 4711", "ttl": 600}'
    client.put_object(Bucket="leases", Key="apply", Body=taken)

    deferred = project.run("apply", "--yes")
    assert deferred.code == 7
    assert "github ada acme/keys 4711 has it" in deferred.stderr
    assert project.writes() == []

    client.put_object(Bucket="leases", Key="apply", Body=taken.replace(b'"x"', b'""'))
    for _ in range(2):
        assert project.run("apply", "--yes").code == 0
