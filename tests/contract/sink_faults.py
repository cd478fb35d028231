"""Faults for the sink contract: at the n-th call of the operating system, an error or a SIGKILL.

Started as a program, it kills a real process at every one of those calls in turn and prints, as a line
of JSON each, what the next process found and whether it could finish the delivery.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.app.preflight import refusal
from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.ports.sink import Entry
from reconciler.sinks import age_file, dotenv, exec_hook, json_file, sops_file
from tests.contract.age_reader import RECIPIENT, open_age, open_sops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.ports.sink import Sink

OLD = "sk-old-i3FSJb2w7vQZXdtbBtS4"
NEW = "sk-new-v8U3SItlSkcI51GxlBNg"
NAME = "CLIENT_A_KEY"
ORIGIN = "https://api.example"
ENTRY = Entry(name=NAME, address="reseller/client-a", origin=ORIGIN)
FAILING_CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "fchmod")
CALLS = (*FAILING_CALLS, "close")

# What stands in for the command line of a secret store; the directory is its data.
STORE = """#!/bin/sh
set -eu
case "$1" in
  put) cat > "$2/.$3.$$"; mv "$2/.$3.$$" "$2/$3" ;;
  check) [ ! -e "$2/denied" ] || { echo "permission denied for $3" >&2; exit 3; } ;;
  verify) cmp -s - "$2/$3" ;;
esac
"""


def receipt(generation: int = 1, *, address: str = ENTRY.address, origin: str = ORIGIN) -> Receipt:
    """Return the receipt of a delivery."""
    return Receipt(
        origin=origin,
        address=address,
        remote_id=f"id-{generation}",
        generation=generation,
        attempt=1,
        delivered_at=datetime(2026, 11, 20, 12, 0, generation, tzinfo=UTC),
    )


def build(kind: str, directory: Path) -> Sink:
    """Return a sink of a kind with all of its files in one directory."""
    if kind == "json":
        return json_file.build({"path": directory / "keys.json"})
    if kind == "age":
        return age_file.build({"directory": directory, "recipients": (RECIPIENT,)})
    if kind == "sops":
        return sops_file.build({"directory": directory, "recipients": (RECIPIENT,)})
    if kind != "exec":
        return dotenv.build({"path": directory / "keys.env", "quoted": kind == "dotenv-quoted"})
    store = directory / "store"
    store.mkdir(exist_ok=True)
    program = directory / "store.sh"
    if not program.exists():
        program.write_text(STORE, "utf-8")
        program.chmod(0o755)
    arguments = (str(store), "{entry}")
    return exec_hook.build(
        {
            "command": (str(program), "put", *arguments),
            "check": (str(program), "check", *arguments),
            "verify": (str(program), "verify", *arguments),
            "receipts": directory / "receipts.json",
        }
    )


@contextmanager
def at_call(number: int, act: Callable[[], None], calls: Sequence[str]) -> Iterator[Iterator[int]]:
    """Do something before the n-th of these calls of the operating system; yields the counter of calls."""
    counter = count(1)
    originals: dict[str, Any] = {name: getattr(os, name) for name in calls}

    def counted(original: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if next(counter) == number:
                act()
            return original(*arguments, **options)

        return call

    for name, original in originals.items():
        setattr(os, name, counted(original))
    try:
        yield counter
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def no_space() -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def kill() -> None:
    """End this process at once, as the kernel or a runner does."""
    os.kill(os.getpid(), signal.SIGKILL)


def _put_in_child(kind: str, directory: Path, number: int) -> bool:
    """Put the new secret in a process that is killed at the n-th call; tell whether it was."""
    child = os.fork()
    if child == 0:
        try:
            with at_call(number, kill, CALLS):
                build(kind, directory).put(ENTRY, Secret(NEW), receipt(2))
        except BaseException:  # noqa: BLE001  # the child must never run the parent's loop
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("the put failed by itself")
    return os.WIFSIGNALED(status)


def held(kind: str, directory: Path) -> str:
    """Return everything in the place where the sink keeps values."""
    places = {
        "json": "keys.json",
        "exec": f"store/{NAME}",
        "age": f"{NAME}.age",
        "sops": f"{NAME}.sops.json",
    }
    path = directory / places.get(kind, "keys.env")
    return opened(kind, path.read_text("utf-8"), NAME) if path.exists() else ""


def opened(kind: str, text: str, name: str) -> str:
    """Return what the holder of the private key reads in a file; of a plain file that is its text."""
    if kind == "age":
        return open_age(text).decode()
    return open_sops(text)[name] if kind == "sops" else text


def make_ready(sink: Sink, entries: list[Entry]) -> None:
    """Ask a sink what a run asks it before the first key is minted."""
    error = refusal(sink, entries, reserve=True)
    if error is not None:
        raise error


def main(kind: str, pristine: Path, scratch: Path) -> None:
    """Kill a put at each call, starting from copies of one state, until it is not reached any more."""
    for number in count(1):
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(pristine, scratch)
        killed = _put_in_child(kind, scratch, number)
        sink = build(kind, scratch)
        found = sink.stat([NAME]).get(NAME)
        value = held(kind, scratch)
        sink.preflight([ENTRY])
        sink.put(ENTRY, Secret(NEW), receipt(2))
        sink.verify(ENTRY, Secret(NEW), receipt(2))
        finding = {
            "call": number,
            "killed": killed,
            "generation": found.generation if found else None,
            "old": OLD in value,
            "new": NEW in value,
            "recovered": sink.stat([NAME])[NAME].generation,
            "final": held(kind, scratch),
            "leftovers": [path.name for path in scratch.rglob("*.tmp")],
        }
        print(json.dumps(finding), flush=True)
        if not killed:
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
