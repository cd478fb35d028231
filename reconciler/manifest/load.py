"""The door to the manifest: from the settings' path to settings and desired state, or every problem."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.core.model import DesiredState
from reconciler.errors import ManifestError
from reconciler.manifest.account_rules import rules_for
from reconciler.manifest.complaints import problems_of
from reconciler.manifest.declarations_digest import declarations_digest
from reconciler.manifest.key_files import find_key_files
from reconciler.manifest.own_blocks import split
from reconciler.manifest.resolve_keys import KeyFileSource, KeyResolver
from reconciler.manifest.resolve_settings import SettingsSource, resolve_settings
from reconciler.manifest.resolve_sinks import no_plugin
from reconciler.manifest.settings import Manifest
from reconciler.manifest.source_files import SourceFile, display_name, read_inside
from reconciler.manifest.source_text import decode
from reconciler.manifest.tree import parse
from reconciler.manifest.wire_keys import field_names, key_file
from reconciler.manifest.wire_settings import DEFAULT_FILE_MB, SETTINGS_FILE
from reconciler.manifest.wire_settings import FIELD_NAMES as SETTINGS_FIELDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pydantic import TypeAdapter

    from reconciler.core.fields import Field
    from reconciler.errors import Problem
    from reconciler.manifest.resolve_sinks import PluginOptions
    from reconciler.manifest.settings import ProviderKind
    from reconciler.manifest.tree import MarkedMapping
    from reconciler.manifest.wire_settings import SettingsFile


def load_manifest(
    path: Path, *, kinds: Mapping[str, ProviderKind], plugin: PluginOptions = no_plugin
) -> Manifest:
    """Read, check and resolve the settings and every key file that they name; no secret is read.

    Args:
        path: of the settings file; problems name files the way this path does.
        kinds: every provider of this release by name.
        plugin: finds the options of a sink type that another package offers.

    Raises:
        ManifestError: with every problem of every file, sorted by place.
    """
    with collection_paused():
        return _Loader(path, kinds, plugin).load()


@contextmanager
def collection_paused() -> Iterator[None]:
    """Hold cyclic garbage collection: a tree has no cycles, and scanning it takes longer than building it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Loader:
    """One load, with the problems found so far."""

    def __init__(self, path: Path, kinds: Mapping[str, ProviderKind], plugin: PluginOptions) -> None:
        self._path = path
        self._kinds = kinds
        self._plugin = plugin
        self._root = Path(os.path.realpath(path.parent))
        self._problems: list[Problem] = []

    def load(self) -> Manifest:
        file = SourceFile(path=self._path, shown=display_name(self._path))
        tree = parse(self._text(file, DEFAULT_FILE_MB), file.shown)
        wire: SettingsFile | None = self._validated(SETTINGS_FILE, tree, file, SETTINGS_FIELDS)
        files, problems = find_key_files(file, tree)
        self._problems += problems
        if wire is None:
            # The key files are still looked at, so that one run shows the problems of all files.
            for _ in self._key_sources(files, DEFAULT_FILE_MB, tree):
                pass
            raise ManifestError(self._problems)
        source = SettingsSource(path=self._path, root=self._root, shown=file.shown, tree=tree, wire=wire)
        return self._resolved(source, files)

    def _resolved(self, source: SettingsSource, files: list[SourceFile]) -> Manifest:
        settings, accounts, problems = resolve_settings(source, self._kinds, self._plugin)
        require = settings.safety.require
        resolver = KeyResolver(
            {label: rules_for(account, require) for label, account in accounts.items()},
            source.wire.accounts,
            {name: sink.type for name, sink in settings.sinks.items()},
            settings.policy.fields if settings.policy else (),
        )
        for keys_source in self._key_sources(files, source.wire.max_file_mb, source.tree):
            resolver.add(keys_source)
        keys = resolver.finish()
        problems += [*self._problems, *resolver.problems]
        if problems:
            raise ManifestError(problems)
        desired = DesiredState(
            accounts=accounts,
            keys=settings.policy.applied(keys) if settings.policy else keys,
            limits=settings.safety,
            settings_digest=settings.digest,
            declarations_digest=declarations_digest(keys),
            allow=settings.allow,
            policy=settings.policy,
        )
        return Manifest(settings=settings, desired=desired)

    def _key_sources(
        self, files: list[SourceFile], most_mb: int, settings: MarkedMapping
    ) -> Iterator[KeyFileSource]:
        """Yield the valid key files one by one, so that no two trees are held at a time."""
        declarable = self._own_fields(settings)
        for file in files:
            try:
                text = self._text(file, most_mb)
                tree = parse(text, file.shown)
            except ManifestError as error:
                self._problems += error.problems
                continue
            # A shape with blocks takes a while to build, and most files have none.
            own = tuple(field for field in declarable if split(field.name)[0] in text)
            wire = self._validated(key_file(own), tree, file, field_names(own))
            if wire is not None:
                yield KeyFileSource(shown=file.shown, tree=tree, wire=wire)

    def _own_fields(self, settings: MarkedMapping) -> tuple[Field, ...]:
        """Return the fields that only the accounts' providers have, even of settings that are not valid."""
        accounts = settings.get("accounts")
        rows = accounts.values() if isinstance(accounts, dict) else ()
        named = {row.get("provider") for row in rows if isinstance(row, dict)}
        known = sorted(name for name in named if isinstance(name, str) and name in self._kinds)
        return tuple(field for name in known for field in self._kinds[name].capabilities.own)

    def _text(self, file: SourceFile, most_mb: int) -> str:
        return decode(read_inside(file, self._root, most_mb=most_mb), file.shown)

    def _validated(
        self, shape: TypeAdapter[Any], tree: MarkedMapping, file: SourceFile, known: Collection[str]
    ) -> Any:
        try:
            return shape.validate_python(tree)
        except ValidationError as error:
            self._problems += problems_of(error, tree, file.shown, known=known, providers=self._kinds)
            return None
