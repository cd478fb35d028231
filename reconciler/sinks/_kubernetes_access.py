"""How a cluster is reached: from inside of it, as a kubeconfig says, or as the settings say.

Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Never

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError
from reconciler.transport.bearer import bearer
from reconciler.transport.tls import tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the credentials of a pod."""

_LONGEST_FILE: Final = 1_000_000
_REFUSED_OF_CLUSTER: Final = ("insecure-skip-tls-verify", "proxy-url", "tls-server-name")
_REFUSED_OF_USER: Final = ("exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """Where the API is, whom to trust and how to log in.

    Attributes:
        server: its address.
        tls: trusted authorities, and the client certificate where there is one.
        token: reads the bearer token anew for every request; None where a certificate is the login.
        namespace: the one that goes with it, if any.
    """

    server: str
    tls: ssl.SSLContext | None
    token: Callable[[], Secret] | None
    namespace: str | None = None

    def credentials(self) -> dict[str, Secret]:
        """Return the headers that log in.

        Raises:
            CredentialsError: when the token cannot be read.
        """
        if self.token is None:
            return {}
        return {"Authorization": bearer(self.token())}


class _ProblemError(Exception):
    """Raised inside this module with what is wrong in a kubeconfig, in words that quote nothing of it."""


def explicit(server: str, token: Secret, ca_file: Path | None) -> ClusterAccess:
    """Return the access that the settings spell out.

    Raises:
        SinkError: when the authorities cannot be read.
    """
    return ClusterAccess(server=server, tls=_trusting(ca_file), token=lambda: token)


def in_cluster(environ: Mapping[str, str], directory: Path = SERVICE_ACCOUNT) -> ClusterAccess:
    """Return the access of the pod that this program runs in.

    Args:
        environ: the environment variables.
        directory: where the service account is mounted.

    Raises:
        SinkError: outside of a cluster, or when the authorities cannot be read.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        msg = "this run is not inside a cluster; set `kubeconfig`, or `server` and `token`, in the settings"
        raise SinkError(msg)
    shown = f"[{host}]" if ":" in host else host
    return ClusterAccess(
        server=f"https://{shown}:{port}",
        tls=_trusting(directory / "ca.crt"),
        # The kubelet replaces it long before it ends, so it is read again for every request.
        token=lambda: _token_in(directory / "token"),
        namespace=_text(directory / "namespace"),
    )


def from_kubeconfig(path: Path, context: str | None = None) -> ClusterAccess:
    """Return the access that a context of a kubeconfig describes.

    Args:
        path: of the file.
        context: its name; the current one when None.

    Raises:
        SinkError: when the file cannot be read or asks for something that this program does not do.
    """
    try:
        return _access(path, context)
    except _ProblemError as error:
        problem = str(error)
    msg = f"the kubeconfig {problem}; correct it, or set `server` and `token` in the settings"
    raise SinkError(msg)


def _access(path: Path, context: str | None) -> ClusterAccess:
    config = _parsed(path)
    name = context or config.get("current-context")
    chosen = _named(config, "context", name)
    cluster = _named(config, "cluster", chosen.get("cluster"))
    user = _named(config, "user", chosen.get("user"))
    _refuse(cluster, _REFUSED_OF_CLUSTER)
    _refuse(user, _REFUSED_OF_USER)
    server = cluster.get("server")
    if not isinstance(server, str):
        _stop("names no server")
    tls = None
    if server.startswith("https:"):
        ca_data = _data(cluster, "certificate-authority-data")
        ca_file = _file(path, cluster, "certificate-authority")
        tls = _trusting(ca_file, None if ca_data is None else ca_data.reveal())
        _log_in(tls, path, user)
    namespace = chosen.get("namespace")
    return ClusterAccess(
        server=server,
        tls=tls,
        token=_token(path, user),
        namespace=namespace if isinstance(namespace, str) else None,
    )


def _token(path: Path, user: Mapping[str, Any]) -> Callable[[], Secret] | None:
    token_file = _file(path, user, "tokenFile")
    if token_file is not None:
        return lambda: _token_in(token_file)
    token = user.get("token")
    if isinstance(token, Secret) and token.reveal().strip():
        return lambda: Secret(token.reveal().strip())
    return None


def _token_in(path: Path) -> Secret:
    text = _text(path)
    if not text:
        # Not by its name: who pastes the token where its file is asked for would read it here.
        msg = "the file with the token of the cluster is missing or empty; mount it, or correct its path"
        raise CredentialsError(msg)
    return Secret(text)


def _log_in(tls: ssl.SSLContext, path: Path, user: Mapping[str, Any]) -> None:
    """Add the client certificate; OpenSSL reads files only, so inline data is in some for a moment."""
    data = [_data(user, f"client-{part}-data") for part in ("certificate", "key")]
    files = [_file(path, user, f"client-{part}") for part in ("certificate", "key")]
    if not any([*data, *files]):
        return
    with tempfile.TemporaryDirectory() as scratch:
        for index, content in enumerate(data):
            if content is not None:
                files[index] = Path(scratch, str(index))
                Path(scratch, str(index)).touch(0o600)
                Path(scratch, str(index)).write_text(content.reveal(), "utf-8")
        certificate, key = files
        if certificate is None or key is None:
            _stop("has a client certificate without its key, or the other way round")
        try:
            # Without this, OpenSSL asks the terminal for the password of an encrypted key.
            tls.load_cert_chain(certificate, key, password=lambda: "")
        except OSError:  # ssl.SSLError is one
            certificate = None
    if certificate is None:
        _stop("has a client certificate or key that cannot be used")


def _parsed(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415  # only kubeconfigs need it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            found = YAML(typ="safe").load(file.read(_LONGEST_FILE))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except (YAMLError, ValueError, TypeError, RecursionError):
        problem = "is not YAML"
    else:
        problem = "is not a mapping"
        if isinstance(found, dict):
            return _closed(found)
    return _stop(problem)


def _closed(config: dict[str, Any]) -> dict[str, Any]:
    """Close what may be a credential, so that no later frame holds it as text."""
    for item in _items(config, "users"):
        user = item.get("user")
        for name in ("token", "client-key-data", "client-certificate-data", "password"):
            if isinstance(user, dict) and isinstance(user.get(name), str):
                user[name] = Secret(user[name])
    return config


def _items(config: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = config.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _named(config: Mapping[str, Any], kind: str, name: object) -> dict[str, Any]:
    for item in _items(config, f"{kind}s"):
        if name and item.get("name") == name:
            found = item.get(kind) or {}
            if isinstance(found, dict):
                return found
    return _stop(f"lacks the {kind} that is asked for")


def _refuse(found: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if found.get(name):
            _stop(f"uses `{name}`, which this program does not")


def _file(path: Path, found: Mapping[str, Any], name: str) -> Path | None:
    value = found.get(name)
    return path.parent / value if isinstance(value, str) and value else None


def _data(found: Mapping[str, Any], name: str) -> Secret | None:
    value = found.get(name)
    if not value:
        return None
    text = value if isinstance(value, Secret) else Secret(str(value))
    decoded = _decoded(text)
    return _stop(f"has `{name}` that is not base64") if decoded is None else decoded


def _decoded(text: Secret) -> Secret | None:
    try:
        return Secret(base64.b64decode(text.reveal(), validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        return None


def _trusting(ca_file: Path | None, ca_text: str | None = None) -> ssl.SSLContext:
    try:
        return tls_context(ca_file, ca_text)
    except OSError:  # ssl.SSLError is one
        msg = "the cluster's certificate authority cannot be read; correct the file that holds it"
        raise SinkError(msg) from None


def _text(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return None


def _stop(problem: str) -> Never:
    raise _ProblemError(problem) from None
