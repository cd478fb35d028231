"""The stores on this machine, each set up for the real command line and read by somebody else."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.canary.recording import RECORDER
from tests.contract.age_reader import RECIPIENT
from tests.contract.sink_faults import STORE
from tests.unit.sinks.interop import age_readers, sops_readers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.service_stores import Environment

NAME = "CLIENT_A"


@dataclass(kw_only=True)
class _LocalStore:
    root: Path
    entry: str = NAME

    def environment(self) -> Environment:
        """Return nothing, as none of these has credentials."""
        return {}

    def versions(self) -> int | None:
        """None of these keeps any; what is committed has those of git."""

    def _receipts(self, path: str) -> dict[str, Any]:
        entries = json.loads((self.root / path).read_text("utf-8"))["entries"]
        return dict(entries[self.entry]["delivered"])


@dataclass(kw_only=True)
class DotenvStore(_LocalStore):
    """A file of NAME=value lines, read by a shell."""

    sink: str = "local"
    type: str = "dotenv"

    def settings(self) -> str:
        """Return the sink's options."""
        return "path: .secrets/keys.env"

    def values(self) -> dict[str, str]:
        """Return what a shell has in the variable after sourcing the file."""
        script = f'set -eu; . .secrets/keys.env; printf %s "${self.entry}"'
        if not (self.root / ".secrets" / "keys.env").exists():
            return {}
        return {"sh: source": _printed(["sh", "-c", script], self.root)}

    def receipt(self) -> dict[str, Any]:
        """Return what the receipts file says."""
        return self._receipts(".secrets/keys.env.receipts.json")


@dataclass(kw_only=True)
class JsonStore(_LocalStore):
    """A file with one JSON object."""

    sink: str = "config"
    type: str = "json"

    def settings(self) -> str:
        """Return the sink's options."""
        return "path: .secrets/keys.json"

    def values(self) -> dict[str, str]:
        """Return the member of the object."""
        path = self.root / ".secrets" / "keys.json"
        return {"a JSON parser": json.loads(path.read_text("utf-8"))[self.entry]} if path.exists() else {}

    def receipt(self) -> dict[str, Any]:
        """Return what the receipts file says."""
        return self._receipts(".secrets/keys.json.receipts.json")


@dataclass(kw_only=True)
class AgeStore(_LocalStore):
    """An age file, opened by whatever of `age`, npm `age-encryption` and our second reader is there."""

    sink: str = "sealed"
    type: str = "age"
    suffix: str = "age"

    def settings(self) -> str:
        """Return the sink's options."""
        return f"directory: {self.sink}, recipients: [{RECIPIENT}]"

    def values(self) -> dict[str, str]:
        """Return what each reader with the private key finds."""
        return {name: read(self.path) for name, read in age_readers().items()} if self.path.exists() else {}

    def receipt(self) -> dict[str, Any]:
        """Return what the file beside it says."""
        beside = self.path.with_name(f"{self.path.name}.receipts.json")
        return dict(json.loads(beside.read_text("utf-8"))["deliveries"][0]["delivered"])

    @property
    def path(self) -> Path:
        """The encrypted file."""
        return self.root / self.sink / f"{self.entry}.{self.suffix}"


@dataclass(kw_only=True)
class SopsStore(AgeStore):
    """A SOPS file, opened by whatever of `sops`, npm `sops-age` and our second reader is there."""

    sink: str = "sopsed"
    type: str = "sops"
    suffix: str = "sops.json"

    def values(self) -> dict[str, str]:
        """Return what each reader with the private key finds."""
        return {name: read(self.path) for name, read in sops_readers().items()} if self.path.exists() else {}


@dataclass(kw_only=True)
class ProgramStore(_LocalStore):
    """A store behind a program of the user's, which keeps one file an entry.

    Attributes:
        last_act: what the program does once it has stored a secret, as a shell says it.
    """

    sink: str = "program"
    type: str = "exec"
    last_act: str = ":"

    def settings(self) -> str:
        """Return the sink's options, and write the program that they name."""
        program = self.root / "store.sh"
        kept, stored = STORE.split(' "$2/$3" ;;\n', 1)
        program.write_text(f'{kept} "$2/$3"; {self.last_act} ;;\n{stored}', "utf-8")
        program.chmod(0o755)
        self._kept.mkdir(parents=True, exist_ok=True)
        RECORDER.watch.keeps(self._kept)
        commands = [
            f"{word}: [{program}, {verb}, {self._kept}, '{{entry}}']"
            for word, verb in (("command", "put"), ("check", "check"), ("verify", "verify"))
        ]
        return ", ".join([*commands, "receipts: .secrets/program.receipts.json"])

    def values(self) -> dict[str, str]:
        """Return what the program stored."""
        path = self._kept / self.entry
        return {"cat": _printed(["cat", str(path)], self.root)} if path.exists() else {}

    def receipt(self) -> dict[str, Any]:
        """Return what the receipts file says."""
        return self._receipts(".secrets/program.receipts.json")

    @property
    def _kept(self) -> Path:
        return self.root / ".secrets" / "program"


def _printed(program: list[str], root: Path) -> str:
    with RECORDER.watch.muted():
        return subprocess.run(program, cwd=root, capture_output=True, text=True, check=True).stdout
