"""Stores that say yes in another form than they document: an error of ours, never "nothing is there"."""

from __future__ import annotations

import warnings
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import ReconcilerError, SinkError
from reconciler.leases.s3_lease import S3Lease
from reconciler.ports.sink import Entry
from reconciler.sinks import aws_secrets_manager, aws_ssm, gcp_secret_manager, github_actions, vault
from reconciler.transport.aws_client import AwsService, access_of
from tests.clocks import FakeClock
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.ports.sink import Sink

ENTRY = Entry(name="CLIENT_A", address="acc/client-a", origin="https://api.example")
AWS = {
    "region": "eu-central-1",
    "access_key_id": Secret("AKIAEXAMPLE"),
    "secret_access_key": Secret("kept-for-the-signature"),
}
LEASE = {
    "Date": "Fri, 20 Nov 2026 12:00:00 GMT",
    "Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT",
    "ETag": '"a"',
}


def over_github(url: str) -> Sink:
    """Return a sink of GitHub's."""
    return github_actions.build(
        {"repository": "acme/app", "token": Secret("ghp_x"), "base_url": url, "clock": FakeClock()}
    )


def over_organisation(url: str) -> Sink:
    """Return a sink of an organisation of GitHub's, which asks for the ids of repositories."""
    return github_actions.build(
        {
            "organization": "acme",
            "visibility": "selected",
            "selected_repositories": ("one",),
            "token": Secret("ghp_x"),
            "base_url": url,
            "clock": FakeClock(),
        }
    )


def over_vault(url: str) -> Sink:
    """Return a sink of Vault's, with a token of its own."""
    return vault.build(
        {
            "address": url,
            "mount": "secret",
            "field": "value",
            "auth": "token",
            "token": Secret("hvs.x"),
            "clock": FakeClock(),
        }
    )


def over_login(url: str) -> Sink:
    """Return a sink of Vault's that logs in first."""
    return vault.build(
        {
            "address": url,
            "mount": "secret",
            "field": "value",
            "auth": "approle",
            "role_id": "r",
            "secret_id": Secret("s"),
            "clock": FakeClock(),
        }
    )


def over_secrets_manager(url: str) -> Sink:
    """Return a sink of AWS's."""
    return aws_secrets_manager.build({**AWS, "endpoint": url, "clock": FakeClock()})


def over_ssm(url: str) -> Sink:
    """Return the other sink of AWS's."""
    return aws_ssm.build({**AWS, "endpoint": url, "clock": FakeClock()})


@pytest.mark.parametrize(
    ("build", "bodies"),
    [
        (over_github, [{"secrets": 5}]),
        (over_github, [{"secrets": ["CLIENT_A"]}]),
        (over_github, [{"secrets": []}, {"variables": {}}]),
        (over_vault, [{"data": {"current_version": {}}}]),
        (over_vault, [{"data": {"current_version": "1"}}]),
        (over_login, [{"auth": ["token"]}]),
        (over_login, [{"auth": "token"}]),
        (over_secrets_manager, [{"Name": "CLIENT_A"}]),
        (over_ssm, [{"Parameters": [{"Type": "SecureString"}]}]),
        (over_ssm, [{"Parameters": [None]}]),
    ],
)
def test_what_is_there_cannot_be_told(build: Callable[[str], Sink], bodies: list[dict[str, Any]]) -> None:
    """A plan says so; it does not take the entry for free."""
    answers = [respond(200, body) for body in bodies]
    with RawServer(tuple(answers)) as server, closing(build(server.url)) as sink, pytest.raises(SinkError):
        sink.stat([ENTRY.name])


def test_capabilities_of_another_form_are_lacking() -> None:
    """What is no list of words grants nothing."""
    mount = respond(200, {"data": {"type": "kv", "options": {"version": "2"}}})
    granted = respond(200, {"data": {"secret/data/CLIENT_A": [{}], "secret/metadata/CLIENT_A": 5}})
    with (
        RawServer((mount, granted)) as server,
        closing(over_vault(server.url)) as sink,
        pytest.raises(ReconcilerError, match="policies lack"),
    ):
        sink.preflight([ENTRY])


