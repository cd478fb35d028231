"""The whole program where the network leads elsewhere, or nowhere: redirects, proxies, certificates."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.certificates import Authority
from tests.e2e.hostile_scene import scene
from tests.e2e.hostile_server import Trap
from tests.e2e.process_faults import without_network
from tests.e2e.spoiled_answers import bodied, headed, then
from tests.e2e.tls_front import TlsFront
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.e2e.command import Project
    from tests.e2e.hostile_scene import Scene
    from tests.e2e.hostile_server import Spoil

LIST = "/api/v1/reseller/keys"
LATER = "run again after 2[0-9]{3}-"
STATUSES = ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")
PLACES = {
    "another scheme": "https://{trap}/",
    "no scheme": "//{trap}/api/v1/reseller/keys",
    "a user": "http://root:toor@{trap}/",
    "a file": "file:///etc/passwd",
    "itself": "/api/v1/reseller/keys",
    "a line break": "http://{trap}/\r\nX-More: http://{trap}/",
}


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """A place where nobody should go; it says so at the end of each test by `assert_unseen`."""
    with Trap() as place:
        yield place


def redirects(place: str) -> Iterator[tuple[str, Spoil]]:
    """Return every status with one place, and one status with every place."""
    for status in STATUSES:
        yield status, headed(f"Location: http://{place}/", status=status)
    for name, text in PLACES.items():
        yield name, headed(f"Location: {text.format(trap=place)}", status="307 Temporary")


@pytest.mark.parametrize("name", [*STATUSES, *PLACES])
def test_nobody_is_sent_elsewhere(tmp_path: Path, trap: Trap, name: str) -> None:
    """Neither a read nor a create follows: the other place sees no connection, and the create is not lost."""
    spoil = dict(redirects(trap.place))[name]
    with scene(tmp_path) as stage:
        stage.provider.begin("GET", LIST, spoil)
        planned = stage.run("plan")
        tries = stage.provider.struck
        stage.provider.begin("POST", LIST, spoil)
        applied = stage.run("apply", "--yes")

        assert (planned.code, planned.stdout, tries, applied.code) == (1, "", 1, 6)
        for text in (planned.stderr, " ".join(applied.stdout.split())):
            assert "a redirect, which is never followed" in text
            assert "set base_url to the final address" in text
        stage.assert_one_live_key()
        assert (trap.connections, trap.received) == (0, 0)


WAITS = ("-1", "1e18", "9" * 19, "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "0")


@pytest.mark.parametrize("asked", WAITS)
def test_any_retry_after_ends_in_time(tmp_path: Path, asked: str) -> None:
    """A 429 is never the plan's end in an error: exit code 7, with the time to come back."""
    spoil = headed(f"Retry-After: {asked}", status="429 Too Many Requests")
    with scene(tmp_path) as stage:
        stage.provider.begin("GET", LIST, spoil)
        planned = stage.run("plan")
        stage.provider.begin("POST", LIST, spoil, executes=False)
        applied = stage.run("apply", "--yes")

        assert (planned.code, planned.stdout, applied.code) == (7, "", 7)
        for text in (planned.stderr, " ".join(applied.stdout.split())):
            assert re.search(LATER, text) or "run again later" in text
        stage.assert_one_live_key()


DATES = ("Wed, 21 Oct 2015 07:28:00 GMT", "Sat, 21 Nov 2076 07:28:00 GMT", "around noon", "")


@pytest.mark.parametrize("date", DATES)
def test_the_clock_of_the_provider_decides_nothing_for_good(tmp_path: Path, date: str) -> None:
    """A key whose secret is on the way is recovered or replaced under any Date; one lives, in custody."""
    dated = headed(f"Date: {date}") if date else headed()
    with scene(tmp_path) as stage:
        stage.provider.begin("POST", LIST, bodied(lambda _: b"{"))
        assert stage.run("apply", "--yes").code == 6
        stage.provider.begin("GET", LIST, dated)
        applied = stage.run("apply", "--yes")

        assert applied.code == 0, applied.stderr
        stage.assert_one_live_key()


def test_a_yes_without_a_secret_costs_attempts_and_no_more(tmp_path: Path) -> None:
    """Two creates without anything in their answers end the run with 8; the next one has a key."""
    with scene(tmp_path) as stage:
        stage.provider.begin("POST", LIST, bodied(lambda _: b'{"ok":true,"data":{"id":[],"api_key":7}}'))
        applied = stage.run("apply", "--yes")

        assert applied.code == 8
        assert "it is disabled" in " ".join(applied.stdout.split())
        assert [row for row in stage.sandbox.operator.keys("one") if row.enabled] == []
        stage.assert_one_live_key()


def test_cookies_are_not_sent_back(tmp_path: Path) -> None:
    """A provider cannot mark the program."""
    with scene(tmp_path) as stage:
        stage.provider.begin("", "", headed("Set-Cookie: id=1; Path=/", "Set-Cookie: b=2"))
        assert stage.run("apply", "--yes").code == 0
        assert stage.provider.struck > 3
        assert all("cookie" not in request.headers for request in stage.provider.server.requests)


