"""What this process makes secret and what it shows, noted where it happens."""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import pytest

# They silence the loggers of their libraries, which would show what the program never lets them see.
import reconciler.transport.aws_client
import reconciler.transport.connections  # noqa: F401
from reconciler.core.secret import Secret
from reconciler.errors import ReconcilerError
from reconciler.sandbox.accounts import DEFAULT_ACCOUNTS, Accounts
from reconciler.sandbox.keys import Keys
from reconciler.sandbox.operator_client import OperatorClient
from reconciler.sandbox.request_log import RequestLog
from reconciler.sandbox.server import SandboxServer
from reconciler.sinks._file_sink import FileSink
from tests.canary.planted import planted_accounts
from tests.canary.shown import told
from tests.canary.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.keys import NewKey

_BORN = "_heard_by"


class Recorder:
    """Feeds the watch of the moment; one is enough for a process.

    Attributes:
        watch: what is noted now.
        errors: those of ours that are alive; one that goes away has told its text before.
    """

    def __init__(self) -> None:
        self.watch = Watch(muted=True)
        self.errors: WeakSet[ReconcilerError] = WeakSet()

    def begin(self, durable: Iterable[str] = ()) -> Watch:
        """Start anew with nothing heard."""
        self.errors.clear()
        self.watch = Watch(durable)
        return self.watch

    def leaks(self, *folders: Path) -> list[str]:
        """Return each place that has shown a secret since the beginning."""
        for error in list(self.errors):
            self.hear_error(error)
        return self.watch.leaks(*folders)

    def hear_error(self, error: BaseException) -> None:
        """Note all that an exception tells."""
        self.watch.hear("an error", told(error))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Listen to everything in this process, until the patch is undone."""
        self.begin()
        self._learn_secrets(patch)
        self._hear_errors(patch)
        self._hear_children(patch)
        self._hear_readers(patch)
        self._hear_logs(patch)
        self._hear_requests(patch)
        self._know_holders(patch)

    def _learn_secrets(self, patch: pytest.MonkeyPatch) -> None:
        def learn_secret(_: Secret, value: str) -> None:
            self.watch.learn(value)

        def learn_keys(_: Keys, keys: Sequence[NewKey], **__: object) -> None:
            for key in keys:
                self.watch.learn(key.secret)

        def learn_account(_: Accounts, account: Account) -> None:
            self.watch.learn(account.token)

        def learn_minted(_: OperatorClient, minted: Sequence[str]) -> None:
            for secret in minted:
                self.watch.learn(secret)

        _before(patch, Secret, "__init__", learn_secret)
        _before(patch, Keys, "add", learn_keys)
        _before(patch, Accounts, "_write", learn_account)
        _after(patch, OperatorClient, "secrets", learn_minted)
        defaults = SandboxServer.__init__.__kwdefaults__ or {}
        accounts = planted_accounts(DEFAULT_ACCOUNTS)
        patch.setattr(SandboxServer.__init__, "__kwdefaults__", {**defaults, "accounts": accounts})

    def _hear_errors(self, patch: pytest.MonkeyPatch) -> None:
        def made(kind: type[ReconcilerError], *arguments: object, **named: object) -> ReconcilerError:
            error = Exception.__new__(kind, *arguments, **named)
            error.__dict__[_BORN] = self.watch
            self.errors.add(error)
            return error

        def forgotten(error: ReconcilerError) -> None:
            # The garbage collector may come for it in the middle of another test.
            if error.__dict__.get(_BORN) is self.watch:
                self.hear_error(error)

        # What is behind an error is known only after it was raised, so it is asked when it goes away.
        patch.setattr(ReconcilerError, "__new__", made)
        patch.setattr(ReconcilerError, "__del__", forgotten, raising=False)

    def _hear_children(self, patch: pytest.MonkeyPatch) -> None:
        def started(
            _: object, args: object, *_more: object, env: Mapping[str, str] | None = None, **_named: object
        ) -> None:
            self.watch.learn_environment(env or {})
            self.watch.hear("arguments of a child process", repr(args))

        def ended(process: subprocess.Popen[Any], said: tuple[str | bytes | None, ...]) -> None:
            program = process.args[0] if isinstance(process.args, list | tuple) else process.args
            for stream, text in zip(("stdout", "stderr"), said, strict=True):
                self.watch.hear(f"{stream} of {Path(str(program)).name}", text or "")

        _before(patch, subprocess.Popen, "__init__", started)
        _after(patch, subprocess.Popen, "communicate", ended)

    def _hear_readers(self, patch: pytest.MonkeyPatch) -> None:
        def read(_: pytest.CaptureFixture[Any], said: tuple[str | bytes, str | bytes]) -> None:
            for text in said:
                self.watch.hear("what the test has read", text)

        # What is left when a test ends is in the report of pytest.
        _after(patch, pytest.CaptureFixture, "readouterr", read)

    def _hear_logs(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(logging.root, "level", logging.DEBUG)

        def logged(_: logging.Logger, record: logging.LogRecord) -> None:
            self.watch.hear(f"log of {record.name}", f"{record.msg} {record.args!r}")
            if record.exc_info and record.exc_info[1]:
                self.hear_error(record.exc_info[1])

        _before(patch, logging.Logger, "handle", logged)

    def _hear_requests(self, patch: pytest.MonkeyPatch) -> None:
        def asked(_: RequestLog, *, path: str, **__: object) -> None:
            self.watch.hear("the path of a request", path)

        _before(patch, RequestLog, "begin", asked)

    def _know_holders(self, patch: pytest.MonkeyPatch) -> None:
        def built(_: FileSink, path: Path, *__: object, **___: object) -> None:
            self.watch.keeps(path)

        def written(path: Path, content: str | bytes, *_: object, **__: object) -> None:
            # What a test has put into a file says nothing about the program, which may yet change it.
            if not sys._getframe(2).f_globals["__name__"].startswith("reconciler."):
                self.watch.put(path, content)

        _before(patch, FileSink, "__init__", built)
        _before(patch, Path, "write_text", written)
        _before(patch, Path, "write_bytes", written)


RECORDER = Recorder()
"""The one of this process."""


@contextmanager
def watching() -> Iterator[Recorder]:
    """Listen outside of pytest, as the programs among the tests do."""
    with pytest.MonkeyPatch.context() as patch:
        RECORDER.install(patch)
        yield RECORDER


def _before(patch: pytest.MonkeyPatch, kind: type, name: str, note: Callable[..., None]) -> None:
    real = getattr(kind, name)

    def noting(*arguments: Any, **named: Any) -> Any:
        note(*arguments, **named)
        return real(*arguments, **named)

    patch.setattr(kind, name, noting)


def _after(patch: pytest.MonkeyPatch, kind: type, name: str, note: Callable[[Any, Any], None]) -> None:
    real = getattr(kind, name)

    def noting(self: Any, *arguments: Any, **named: Any) -> Any:
        result = real(self, *arguments, **named)
        note(self, result)
        return result

    patch.setattr(kind, name, noting)