@pytest.mark.parametrize("number", [None, "7", [], {}])
def test_a_repository_without_a_number(number: object) -> None:
    """Nothing is written for an audience that cannot be named."""
    missing = respond(404, {})
    with (
        RawServer((missing, missing, respond(200, {"id": number}))) as server,
        closing(over_organisation(server.url)) as sink,
        pytest.raises(SinkError, match="not a repository with an id"),
    ):
        sink.put(ENTRY, Secret("sk-0123456789abcdef"), _receipt())


def _receipt() -> Any:
    from tests.unit.core.worlds import receipt  # noqa: PLC0415  # one use

    return receipt("7", "client-a", label="acc")


def test_a_state_of_google_that_nobody_knows() -> None:
    """A version in it is not enabled, and so not what consumers read."""
    secret = respond(200, {"name": "projects/p/secrets/CLIENT_A", "etag": "1"})
    latest = respond(200, {"name": "projects/p/secrets/CLIENT_A/versions/1", "state": 99})
    with RawServer((secret, latest)) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sink = gcp_secret_manager.build(
            {"project": "p", "endpoint": server.url, "access_token": Secret("x"), "clock": FakeClock()}
        )
        with closing(sink):
            assert sink.stat([ENTRY.name]) == {}


@pytest.mark.parametrize("body", ["", "[]", '"x"', "{", '{"annotations": 5}'])
def test_google_answers_in_another_form(body: str) -> None:
    """Its parser has errors of its own, of which none gets out."""
    answer = respond(200, body.encode(), {"Content-Type": "application/json"})
    with RawServer((answer,)) as server:
        sink = gcp_secret_manager.build(
            {"project": "p", "endpoint": server.url, "access_token": Secret("x"), "clock": FakeClock()}
        )
        with closing(sink), pytest.raises(ReconcilerError):
            sink.preflight([ENTRY])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Date": "Fri, 31 Dec 9999 23:59:59 -2359"}, {}),
        ({"Last-Modified": "Fri, 20 Nov 2026 10:00:00"}, {}),
        ({"Last-Modified": "Fri, 20 Nov 18446744073709551616 10:00:00 GMT"}, {}),
        ({"ETag": ""}, {}),
        ({}, {"ttl": 1e300}),
        ({}, {"ttl": True}),
        ({}, {"ttl": "600"}),
        ({}, {"nonce": ...}),
    ],
    ids=str,
)
def test_an_object_that_is_no_lease(headers: Mapping[str, str], body: Mapping[str, object]) -> None:
    """Whoever put it there, nobody takes it over."""
    content = {"nonce": "n", "holder": "run 7", "ttl": 600.0, **body}
    shown = {name: value for name, value in content.items() if value is not ...}
    there = respond(412, b"<Error><Code>PreconditionFailed</Code></Error>")
    with RawServer((there, respond(200, shown, {**LEASE, **headers}))) as server:
        service = AwsService("s3", access_of({**AWS, "endpoint": server.url}), FakeClock())
        lease = S3Lease(service, FakeClock(), bucket="b", key="k", ttl=timedelta(minutes=10), holder="run 8")
        with pytest.raises(SinkError):
            lease.acquire()
        lease.release()


def test_a_lease_whose_tag_is_not_told_is_looked_at() -> None:
    """A yes without the tag is like a lost answer."""
    content = {"nonce": "other", "holder": "run 7", "ttl": 600.0}
    with RawServer(
        (respond(200, b""), respond(200, content, {**LEASE, "Last-Modified": LEASE["Date"]}))
    ) as server:
        service = AwsService("s3", access_of({**AWS, "endpoint": server.url}), FakeClock())
        lease = S3Lease(service, FakeClock(), bucket="b", key="k", ttl=timedelta(minutes=10), holder="run 8")
        with pytest.raises(ReconcilerError, match="run 7 has it"):
            lease.acquire()
        lease.release()
