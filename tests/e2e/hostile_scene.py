"""A project whose provider can turn hostile, and what has to hold however it does."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project
from tests.e2e.forked import run
from tests.e2e.hostile_server import HostileServer
from tests.e2e.process_faults import in_a_hurry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.forked import Ended

KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a: {limits: {daily_usd: 5, total_usd: 100, concurrency: 5}}
"""
MOST_MEMORY = 150_000_000


@dataclass(slots=True, kw_only=True)
class Scene:
    """One key, one provider, one file.

    Attributes:
        sandbox: the vendor.
        provider: what the program takes for the vendor.
        project: the checkout.
        timeout: seconds that the program gives one exchange, 30 for users.
        heard: everything that the program wrote.
    """

    sandbox: SandboxServer
    provider: HostileServer
    project: Project
    timeout: float = 20.0
    heard: list[str] = field(default_factory=list)

    def run(self, *arguments: str, fault: Callable[[], object] | None = None) -> Ended:
        """Run the command line, with short waits, and with a fault put into its process."""
        ended = run(self.project, *arguments, prepare=partial(in_a_hurry, self.timeout, fault))
        self.heard += [ended.stdout, ended.stderr]
        assert "internal error" not in ended.stderr, ended.stderr
        assert "Traceback" not in ended.stderr, ended.stderr
        assert ended.peak < MOST_MEMORY
        assert ended.seconds < 4 * self.timeout + 5
        return ended

    def writes(self) -> list[str]:
        """Return what the vendor was asked to change."""
        return [
            f"{entry.method} {entry.path}"
            for entry in self.sandbox.operator.requests()
            if entry.method != "GET"
        ]

    def assert_one_live_key(self) -> None:
        """Apply with an honest provider: one live key as declared, its secret in the file and only there."""
        self.provider.repent()
        ended = self.run("apply", "--yes")
        assert ended.code == 0, ended.stdout + ended.stderr
        (live,) = [row for row in self.sandbox.operator.keys("one") if row.enabled]
        assert (live.daily_usd, live.total_usd, live.concurrency) == (5, 100, 5)
        minted = {item["key_id"]: item["secret"] for item in self.sandbox.store.keys.secrets()}
        assert self.project.secrets() == {"CLIENT_A": minted[live.id]}
        self.assert_nothing_shown()

    def assert_nothing_shown(self) -> None:
        """No secret and no token was written to a terminal or to a file, but for the sink's."""
        hidden = [*self.sandbox.operator.secrets(), self.sandbox.tokens["one"]]
        sink = self.project.root / ".secrets" / "keys.env"
        files = [path for path in self.project.root.rglob("*") if path.is_file()]
        assert [path for path in files if path.suffix == ".tmp"] == []
        texts = [*self.heard, *(path.read_text("utf-8", "replace") for path in files if path != sink)]
        assert [secret for secret in hidden for text in texts if secret in text] == []


@contextmanager
def scene(
    root: Path, *, timeout: float = 20.0, base_url: str | None = None, settings: str = ""
) -> Iterator[Scene]:
    """Open a scene in a directory.

    Args:
        root: of the checkout.
        timeout: for each exchange.
        base_url: another address than that of the provider.
        settings: further lines of them.
    """
    with SandboxServer() as sandbox, HostileServer(sandbox.base_url) as provider:
        project = Project.create(root, base_url or provider.url, sandbox.tokens["one"], KEYS)
        with (root / "reconciler.yaml").open("a") as file:
            file.write(settings)
        yield Scene(sandbox=sandbox, provider=provider, project=project, timeout=timeout)
