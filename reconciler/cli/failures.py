"""The one place where an error becomes a message on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.terminal import complain, discard, explain, open_missing_streams, settle_streams
from reconciler.errors import ExitCode, ManifestError, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def exit_code_of(run: Callable[[], int]) -> int:
    """Run a command and return the exit code to end with; whatever it raised has been explained."""
    _keep_values_out_of_tracebacks()
    open_missing_streams()
    code: int = ExitCode.OK
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone, as in `plan | head`; that is its right.
        discard(sys.stdout)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last net: a traceback could show values
        return _explained(error)
    finally:
        settle_streams()
    return code


def _explained(error: BaseException) -> ExitCode:
    """Say on stderr what went wrong, and return the exit code for it."""
    code = ExitCode.ERROR
    match error:
        case click.Abort() | KeyboardInterrupt():
            complain("interrupted")
            code = ExitCode.SIGINT
        case click.ClickException():
            # Its own exit code means "changes pending" here.
            error.show()
        case ReconcilerError():
            show(error)
            code = error.exit_code
        case FileNotFoundError() if _is_nowhere():
            complain("the current directory does not exist any more; change to another one and run again")
        case OSError():
            complain(f"{_os_reason(error)}; check the file, its directory and the space left")
        case _:
            complain(internal_error(type(error), error.__traceback__))
    return code


def show(error: ReconcilerError) -> None:
    """Write an error that a user is meant to read."""
    if isinstance(error, ManifestError):
        from reconciler.render.text import render_problems

        explain(render_problems(error.problems))
        return
    complain(str(error))


def internal_error(kind: type[BaseException], trace: TracebackType | None) -> str:
    """Return what to say about a bug of ours: its type and place, and none of its values."""
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    place = ""
    if ours:
        name = Path(ours[-1].filename).relative_to(_PACKAGE.parent)
        place = f" at {name.as_posix()}:{ours[-1].lineno}"
    return (
        f"internal error: {kind.__name__}{place}; running the command again is safe, "
        "and please report this line as an issue of the project"
    )


def _keep_values_out_of_tracebacks() -> None:
    """Make every traceback of the interpreter say no more than a type and a place."""
    sys.excepthook = lambda kind, _, trace: complain(internal_error(kind, trace))
    threading.excepthook = lambda args: complain(internal_error(args.exc_type, args.exc_traceback))
    sys.unraisablehook = lambda args: complain(internal_error(args.exc_type, args.exc_traceback))


def _is_nowhere() -> bool:
    """Tell whether the directory that relative paths start from was removed."""
    try:
        os.getcwd()  # noqa: PTH109  # Path.cwd is the same call
    except FileNotFoundError:
        return True
    return False


def _os_reason(error: OSError) -> str:
    # The text of the exception may hold more than the path, so only the number is translated.
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    name = f"{error.filename}: " if isinstance(error.filename, str) else ""
    return f"{name}{reason}"