def test_the_environment_leads_nowhere(tmp_path: Path, trap: Trap) -> None:
    """Proxies, a .netrc and a log of session keys change nothing: the trap sees no byte, the log has none."""
    home, log = tmp_path / "home", tmp_path / "session-keys"
    home.mkdir()
    (home / ".netrc").write_text("default login root password toor\n")
    (home / ".netrc").chmod(0o600)
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    proxies = dict.fromkeys(names, f"http://{trap.place}")
    more = {"no_proxy": "", "HOME": str(home), "NETRC": str(home / ".netrc"), "SSLKEYLOGFILE": str(log)}
    with encrypted(tmp_path / "checkout", Authority.create(tmp_path / "good.pem")) as (stage, _):
        stage.project = with_environment(stage.project, {**proxies, **more})
        stage.assert_one_live_key()

        token = f"Bearer {stage.sandbox.tokens['one']}"
        assert {item.headers["authorization"] for item in stage.provider.server.requests} == {token}
        assert (trap.connections, trap.received, log.exists()) == (0, 0, False)


CERTIFICATES: dict[str, tuple[Callable[[Authority, Authority], ssl.SSLContext], str]] = {
    "of an unknown authority": (
        lambda _, unknown: unknown.context(),
        "the TLS certificate is not from an authority that this machine trusts",
    ),
    "of another host": (
        lambda good, _: good.context("127.0.0.2"),
        "the TLS certificate is for another host",
    ),
    "that has expired": (lambda good, _: good.context(days=(-9, -1)), "the TLS certificate has expired"),
    "of tomorrow": (lambda good, _: good.context(days=(1, 9)), "the TLS certificate is not valid yet"),
}
SERVER_HELLO_1_1 = bytes.fromhex("160302002a020000260302") + bytes(32) + bytes.fromhex("00002f00")
GREETINGS = {"TLS 1.1": SERVER_HELLO_1_1, "no TLS": b"HTTP/1.1 200 OK\r\n\r\n", "nothing": b""}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_wrong_certificate_ends_before_the_token_is_sent(tmp_path: Path, name: str) -> None:
    """With words for what is wrong with it; before a create, so nothing was minted."""
    make, reason = CERTIFICATES[name]
    good, unknown = (Authority.create(tmp_path / file) for file in ("good.pem", "unknown.pem"))
    wrong = make(good, unknown)
    with encrypted(tmp_path / "checkout", good) as (stage, front):
        front.context = wrong
        planned = stage.run("plan")
        heard = front.received
        front.context = good.context()
        stage.provider.begin("GET", LIST, then(lambda: setattr(front, "context", wrong)))
        applied = stage.run("apply", "--yes")

        assert (planned.code, planned.stdout, heard, applied.code) == (1, "", 0, 1)
        for text in (planned.stderr, " ".join(applied.stdout.split())):
            assert f"{reason}; nothing was sent; check base_url and the network, then run again" in text
        assert stage.writes() == []
        front.context = good.context()
        stage.assert_one_live_key()


@pytest.mark.parametrize("name", GREETINGS)
def test_no_token_is_sent_without_tls(tmp_path: Path, name: str) -> None:
    """Not with a version of the last century, and not in clear because the other side would like that."""
    with (
        RawServer((respond(),), greeting=GREETINGS[name]) as server,
        scene(tmp_path, base_url=f"https://127.0.0.1:{server.port}", timeout=1.0) as stage,
    ):
        planned = stage.run("plan")

        assert (planned.code, planned.stdout, server.requests) == (1, "", [])
        assert "nothing was sent; check base_url and the network, then run again" in planned.stderr
        stage.assert_nothing_shown()


FAILURES = {
    "refused": (ConnectionRefusedError(111, "Connection refused"), "the connection was refused"),
    "a black hole": (TimeoutError("timed out"), "no connection in time"),
    "no such name": (socket.gaierror(-2, "Name or service not known"), "the host name does not resolve"),
    "no route": (OSError(113, "No route to host"), "no connection"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_create_that_was_never_sent_minted_nothing(tmp_path: Path, name: str) -> None:
    """The network goes away between the listing and the create: exit code 1, and the next run mints once."""
    error, reason = FAILURES[name]
    flag = tmp_path / "gone"
    with scene(tmp_path / "checkout") as stage:
        stage.provider.begin("GET", LIST, then(flag.touch))
        applied = stage.run("apply", "--yes", fault=partial(without_network, flag, error))

        assert applied.code == 1
        assert f"{reason}; nothing was sent; check base_url" in " ".join(applied.stdout.split())
        assert stage.writes() == []
        stage.assert_one_live_key()


def test_a_provider_that_is_not_there(tmp_path: Path) -> None:
    """A closed port, and one whose queue of connections is full for ever; in time, and with the remedy."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as callers:
        for _ in range(3):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)  # noqa: FBT003  # the library's own form
            caller.connect_ex(full.getsockname())
        for address, reason in (
            (("127.0.0.1", 1), "was refused"),
            (full.getsockname(), "no connection in time"),
        ):
            root = tmp_path / str(address[1])
            with scene(root, base_url=f"http://127.0.0.1:{address[1]}", timeout=0.5) as stage:
                planned = stage.run("plan")

                assert (planned.code, planned.stdout) == (1, "")
                assert reason in planned.stderr
                assert "nothing was sent; check base_url and the network, then run again" in planned.stderr


@contextmanager
def encrypted(root: Path, authority: Authority) -> Iterator[tuple[Scene, TlsFront]]:
    """Open a scene whose provider is reached over TLS, by an authority that the program trusts."""
    # The settings name the address of the front, so that the provider behind it comes later.
    with TlsFront(0, authority.context()) as front, scene(root, base_url=front.url) as stage:
        front.port_behind = stage.provider.server.port
        stage.project = with_environment(stage.project, {"SSL_CERT_FILE": str(authority.file)})
        yield stage, front


def with_environment(project: Project, more: Mapping[str, str]) -> Project:
    """Return the project with further variables."""
    return replace(project, environment={**project.environment, **more})
