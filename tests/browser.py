"""A real browser for the pages that this project writes: it opens a file, offline, and tells what is seen.

The Chromium is the one inside the wheel of `kaleido` 0.2.1, a program that draws plots with it: it needs no
library of the system and no download. That program runs `js/kaleido_scopes.js` of its working directory in a
blank page and prints what comes back, so that our own script under that name (browser.js) does the looking.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT: Final = Path(__file__).with_name("browser.js")
PHONE: Final = 360
DESKTOP: Final = 1440
PATIENCE_SECONDS: Final = 60
# On a busy machine about one start in ten hangs before the first word; the next one is given more time.
GREETING_SECONDS: Final = (5, 10, 20, 40)

_SCHEMES: Final = {"dark": 0, "light": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look at a page showed.

    Attributes:
        width: of the window, in pixels.
        dark: whether the page was asked for dark colours.
        text: what a person can read.
        overflow: pixels by which the page is wider than the window.
        hidden: pieces of text that take no room or lie outside the window.
        faint: pieces of text with less contrast than WCAG 2.2 AA asks for, with their ratios.
        complaints: errors and warnings of the console, what failed, and what the page's own policy blocked.
        requests: what it wanted from a network.
        picture: a PNG of the page.
    """

    width: int
    dark: bool
    text: str
    overflow: int
    hidden: tuple[str, ...]
    faint: tuple[str, ...]
    complaints: tuple[str, ...]
    requests: tuple[str, ...]
    picture: bytes

    @property
    def faults(self) -> list[str]:
        """Everything that a page of ours must not do, in words."""
        found = [f"{self.overflow} px too wide"] if self.overflow > 0 else []
        found += [f"out of sight: {text}" for text in self.hidden]
        found += [f"too faint: {text}" for text in self.faint]
        found += [f"complaint: {text}" for text in self.complaints]
        return found + [f"asked the network: {text}" for text in self.requests]


def look(page: Path, *, scheme: str, widths: tuple[int, ...] = (PHONE, DESKTOP), room: Path) -> list[Seen]:
    """Return what a page shows at some widths of the window.

    Args:
        page: an HTML file.
        scheme: `light` or `dark`, as the person's system prefers it.
        widths: in pixels.
        room: an empty directory that the browser may write to; pictures are left there as PNG.
    """
    (room / "js").mkdir(parents=True)
    shutil.copy(SCRIPT, room / "js" / "kaleido_scopes.js")
    (room / "nothing.js").touch()
    order = {"html": page.read_text("utf-8"), "widths": widths, "pictures": True}
    with _nowhere() as (port, requests):
        said = _run(room, order, f"--host-resolver-rules=MAP * 127.0.0.1:{port}", _colours(scheme))
    answer = json.loads(said.splitlines()[-1])
    assert answer["code"] == 0, answer
    return [_seen(view, tuple(requests), room / page.stem) for view in answer["views"]]


def _seen(view: dict[str, object], requests: tuple[str, ...], name: Path) -> Seen:
    width, dark = view["width"], view["dark"]
    assert isinstance(width, int)
    assert isinstance(dark, bool)
    picture = base64.b64decode(str(view["picture"]))
    name.with_name(f"{name.name}-{width}-{'dark' if dark else 'light'}.png").write_bytes(picture)
    return Seen(
        width=width,
        dark=dark,
        text=str(view["text"]),
        overflow=int(str(view["scroll_width"])) - width,
        hidden=_texts(view["hidden"]),
        faint=_texts(view["faint"]),
        complaints=_texts(view["complaints"]),
        requests=requests,
        picture=picture,
    )


def _texts(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)
    return tuple(str(item) for item in value)


def _colours(scheme: str) -> str:
    return f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}"


def _run(room: Path, order: dict[str, object], *switches: str) -> bytes:
    """Return what the program says to an order; one that does not greet us is stopped and started anew."""
    for patience in GREETING_SECONDS:
        with _started(room, switches) as program:
            assert program.stdout
            if select.select([program.stdout], [], [], patience)[0]:
                said, complaint = program.communicate(json.dumps(order).encode() + b"\n", PATIENCE_SECONDS)
                assert program.returncode == 0, complaint.decode()
                return said
    msg = "the browser does not start"
    raise AssertionError(msg)


@contextmanager
def _started(room: Path, switches: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    home = _home()
    command = [
        str(home / "bin" / "kaleido"),
        "plotly",
        # Otherwise it would load its plotting library from the network.
        f"--plotlyjs={room / 'nothing.js'}",
        # Root and containers have no user namespaces; the only page is ours.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        *switches,
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(room),
        "LD_LIBRARY_PATH": str(home / "lib"),
        "FONTCONFIG_PATH": str(home / "etc" / "fonts"),
        "XDG_DATA_HOME": str(home / "xdg"),
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=room, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    ) as program:
        try:
            yield program
        finally:
            # The whole group, as each tab and each service of a browser is a process.
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def _home() -> Path:
    spec = find_spec("kaleido")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "executable"


@contextmanager
def _nowhere() -> Iterator[tuple[int, list[str]]]:
    """Stand in for every host of the network, and keep what is asked of them."""
    asked: list[str] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                asked.append(connection.recv(4096).decode("latin-1").partition("\r\n")[0])
                connection.sendall(b"HTTP/1.1 502 Nowhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
