"""The `exec` sink: a program of the user's stores the secret, which it reads from its standard input."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from reconciler.errors import SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks._child_process import run
from reconciler.sinks._receipts import ReceiptsFile, Stamp, refusal
from reconciler.sinks._redaction import presentable
from reconciler.sinks._refusals import refuse
from reconciler.sinks._text_value import text_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.sink import Entry
    from reconciler.sinks._receipts import Record

DEFAULT_TIMEOUT: Final = timedelta(seconds=30)
CONTEXT_VARIABLE: Final = "RECONCILER_SINK_CONTEXT"
_PASSED: Final = ("PATH", "HOME", "LANG")
# An entry becomes an argument of a program, so it must not look like an option.
_ENTRY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@-]*")
_PLACEHOLDER: Final = re.compile(r"\{(entry|address)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecCommands:
    """The programs, each an argument list that no shell sees.

    Attributes:
        command: reads the secret and stores it; exit status 0 says that it is stored.
        check: asked before anything is minted, without a secret; 0 says that it can be stored.
        verify: reads the secret; 0 says that the store holds exactly this one.
    """

    command: Sequence[str]
    check: Sequence[str] = ()
    verify: Sequence[str] = ()


class ExecSink:
    """Hands secrets to a program and remembers in a local file what it took.

    Args:
        commands: what to run.
        receipts: the receipts file; it has to outlive the run, as the store itself is not read.
        timeout: for one program; after it, the program and its children are killed.
        environment: names of variables that are passed on, besides PATH, HOME and LANG.
    """

    def __init__(
        self,
        commands: ExecCommands,
        receipts: Path,
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        environment: Sequence[str] = (),
    ) -> None:
        self._commands = commands
        self._receipts = ReceiptsFile(receipts)
        self._timeout = timeout.total_seconds()
        self._environment = (*_PASSED, *environment)

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of completed deliveries; the store is not asked."""
        records = self._receipts.load()
        found = {name: records[name].custody_unseen() for name in names if name in records}
        return {name: receipt for name, receipt in found.items() if receipt}

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse entries of other keys, programs that are missing, and what `check` says no to."""
        self._receipts.file.probe()
        refuse(self._problems(entries))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Note the receipt as pending, hand the secret over, note the receipt as delivered.

        Raises:
            SinkRefusedError: when the entry is another key's; nothing was handed over.
            SinkError: when the program did not start.
            SinkUnverifiedError: when the program got the secret and did not say that it stored it.
        """
        problem = text_problem(secret)
        if problem:
            msg = f"entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        # Held while the program runs, so that the last receipt is the one of the last delivery.
        with self._receipts.file.locked():
            records = self._receipts.load()
            record = records.get(entry.name)
            problem = self._problem(entry, record)
            if problem:
                raise SinkRefusedError(problem)
            entry.refuse_overtaken(record.custody_unseen() if record else None)
            self._receipts.begin(records, entry.name, stamp)
            failure = self._run(self._commands.command, entry, secret, receipt)
            if failure:
                raise SinkUnverifiedError(failure)
            self._receipts.complete(records, entry.name, stamp)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the receipt, and ask the `verify` program where there is one."""
        try:
            record = self._receipts.load().get(entry.name)
            failure = None
            if self._commands.verify:
                failure = self._run(self._commands.verify, entry, secret, receipt)
        except SinkError as error:
            raise SinkUnverifiedError(str(error)) from None
        if record is None or record.custody_unseen() != receipt:
            failure = f"{self._receipts.path}: entry {entry.name} has no receipt of this delivery; run again"
        if failure:
            raise SinkUnverifiedError(failure)

    def close(self) -> None:
        """Release nothing: no program outlives a call."""

    def _problems(self, entries: Sequence[Entry]) -> Iterator[str]:
        records = self._receipts.load()
        found = [self._problem(entry, records.get(entry.name)) for entry in entries]
        yield from [problem for problem in found if problem] or self._check(entries)

    def _check(self, entries: Sequence[Entry]) -> Iterator[str]:
        path = os.environ.get("PATH", os.defpath)
        commands = (self._commands.command, self._commands.check, self._commands.verify)
        for program in sorted({command[0] for command in commands if command}):
            if shutil.which(program, path=path) is None:
                yield f"program {program}: it is missing or not executable; install it or correct the command"
                return
        if self._commands.check:
            for entry in entries:
                failure = self._run(self._commands.check, entry, None, None)
                if failure:
                    yield failure

    def _problem(self, entry: Entry, record: Record | None) -> str | None:
        if not _ENTRY.fullmatch(entry.name):
            return f"entry {entry.name!r}: use letters, digits and _./:@- and start with none of the marks"
        if entry.address.startswith("-") or not entry.address.isprintable():
            return f"key {entry.address!r}: it cannot be an argument of a program; rename the key"
        return refusal(entry, record) if record else None

    def _run(
        self, command: Sequence[str], entry: Entry, secret: Secret | None, receipt: Receipt | None
    ) -> str | None:
        """Return how a program failed, in words that may be shown, or None when it said yes."""
        context: dict[str, object] = {"entry": entry.name, "address": entry.address}
        if receipt:
            context |= {
                "remote_id": receipt.remote_id,
                "generation": receipt.generation,
                "attempt": receipt.attempt,
            }
        environment = {name: os.environ[name] for name in self._environment if name in os.environ}
        environment[CONTEXT_VARIABLE] = json.dumps(context)
        values = {"entry": entry.name, "address": entry.address}
        arguments = [_PLACEHOLDER.sub(lambda found: values[found[1]], item) for item in command]
        ended = run(arguments, stdin=secret, environment=environment, timeout=self._timeout)
        if ended.status == 0:
            return None
        said = presentable(ended.output, secret)
        how = f"ended with status {ended.status}"
        if ended.status is None:
            how = f"did not end within {self._timeout:g} s and was killed"
        return f"entry {entry.name}: {command[0]} {how}, saying {said!r}; repair it and run again"


def build(options: Mapping[str, object]) -> ExecSink:
    """Return the sink that `command`, `check`, `verify`, `receipts`, `timeout` and `env` describe."""
    return ExecSink(
        ExecCommands(
            command=_arguments(options["command"]),
            check=_arguments(options.get("check")),
            verify=_arguments(options.get("verify")),
        ),
        Path(str(options["receipts"])),
        timeout=cast("timedelta", options.get("timeout", DEFAULT_TIMEOUT)),
        environment=_arguments(options.get("env")),
    )


def _arguments(value: object) -> tuple[str, ...]:
    return tuple(cast("Sequence[str]", value or ()))
