"""GitHub's Actions secrets and variables on loopback: it opens the sealed boxes and has GitHub's rules."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64decode, b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from tests.canary.recording import RECORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WRITER = "github_pat_writer_o1gtV79YAxJxud4PhSRv"
READER = "github_pat_reader_rLRKD6v8dOAieDHMkjXX"
WORKFLOW = "ghs_workflow_2Kvf8THRXfEuzcrJaBnx"
APP_ID = "4711"
INSTALLATION = "99"
MOST_BYTES = 48 * 1024
START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*", re.IGNORECASE)
_LEVELS = {
    "secrets": re.compile(r"/repos/[^/]+/[^/]+/actions/secrets"),
    "actions_variables": re.compile(r"/repos/[^/]+/[^/]+/actions/variables"),
    "environments": re.compile(r"/repos/[^/]+/[^/]+/environments/[^/]+/(secrets|variables)"),
    "organization_secrets": re.compile(r"/orgs/[^/]+/actions/secrets"),
    "organization_actions_variables": re.compile(r"/orgs/[^/]+/actions/variables"),
}
ALL = dict.fromkeys(_LEVELS, "write")


@cache
def _app_key() -> rsa.RSAPrivateKey:
    # One for all tests, because making one takes a while.
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(slots=True)
class Row:
    """One secret or variable."""

    value: str
    updated_at: str
    audience: Mapping[str, Any]


@dataclass(slots=True)
class Collection:
    """The secrets or the variables of one scope, and how many there may be."""

    most: int
    rows: dict[str, Row] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    token: str
    headers: Mapping[str, str]
    body: Any

    def __post_init__(self) -> None:
        RECORDER.watch.hear("a request to GitHub or GitLab", repr([self.path, self.query, self.body]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer; `cut` breaks the connection in place of it, `after` the work is done."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(slots=True, eq=False)
class GithubFake:
    """The state of the imitated service.

    Attributes:
        tokens: what each token may do, by GitHub's names of permissions.
        granted: what the App was granted.
        requests: everything that came in.
        before: may answer in place of the service.
        after: may replace an answer, once what was asked is done.
    """

    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    granted: dict[str, str] = field(default_factory=lambda: dict(ALL))
    requests: list[Request] = field(default_factory=list)
    before: Callable[[Request], Reply | None] = lambda _: None
    after: Callable[[Request], Reply | None] = lambda _: None
    url: str = ""
    app_key: rsa.RSAPrivateKey = field(default_factory=_app_key)
    _collections: dict[str, Collection] = field(default_factory=dict)
    _key: PrivateKey = field(default_factory=PrivateKey.generate)
    _key_number: int = 1
    _ticks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Fill in the usual tokens and places."""
        self.tokens |= {WRITER: dict(ALL), READER: dict.fromkeys(ALL, "read"), WORKFLOW: {}}
        self.add("/repos/acme/app/actions", 100, 500)
        self.add("/repos/acme/app/environments/production eu", 100, 100)
        self.add("/orgs/acme/actions", 1000, 1000)

    def add(self, base: str, secrets: int, variables: int) -> None:
        """Make a repository, an environment or an organisation."""
        self._collections[f"{base}/secrets"] = Collection(secrets)
        self._collections[f"{base}/variables"] = Collection(variables)

    def rows(self, path: str) -> dict[str, Row]:
        """Return the secrets or variables at a path."""
        return self._collections[path].rows

    def write(self, path: str, name: str, value: str, audience: Mapping[str, Any] | None = None) -> None:
        """Write as somebody else does, some time later."""
        self._ticks += 1
        at = (START + timedelta(seconds=self._ticks)).isoformat().replace("+00:00", "Z")
        self.rows(path)[name] = Row(value, at, audience or {})

    def change_key(self) -> None:
        """Take another key pair, as GitHub does now and then."""
        self._key, self._key_number = PrivateKey.generate(), self._key_number + 1

    @property
    def app_pem(self) -> str:
        """The private key of the App, as its owner downloads it."""
        return self.app_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()

    def answer(self, request: Request) -> Reply:
        """Do what is asked, unless a fault is in the way."""
        with self._lock:
            self.requests.append(request)
            routed = self._installation_token if request.path.startswith("/app/") else self._routed
            found = self.before(request) or routed(request)
            return self.after(request) or found

    def _routed(self, request: Request) -> Reply:
        if request.token not in self.tokens:
            return Reply(status=401, body={"message": "Bad credentials"})
        if re.fullmatch(r"/repos/acme/[^/]+", request.path):
            return Reply(body={"id": sum(request.path.encode())})
        path, name = request.path, ""
        if path not in self._collections:
            path, _, name = path.rpartition("/")
        if path not in self._collections:
            return Reply(status=404, body={"message": "Not Found"})
        [needed] = [level for level, pattern in _LEVELS.items() if pattern.fullmatch(path)]
        held = self.tokens[request.token].get(needed)
        if held is None or (held == "read" and request.method != "GET"):
            accepted = {"X-Accepted-GitHub-Permissions": f"{needed}=write"}
            return Reply(status=403, body={"message": f"no {request.token}"}, headers=accepted)
        if name == "public-key":
            key = b64encode(bytes(self._key.public_key)).decode()
            return Reply(body={"key_id": str(self._key_number), "key": key})
        return self._at(request, path, name, secret=path.endswith("/secrets"))

    def _at(self, request: Request, path: str, name: str, *, secret: bool) -> Reply:
        rows = self.rows(path)
        if request.method == "GET" and not name:
            return self._listed(request, rows, secret=secret)
        if request.method in {"GET", "DELETE"} and name not in rows:
            return Reply(status=404, body={"message": "Not Found"})
        if request.method == "GET":
            return Reply(body=_shown(name, rows[name], secret=secret))
        if request.method == "DELETE":
            del rows[name]
            return Reply(status=204)
        return self._put_secret(request, path, name) if secret else self._put_variable(request, path, name)

    @staticmethod
    def _listed(request: Request, rows: Mapping[str, Row], *, secret: bool) -> Reply:
        most = 100 if secret else 30
        size = min(int(request.query.get("per_page", "10" if not secret else "30")), most)
        start = (int(request.query.get("page", "1")) - 1) * size
        names = sorted(rows)[start : start + size]
        shown = [_shown(name, rows[name], secret=secret) for name in names]
        return Reply(body={"total_count": len(rows), "secrets" if secret else "variables": shown})

    def _put_secret(self, request: Request, path: str, name: str) -> Reply:
        if request.body.get("key_id") != str(self._key_number):
            return Reply(status=422, body={"message": "Public key expired"})
        try:
            value = SealedBox(self._key).decrypt(b64decode(request.body["encrypted_value"])).decode()
        except (CryptoError, ValueError):
            return Reply(status=422, body={"message": "bad box"})
        if len(value.encode()) > MOST_BYTES:
            return Reply(status=422, body={"message": f"too long: {value}"})
        return self._stored(request, path, name, value, replaced=204)

    def _put_variable(self, request: Request, path: str, name: str) -> Reply:
        exists = (name or request.body["name"]) in self.rows(path)
        if request.method == "PATCH" and not exists:
            return Reply(status=404, body={"message": "Not Found"})
        if request.method == "POST" and exists:
            return Reply(status=409, body={"message": "Already exists"})
        return self._stored(request, path, name or request.body["name"], request.body["value"], replaced=204)

    def _stored(self, request: Request, path: str, name: str, value: str, *, replaced: int) -> Reply:
        collection = self._collections[path]
        fresh = name not in collection.rows
        if not _NAME.fullmatch(name) or (fresh and len(collection.rows) >= collection.most):
            return Reply(status=422, body={"message": f"refused: {value}"})
        if path.startswith("/orgs/") and "visibility" not in request.body:
            return Reply(status=422, body={"message": "visibility is missing"})
        known = ("visibility", "selected_repository_ids")
        self.write(path, name, value, {key: request.body[key] for key in known if key in request.body})
        return Reply(status=201 if fresh else replaced)

    def _installation_token(self, request: Request) -> Reply:
        try:
            # The test's clock says what time it is, so the times are compared below.
            claims = jwt.decode(
                request.token,
                self.app_key.public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return Reply(status=401, body={"message": "A JSON web token could not be decoded"})
        if claims["iss"] != APP_ID or claims["exp"] - claims["iat"] > 660:
            return Reply(status=401, body={"message": "bad claims"})
        if request.path != f"/app/installations/{INSTALLATION}/access_tokens":
            return Reply(status=404, body={"message": "Not Found"})
        asked = request.body["permissions"]
        if any(self.granted.get(name) != level for name, level in asked.items()):
            return Reply(status=422, body={"message": "The permissions requested are not granted"})
        token = f"ghs_installation_{len(self.tokens)}"
        self.tokens[token] = asked
        until = datetime.fromtimestamp(claims["exp"], UTC) + timedelta(minutes=51)
        expires_at = until.isoformat().replace("+00:00", "Z")
        return Reply(status=201, body={"token": token, "expires_at": expires_at, "permissions": asked})


def _shown(name: str, row: Row, *, secret: bool) -> dict[str, str]:
    shown = {"name": name, "created_at": row.updated_at, "updated_at": row.updated_at}
    return shown if secret else {**shown, "value": row.value}


@contextmanager
def running() -> Iterator[GithubFake]:
    """Serve a new service for as long as the context is open."""
    fake = GithubFake()
    with serving(fake.answer) as fake.url:
        yield fake


@contextmanager
def serving(answer: Callable[[Request], Reply]) -> Iterator[str]:
    """Serve answers over HTTP for as long as the context is open, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            reply = answer(
                Request(
                    method=self.command,
                    path=unquote(parts.path),
                    query={name: values[0] for name, values in parse_qs(parts.query).items()},
                    token=self.headers.get("Authorization", "").removeprefix("Bearer "),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=json.loads(content) if content else {},
                )
            )
            if reply.cut:
                self.close_connection = True
                self.connection.close()
                return
            body = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  # the names are the library's

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
