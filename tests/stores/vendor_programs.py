"""Stand-ins for the command lines of eight stores: each takes what its manual or source says, no more.

Installed under the name of a program, this file is that program. Its state is `$HOME/state.json`. An argument
that the real one does not have or a missing login is an error, so a recipe that passes here is written as the
vendor describes it. Sources: the manual of `gh secret set`, vercel/vercel `commands/env/add.ts`,
cloudflare/workers-sdk `wrangler/src/secret`, superfly/flyctl `command/secrets/parser.go`, DopplerHQ/cli
`pkg/cmd/secrets.go`, `op item create --help` and `op item edit --help`, the manual of `pass`, Infisical/cli
`packages/cmd/secrets.go`.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOGINS = {
    "doppler": "DOPPLER_TOKEN",
    "fly": "FLY_API_TOKEN",
    "gh": "GH_TOKEN",
    "infisical": "INFISICAL_TOKEN",
    "op": "OP_SERVICE_ACCOUNT_TOKEN",
    "vercel": "VERCEL_TOKEN",
    "wrangler": "CLOUDFLARE_API_TOKEN",
}
"""The variable that each program takes its credentials from; `pass` has none."""


def install(directory: Path) -> None:
    """Put all of them into a directory."""
    source = Path(__file__).read_text("utf-8")
    for name in (*LOGINS, "pass"):
        program = directory / name
        program.write_text(f"#!{sys.executable} -I\n{source}", "utf-8")
        program.chmod(0o755)


def stored(home: Path) -> dict[str, str]:
    """Return what the programs keep, by entry."""
    path = home / "state.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def refuse(why: str) -> Never:
    """End as a program does that was called wrongly."""
    sys.exit(f"{Path(sys.argv[0]).name}: {why}")


@dataclass(kw_only=True)
class Call:
    """One call, taken apart.

    Attributes:
        words: subcommand and positional arguments.
        options: by name, with what they were given.
    """

    words: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    _kept: dict[str, str] = field(default_factory=lambda: stored(Path.home()))

    def keep(self, name: str, value: str) -> None:
        """Store a value that is not empty."""
        if not value:
            refuse("the value is empty")
        state = Path.home() / "state.json"
        state.write_text(json.dumps({**self._kept, name: value}), "utf-8")

    def kept(self, name: str) -> str:
        """Return a value that is there."""
        if name not in self._kept:
            refuse(f"{name} not found")
        return self._kept[name]

    def has(self, name: str) -> bool:
        """Tell whether a value is there."""
        return name in self._kept


def piped() -> bool:
    """Tell whether somebody writes to standard input, as these programs tell it."""
    return not stat.S_ISCHR(os.fstat(0).st_mode)


def typed() -> str:
    """Return standard input without line breaks at the end."""
    return sys.stdin.read().rstrip("\r\n")


def gh(call: Call) -> None:
    """`gh secret set NAME` and `gh auth status`."""
    if call.words[:2] == ["secret", "set"]:
        call.keep(call.words[2], typed())


def vercel(call: Call) -> None:
    """`vercel env add NAME TARGET`, which refuses a name that is there unless it is forced."""
    if call.words[:2] == ["env", "add"]:
        if call.words[3] not in {"production", "preview"}:
            refuse("sensitive variables are for production and preview")
        if call.has(call.words[2]) and "--force" not in call.options:
            refuse("the variable is there already")
        call.keep(call.words[2], typed())


def wrangler(call: Call) -> None:
    """`wrangler secret put KEY` and `wrangler secret list`."""
    if call.words[:2] == ["secret", "put"]:
        call.keep(call.words[2], typed())


def fly(call: Call) -> None:
    """`fly secrets import`, which reads NAME=VALUE lines."""
    if call.words[:2] == ["secrets", "import"]:
        for line in sys.stdin.read().splitlines():
            name, sign, value = line.partition("=")
            if not sign:
                refuse(f"Secrets must be provided as NAME=VALUE pairs ({line} is invalid)")
            call.keep(name.strip(), value.lstrip(" "))


def doppler(call: Call) -> None:
    """`doppler secrets set NAME`, which prints what it has set unless it is silent, and `secrets get`."""
    if call.words[:2] == ["secrets", "set"]:
        value = typed()
        call.keep(call.words[2], value)
        if "--silent" not in call.options:
            sys.stdout.write(value)
    if call.words[:2] == ["secrets", "get"]:
        sys.stdout.write(f"{call.kept(call.words[2])}\n")


def op(call: Call) -> None:
    """`op item`, with templates through a pipe, which does not go together with `--template`."""
    vault = call.options.get("--vault", "")
    match call.words:
        case ["item", "get", title]:
            call.kept(f"{vault}/{title}")
        case ["item", "edit" | "create" as verb, title]:
            if "--template" in call.options and piped():
                refuse("cannot use --template with piped input")
            template = json.load(sys.stdin)
            [credential] = [item for item in template["fields"] if item["id"] == "credential"]
            if verb == "create" and (title, template["category"]) != ("-", "API_CREDENTIAL"):
                refuse("a template on standard input is asked for with -")
            if verb == "edit":
                call.kept(f"{vault}/{title}")
            call.keep(f"{vault}/{template['title']}", credential["value"])
            sys.stdout.write(json.dumps(template))
        case ["read", reference]:
            place, _, name = reference.removeprefix("op://").rpartition("/")
            if name != "credential":
                refuse("no such field")
            sys.stdout.write(f"{call.kept(place)}\n")
        case _:
            pass


def pass_(call: Call) -> None:
    """`pass insert` and `pass show`."""
    if call.words[0] == "insert":
        if {"--multiline", "--force"} - call.options.keys():
            refuse("asks on the terminal")
        call.keep(call.words[1], sys.stdin.read())
    else:
        sys.stdout.write(call.kept(call.words[1]))


def infisical(call: Call) -> None:
    """`infisical secrets set --file`, which prints a table with the values, and `secrets get`."""
    if call.words == ["secrets", "set"]:
        text = Path(call.options["--file"]).read_text("utf-8")
        name, _, value = text.partition("=")
        call.keep(name, value.strip())
        sys.stdout.write(f"{name} {value} SECRET CREATED\n")
    else:
        sys.stdout.write(f"{call.kept(call.words[2])}\n")


DOPPLER = {"--project": True, "--config": True}
INFISICAL = {"--projectId": True, "--env": True}
KNOWN: Mapping[str, Mapping[tuple[str, ...], tuple[int, Mapping[str, bool]]]] = {
    "gh": {("secret", "set"): (1, {"--repo": True, "--env": True}), ("auth", "status"): (0, {})},
    "vercel": {("env", "add"): (2, {"--force": False, "--sensitive": False}), ("whoami",): (0, {})},
    "wrangler": {("secret", "put"): (1, {"--name": True}), ("secret", "list"): (0, {"--name": True})},
    "fly": {("secrets", "import"): (0, {"--app": True, "--stage": False}), ("auth", "whoami"): (0, {})},
    "doppler": {
        ("secrets", "set"): (1, {**DOPPLER, "--silent": False}),
        ("secrets", "get"): (1, {**DOPPLER, "--plain": False}),
        ("me",): (0, {}),
    },
    "op": {
        ("item", "get"): (1, {"--vault": True}),
        ("item", "edit"): (1, {"--vault": True, "--template": True}),
        ("item", "create"): (1, {"--vault": True, "--template": True}),
        ("read",): (1, {}),
        ("whoami",): (0, {}),
    },
    "pass": {("insert",): (1, {"--multiline": False, "--force": False}), ("show",): (1, {})},
    "infisical": {
        ("secrets", "set"): (0, {**INFISICAL, "--file": True}),
        ("secrets", "get"): (1, {**INFISICAL, "--plain": False, "--silent": False}),
    },
}
"""For each subcommand: how many positional arguments it takes, its options, and whether they take a value."""
PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    "doppler": doppler,
    "fly": fly,
    "gh": gh,
    "infisical": infisical,
    "op": op,
    "pass": pass_,
    "vercel": vercel,
    "wrangler": wrangler,
}


def taken_apart(program: str, arguments: list[str]) -> Call:
    """Return what a program was asked, or refuse what the real one would not understand."""
    words = [word for word in arguments if not word.startswith("--")]
    [subcommand] = [known for known in KNOWN[program] if tuple(words[: len(known)]) == known] or [()]
    if not subcommand:
        refuse(f"unknown command {words}")
    positional, options = KNOWN[program][subcommand]
    call = Call()
    waiting = list(arguments)
    while waiting:
        name, sign, value = waiting.pop(0).partition("=")
        if not name.startswith("--"):
            call.words.append(name + sign + value)
        elif name not in options:
            refuse(f"unknown flag: {name}")
        elif options[name] and not sign:
            call.options[name] = waiting.pop(0)
        else:
            call.options[name] = value
    if len(call.words) != len(subcommand) + positional:
        refuse(f"accepts {positional} arguments, received {call.words[len(subcommand) :]}")
    return call


def main() -> None:
    """Be the program that this file is called."""
    program = Path(sys.argv[0]).name
    with (Path.home() / "calls").open("a", encoding="utf-8") as log:
        log.write(f"{program} {' '.join(sys.argv[1:])}\n")
    call = taken_apart(program, sys.argv[1:])
    if program in LOGINS and not os.environ.get(LOGINS[program]):
        refuse("log in first")
    PROGRAMS[program](call)


if __name__ == "__main__":
    main()
