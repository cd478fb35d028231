"""Rules that no other tool checks: who opens secrets, what is pinned, how long files are."""

from __future__ import annotations

import ast
import re
import socket
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "reconciler"

MAX_LINES = 400
LONG_FILES: dict[str, str] = {}
"""Files over the limit, each with the reason why splitting it would make it harder to read."""

NO_COVER_BUDGET = 5
PRINT_BUDGET = 0

MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|work|opt|mnt)/\w")
REGISTRY_HOST = re.compile(r"\bpy(?:pi|thonhosted)\.org|\bregistry\.npmjs\.|\bcrates\.io")
LEFTOVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|NotImplemented[E]rror)\b|pytest\.(?:mark\.)?(?:[s]kip|[x]fail)\b")
NOT_OURS = frozenset({"__pycache__", "build", "dist", "node_modules"})
GENERATED = frozenset({"uv.lock"})


def test_no_file_names_a_path_of_a_machine() -> None:
    """The repository reads the same wherever it is cloned."""
    assert _matches(MACHINE_PATH, _files()) == []


def test_no_file_written_by_hand_names_a_package_registry() -> None:
    """Mirrors and closed networks work, because only the lock knows where packages came from."""
    assert _matches(REGISTRY_HOST, (path for path in _files() if path.name not in GENERATED)) == []


def test_nothing_is_left_undone() -> None:
    """What is in the repository is finished: no markers for later, no tests that do not run."""
    assert _matches(LEFTOVER, _sources("reconciler", "tests")) == []


def test_every_module_says_what_it_is_for() -> None:
    """Each module opens with a docstring."""
    assert [
        _name(path) for path in _sources("reconciler", "tests") if ast.get_docstring(_tree(path)) is None
    ] == []


def test_no_module_outgrows_a_reader() -> None:
    """A module stays short, or is listed with the reason; the list holds nothing else."""
    lengths = {_name(path): len(path.read_text("utf-8").splitlines()) for path in _sources("reconciler")}

    assert {name for name, lines in lengths.items() if lines > MAX_LINES} == set(LONG_FILES)


def test_secrets_are_opened_only_by_adapters_and_their_transport() -> None:
    """`Secret.reveal()` is reachable only where a secret is handed over or a request is signed."""
    opened = [
        f"{_name(path)}:{node.lineno}"
        for path in _sources("reconciler")
        if path.relative_to(PACKAGE).parts[0] not in {"sinks", "providers", "transport"}
        for node in _secret_openings(_tree(path))
    ]

    assert opened == []


def test_core_and_ports_take_time_and_files_as_arguments() -> None:
    """Neither the clock nor the file system is read in the pure packages, not even through a pure module."""
    impure = {"now", "today", "utcnow", "open", "input", "print", "exec", "eval", "__import__"}
    calls = [
        f"{_name(path)}:{node.lineno} {name}()"
        for path in _sources("reconciler/core", "reconciler/ports")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and (name := _called(node)) in impure
    ]

    assert calls == []


@pytest.mark.parametrize("package", ["providers", "sinks"])
def test_adapters_do_not_import_each_other(package: str) -> None:
    """An adapter shares only the private modules of its package; the registry alone knows them all."""
    crossings = [
        f"{_name(path)} imports {name}"
        for path in _sources(f"reconciler/{package}")
        if path.stem not in {"registry", "__init__"}
        for name in _siblings(_tree(path), f"reconciler.{package}.")
        if not name.startswith("_")
    ]

    assert crossings == []


