"""`sandbox`: served in the foreground, with lines for a shell."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from reconciler.sandbox.operator_client import OperatorClient

if TYPE_CHECKING:
    from tests.cli.project import Project

WITHOUT_STARLETTE = """\
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "starlette" else real(name, *rest)
sys.argv = ["reconciler", "{command}"]
from reconciler.cli.main import entry
entry()
"""


def test_it_prints_what_a_shell_needs_and_stops_on_a_signal(project: Project) -> None:
    """Address and tokens come as export lines; SIGTERM ends it with 0."""
    with project.start("sandbox", "--port", "0") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        accounts = OperatorClient(first.strip().removeprefix("export SANDBOX_URL=")).accounts()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()

    values = dict(line.removeprefix("export ").split("=", 1) for line in (first + rest).splitlines())
    assert process.returncode == 0, rest
    tokens = {f"SANDBOX_{account['label'].upper()}_TOKEN": account["token"] for account in accounts}
    assert values == {"SANDBOX_URL": values["SANDBOX_URL"], **tokens}


def test_it_listens_on_loopback_only(project: Project) -> None:
    """An address that others can reach is refused."""
    done = project.run("sandbox", "--host", "0.0.0.0", "--port", "0")  # noqa: S104  # what is refused

    assert done.code == 1
    assert "loopback" in done.stderr


def test_a_missing_extra_is_named_with_its_remedy(project: Project) -> None:
    """Without the optional packages, sandbox and demo say what to install."""
    for command in ("sandbox", "demo"):
        script = WITHOUT_STARLETTE.format(command=command).replace("\n", "; ").rstrip("; ")
        done = project.shell(f"{sys.executable} -c '{script}'")

        assert done.code == 1
        assert "pip install starlette" in done.stderr
