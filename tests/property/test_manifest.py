"""The loader on arbitrary input, and what must not matter to its result."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import ManifestError
from reconciler.manifest import tree
from reconciler.manifest.load import load_manifest
from reconciler.manifest.source_text import decode
from reconciler.manifest.tree import parse
from tests.unit.manifest.projects import KINDS, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.errors import Problem
    from reconciler.manifest.settings import Manifest

LINES = (
    "version: 1",
    "keys:",
    "  a: {}",
    "  a:",
    "    limits: {daily_usd: 5}",
    "    limits: {daily_usd: 0x1F, total_usd: '1e400'}",
    "    account: main",
    "    deliver: [{sink: local}, none]",
    "defaults: {account: main, deliver: {sink: local}}",
    "profiles: {p: {limits: {concurrency: 1}}}",
    "  <<: *x",
    "- &x !!str y",
    "? [a, {b: c}]",
    ": |\n  text\n   more",
    'a: "\\u0000\\x07\\U0001F600"',
    "{[}]: 'é'",
    "---",
    "%YAML 1.2",
    "\t# tab",
    "\u2028\ufeff",
)
YAMLISH = st.lists(st.sampled_from(LINES), max_size=12).map("\n".join)
BYTES = st.one_of(st.binary(max_size=200), YAMLISH.map(str.encode), st.text(max_size=200).map(str.encode))


def load(files: Mapping[str, bytes]) -> Manifest:
    """Load a manifest of some files from a directory of its own."""
    with TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        return load_manifest(Path(folder, "reconciler.yaml"), kinds=KINDS)


def problems(files: Mapping[str, bytes]) -> tuple[Problem, ...]:
    """Return what is wrong with some files."""
    try:
        load(files)
    except ManifestError as error:
        return error.problems
    return ()


@given(BYTES, BYTES)
def test_the_loader_raises_nothing_but_manifest_errors(key_file: bytes, settings_file: bytes) -> None:
    """Whatever the files hold; each problem has a place."""
    for files in (
        {"reconciler.yaml": SETTINGS.encode(), "keys/a.yaml": key_file},
        {"reconciler.yaml": settings_file, "keys/a.yaml": key_file},
    ):
        assert all(problem.line > 0 and problem.column > 0 for problem in problems(files))


@given(st.one_of(YAMLISH, st.text(max_size=60)))
def test_both_parsers_agree(text: str) -> None:
    """The slow one is a fallback, so it must mean the same."""
    try:
        decoded = decode(text.encode("utf-8", "surrogatepass"), "f")
    except ManifestError:
        return
    fast, slow = _outcome(decoded, "c_events"), _outcome(decoded, "pure_events")
    # libyaml also takes a tab for a blank, which the pure parser refuses; what both take is the same.
    assert fast == slow or slow is None


def _outcome(text: str, parser: str) -> tuple[str, str] | None:
    before = tree.events_of
    tree.events_of = getattr(tree, parser)
    try:
        return repr(parse(text, "f")), json.dumps(list(_places(parse(text, "f"))))
    except ManifestError:
        return None
    finally:
        tree.events_of = before


def _places(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield list(node.own_marks())  # type: ignore[attr-defined]  # every mapping of the tree has marks
        for child in node.values():
            yield from _places(child)


CAP = st.one_of(st.integers(1, 999), st.decimals("0.01", 99, places=2).map(str))
KEY = st.fixed_dictionaries(
    {},
    optional={
        "limits": st.fixed_dictionaries({}, optional={"daily_usd": CAP, "total_usd": CAP}),
        "enabled": st.booleans(),
        "generation": st.integers(1, 9),
        "profile": st.sampled_from(["small", "large"]),
        "deliver": st.just({"sink": "store"}),
        "owner": st.sampled_from(["a", "b"]),
    },
)
KEYS = st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), KEY, min_size=1, max_size=8)
SHARED = {
    "version": 1,
    "defaults": {"account": "main", "limits": {"concurrency": 3}},
    "profiles": {
        "small": {"limits": {"daily_usd": 5}},
        "large": {"limits": {"daily_usd": 500}, "enabled": True},
    },
}


@settings(max_examples=50)
@given(KEYS, st.randoms(use_true_random=False), st.integers(1, 3), st.sampled_from([None, 2]))
def test_order_files_and_layout_do_not_matter(
    keys: dict[str, Any], random: Any, files: int, indent: int | None
) -> None:
    """The same keys in any order, in any number of files, in any layout: one digest, equal keys."""
    plain = load(
        {"reconciler.yaml": SETTINGS.encode(), "keys/0.yaml": json.dumps({**SHARED, "keys": keys}).encode()}
    )
    names = list(keys)
    random.shuffle(names)
    parts: list[dict[str, Any]] = [{} for _ in range(files)]
    for name in names:
        random.choice(parts)[name] = keys[name]
    written = {
        f"keys/{number}.yaml": ("# comment\n" + json.dumps({**SHARED, "keys": part}, indent=indent)).encode()
        for number, part in enumerate(parts)
    }
    split = load({"reconciler.yaml": SETTINGS.encode(), **written})
    assert split.desired.declarations_digest == plain.desired.declarations_digest
    assert split.desired.settings_digest == plain.desired.settings_digest
    assert [(key.address, key.spec, key.lifecycle) for key in split.desired.keys] == [
        (key.address, key.spec, key.lifecycle) for key in plain.desired.keys
    ]