def test_stdout_belongs_to_the_command_line() -> None:
    """Nothing prints past the one place that knows about terminals, pipes and secrets."""
    printed = [
        f"{_name(path)}:{node.lineno}"
        for path in _sources("reconciler")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert len(printed) <= PRINT_BUDGET, printed


def test_coverage_has_few_exceptions() -> None:
    """Lines that coverage may overlook are counted, so that the gates mean something."""
    overlooked = _matches(re.compile(r"pragma: no (?:cover|branch)"), _sources("reconciler"))

    assert len(overlooked) <= NO_COVER_BUDGET, overlooked


def test_changelog_knows_the_version() -> None:
    """The changelog has a section for the version of the package, or for what is not released yet."""
    version = _project()["project"]["version"]
    sections = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert {version, "Unreleased"} & set(sections)


def test_ci_runs_every_python_that_the_package_claims() -> None:
    """The matrix of the workflow and the classifiers name the same versions."""
    claimed = {
        name.rpartition(" ")[2]
        for name in _project()["project"]["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
    }
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    matrix = re.search(r"python-version: \[(.+)\]", workflow)

    assert matrix is not None
    assert set(re.findall(r"3\.\d+", matrix[1])) == claimed


def test_the_lock_is_that_of_the_project() -> None:
    """`uv.lock` was made from the dependencies that pyproject.toml states; `make lock` renews it."""
    project = _project()
    extras = project["project"]["optional-dependencies"]
    stated = {_requirement(text) for text in project["project"]["dependencies"]}
    stated |= {_requirement(text) for texts in extras.values() for text in texts}
    groups = {
        group: {_requirement(text) for text in texts if isinstance(text, str)}
        for group, texts in project["dependency-groups"].items()
    }
    groups["dev"] |= groups["build"]
    metadata = _locked()["reconciler"]["metadata"]

    assert {_locked_requirement(entry) for entry in metadata["requires-dist"]} == stated
    assert {
        group: {_locked_requirement(entry) for entry in entries}
        for group, entries in metadata["requires-dev"].items()
    } == groups


@pytest.mark.parametrize(
    ("name", "extras", "groups"),
    [
        ("action", {"age", "aws", "gcp", "github", "sops"}, {"build"}),
        ("demo", {"sandbox"}, {"build"}),
        ("dev", {"age", "aws", "gcp", "github", "sandbox", "sops"}, {"build", "dev"}),
    ],
)
def test_pip_and_uv_install_the_same(name: str, extras: set[str], groups: set[str]) -> None:
    """The requirements for pip pin what the lock pins, to the last hash; `make lock` renews them."""
    pins = dict(_pins(ROOT / "requirements" / f"{name}.txt"))

    assert pins == _closure(extras, groups)


def test_a_test_cannot_leave_the_machine() -> None:
    """The guard refuses remote addresses and names, and lets loopback through."""
    with pytest.raises(RuntimeError, match="loopback"), socket.socket() as sock:
        sock.connect(("192.0.2.1", 443))
    with pytest.raises(RuntimeError, match="loopback"):
        socket.getaddrinfo("example.com", 443)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sock,
    ):
        assert sock.getpeername() == server.getsockname()


def _files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") for part in parts[:-1] if part not in {".github", ".ci"})
        if (
            path.is_file()
            and not hidden
            and NOT_OURS.isdisjoint(parts)
            and not path.name.startswith(".coverage")
        ):
            yield path


def _sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _matches(pattern: re.Pattern[str], paths: Iterable[Path]) -> list[str]:
    return [
        f"{_name(path)}:{number}: {match[0]}"
        for path in paths
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1)
        if (match := pattern.search(line))
    ]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def _called(node: ast.Call) -> str | None:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


def _secret_openings(tree: ast.Module) -> Iterator[ast.Attribute]:
    # A provider's own `reveal(key)` takes an argument; that of a secret takes none, or is passed on uncalled.
    of_providers = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (node.args or node.keywords)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "reveal" and id(node) not in of_providers:
            yield node


def _siblings(tree: ast.Module, prefix: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.removeprefix(prefix) for name in names if name.startswith(prefix))


@cache
def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def _locked() -> dict[str, dict[str, Any]]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return {package["name"]: package for package in lock["package"]}


def _requirement(text: str) -> tuple[str, frozenset[str], str]:
    parsed = Requirement(text)
    return canonicalize_name(parsed.name), frozenset(parsed.extras), str(parsed.specifier)


def _locked_requirement(entry: dict[str, Any]) -> tuple[str, frozenset[str], str]:
    name = f"{entry['name']}[{','.join(entry.get('extras', ()))}]"
    return _requirement(f"{name}{entry.get('specifier', '')}")


def _pins(path: Path) -> Iterator[tuple[str, tuple[str, frozenset[str]]]]:
    for entry in re.split(r"\n(?=\S)", path.read_text("utf-8")):
        pin = re.match(r"([\w.-]+)==([^\s;]+)", entry)
        assert pin is not None, entry
        yield pin[1], (pin[2], frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", entry)))


def _closure(extras: set[str], groups: set[str]) -> dict[str, tuple[str, frozenset[str]]]:
    """What the lock installs for the project with these extras and groups: name to version and hashes."""
    project = _locked()["reconciler"]
    queue = list(project["dependencies"])
    queue += [entry for extra in extras for entry in project["optional-dependencies"][extra]]
    queue += [entry for group in groups for entry in project["dev-dependencies"][group]]
    found: dict[str, tuple[str, frozenset[str]]] = {}
    visited: set[tuple[str, str]] = set()
    while queue:
        entry = queue.pop()
        package = _locked()[entry["name"]]
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        found[package["name"]] = (package["version"], frozenset(file["hash"] for file in files))
        for extra in ("", *entry.get("extra", ())):
            if (package["name"], extra) not in visited:
                visited.add((package["name"], extra))
                more = (
                    package.get("optional-dependencies", {}).get(extra, ())
                    if extra
                    else package.get("dependencies", ())
                )
                queue += more
    return found
