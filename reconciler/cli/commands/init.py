"""`reconciler init`: a starter set that validates as it stands."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.session import pass_session
from reconciler.cli.terminal import explain, write_result
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.cli.session import Session

_STARTER: Final = {
    Path("keys/team.yaml"): "team.yaml",
    Path(".github/workflows/keys-plan.yml"): "keys-plan.yml",
    Path(".github/workflows/keys-apply.yml"): "keys-apply.yml",
}
_IGNORED: Final = (".secrets/", "/plan.json", "/report.json")


@click.command("init", short_help="Write a starter set: settings, a key file, workflows.")
@pass_session
def command(session: Session) -> ExitCode:
    """Write settings, a key file, two GitHub workflows and .gitignore entries.

    Nothing that exists is overwritten; when one of the files is there already, nothing is written at all.
    """
    root = session.config.parent
    targets = {session.config: "reconciler.yaml"} | {root / path: name for path, name in _STARTER.items()}
    if there := [str(path) for path in targets if path.exists() or path.is_symlink()]:
        msg = (
            f"{', '.join(there)} exists already and nothing was written; move it away or use another --config"
        )
        raise UsageError(msg)
    for path, name in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Mode "x" closes the gap between the look above and now.
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(files("reconciler.cli.starter").joinpath(name).read_text("utf-8"))
    written = [*targets, *_ignore(root / ".gitignore")]
    write_result("".join(f"wrote {path}\n" for path in written))
    explain("next: reconciler validate; then set QCODE_TOKEN and run reconciler plan\n")
    return ExitCode.OK


def _ignore(path: Path) -> list[Path]:
    """Add what git must not see, and return the file if that changed it."""
    before = path.read_text("utf-8") if path.exists() else ""
    missing = [entry for entry in _IGNORED if entry not in before.splitlines()]
    if not missing:
        return []
    gap = "" if not before or before.endswith("\n") else "\n"
    path.write_text(before + gap + "".join(f"{entry}\n" for entry in missing), "utf-8", newline="\n")
    return [path]
