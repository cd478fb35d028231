"""What every sink promises, whatever it writes to."""

from __future__ import annotations

import json
import os
import resource
import shutil
import stat as status
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    SinkError,
    SinkOvertakenError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.sinks.memory import Kind, MemorySink, MemoryStore, Step
from tests.canary.recording import RECORDER
from tests.canary.shown import leaked, shown
from tests.contract.cloud_stores import CLOUD_KINDS, cloud_store
from tests.contract.remote_stores import READABLE_REMOTE_KINDS, REMOTE_KINDS, REVOKED, remote_store
from tests.contract.sink_faults import (
    ENTRY,
    FAILING_CALLS,
    NAME,
    NEW,
    OLD,
    at_call,
    build,
    make_ready,
    no_space,
    opened,
    receipt,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.ports.sink import Sink
    from tests.contract.cloud_stores import CloudStore
    from tests.contract.remote_stores import RemoteStore

FILE_KINDS = ("dotenv", "dotenv-quoted", "json")
SEALED_KINDS = ("age", "sops")
LOCAL_KINDS = (*FILE_KINDS, *SEALED_KINDS, "exec")
SPOILT = {
    "binary": b"\xff\xfe" + NEW.encode(),
    "open quote": f"{NAME}='{NEW}\n".encode(),
    "cut JSON": f'{{"{NAME}": "{NEW}'.encode(),
    "twice": f"{NAME}={NEW}\n{NAME}={NEW}\n".encode(),
    "twice in JSON": f'{{"{NAME}": "{NEW}", "{NAME}": "{NEW}"}}'.encode(),
}
ROOT = Path(__file__).resolve().parents[2]


class Store:
    """One store, seen by successive runs, and a way to look at it from the outside."""

    def __init__(self, kind: str, directory: Path, remote: RemoteStore | CloudStore | None = None) -> None:
        self.kind = kind
        self.directory = directory
        self.memory = MemoryStore()
        self.remote = remote
        self.opened: list[Sink] = []
        # What the program of the exec sink has stored.
        RECORDER.watch.keeps(directory / "store")

    def sink(self) -> Sink:
        """Return the sink as the next run would make it."""
        if self.remote:
            self.opened.append(self.remote.sink())
            return self.opened[-1]
        if self.kind in set(Kind):
            return MemorySink(self.memory, kind=Kind(self.kind))
        return build(self.kind, self.directory)

    @property
    def shows_receipts(self) -> bool:
        """Whether receipts can be read back."""
        return self.kind != Kind.WRITE_ONLY

    def value(self, name: str = NAME) -> str | None:
        """Return what a reader of the store would find."""
        if self.remote:
            return self.remote.value(name)
        if self.kind in set(Kind):
            found = self.memory.values.get(name)
            return found.reveal() if found else None
        return self._local_value(name)

    def _local_value(self, name: str) -> str | None:
        if self.kind == "json":
            path = self.directory / "keys.json"
            found_json = json.loads(path.read_text("utf-8")) if path.exists() else {}
            return str(found_json[name]) if name in found_json else None
        if self.kind == "exec":
            path = self.directory / "store" / name
            return path.read_text("utf-8") if path.exists() else None
        if self.kind in SEALED_KINDS:
            path = self.sealed(name)
            return opened(self.kind, path.read_text("utf-8"), name) if path.exists() else None
        script = f'. "$1"; printf %s "${{{name}-}}"'
        path = self.directory / "keys.env"
        if not path.exists():
            return None
        with RECORDER.watch.muted():
            return subprocess.run(
                ["/bin/sh", "-c", script, "sh", path], capture_output=True, text=True, check=True
            ).stdout

    def sealed(self, name: str = NAME) -> Path:
        """Return the encrypted file of an entry."""
        return self.directory / f"{name}.{'age' if self.kind == 'age' else 'sops.json'}"

    def plant(self, value: str) -> None:
        """Let somebody else write the entry."""
        if self.remote:
            self.remote.plant(NAME, value)
        elif self.kind in set(Kind):
            self.memory.values[NAME] = Secret(value)
        elif self.kind == "json":
            (self.directory / "keys.json").write_text(json.dumps({NAME: value}), "utf-8")
        elif self.kind in SEALED_KINDS:
            elsewhere = self.directory / "elsewhere"
            build(self.kind, elsewhere).put(ENTRY, Secret(value), receipt(9))
            (elsewhere / self.sealed().name).replace(self.sealed())
            shutil.rmtree(elsewhere)
        elif self.kind == "exec":
            (self.directory / "store").mkdir()
            (self.directory / "store" / NAME).write_text(value, "utf-8")
        else:
            (self.directory / "keys.env").write_text(f"{NAME}={value}\n", "utf-8")

    def deny(self) -> None:
        """Make the entry impossible to write."""
        if self.remote:
            self.remote.deny()
        elif self.kind in set(Kind):
            self.memory.denied.add(NAME)
        elif self.kind == "exec":
            (self.directory / "store").mkdir(exist_ok=True)
            (self.directory / "store" / "denied").touch()
        else:
            self.directory.chmod(0o777)


@contextmanager
def opened_store(request: pytest.FixtureRequest, directory: Path) -> Iterator[Store]:
    """Return the store of the kind that the fixture asks for, empty."""
    kind = str(request.param)
    if kind not in {*REMOTE_KINDS, *CLOUD_KINDS}:
        yield Store(kind, directory)
        return
    opened = cloud_store(kind, request) if kind in CLOUD_KINDS else remote_store(kind, request)
    with opened as remote:
        store = Store(kind, directory, remote)
        yield store
        for sink in store.opened:
            sink.close()


@pytest.fixture(params=[*LOCAL_KINDS, *REMOTE_KINDS, *CLOUD_KINDS, *Kind])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Every kind of store, empty."""
    with opened_store(request, tmp_path) as found:
        yield found


@pytest.fixture(params=LOCAL_KINDS)
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every kind of store that keeps its receipts in a local file, empty."""
    return Store(str(request.param), tmp_path)


def deliver(store: Store, secret: str = OLD, generation: int = 1) -> None:
    """Put a secret and verify it, each in a run of its own."""
    store.sink().put(ENTRY, Secret(secret), receipt(generation))
    store.sink().verify(ENTRY, Secret(secret), receipt(generation))


def everything_beside(directory: Path, value_files: set[str]) -> str:
    """Return names and contents of all files that are not meant to hold the secret."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    contents = [path.read_text("utf-8") for path in paths if path.name not in value_files]
    return "\n".join([*contents, *map(str, paths)])


class TestEveryStore:
    """What holds for local files, programs and memory alike."""

    def test_an_empty_store_has_no_receipts(self, store: Store) -> None:
        """Nothing delivered is nothing in custody, and asking leaves no trace."""
        before = set(store.directory.rglob("*.lock"))

        assert store.sink().stat([NAME, "OTHER"]) == {}
        assert set(store.directory.rglob("*.lock")) == before

    def test_preflight_passes_and_writes_no_entry(self, store: Store) -> None:
        """A writable entry is accepted, and nothing is stored by asking."""
        make_ready(store.sink(), [ENTRY])

        assert store.value() is None
        assert list(store.directory.rglob("*.tmp")) == []

    def test_preflight_refuses_what_cannot_be_written(self, store: Store) -> None:
        """The refusal comes before anything is minted, with a remedy."""
        store.deny()

        with pytest.raises((SinkRefusedError, CredentialsError)):
            make_ready(store.sink(), [ENTRY])

    def test_a_delivered_secret_is_what_readers_find(self, store: Store) -> None:
        """The consumer of the store reads exactly the secret."""
        deliver(store)

        assert store.value() == OLD

    def test_receipts_survive_the_run(self, store: Store) -> None:
        """The next run reads the very receipt that was written, and only for entries that have one."""
        deliver(store)

        expected = {NAME: receipt()} if store.shows_receipts else {}
        assert store.sink().stat([NAME, "OTHER"]) == expected

    def test_putting_the_same_again_changes_nothing(self, store: Store) -> None:
        """A repeated delivery leaves value, receipts and every byte as they are."""
        deliver(store)
        before = {path: path.read_bytes() for path in store.directory.rglob("*") if path.is_file()}

        deliver(store)

        assert store.value() == OLD
        assert {path: path.read_bytes() for path in store.directory.rglob("*") if path.is_file()} == before

    def test_a_rotation_replaces_value_and_receipt(self, store: Store) -> None:
        """After the second generation is delivered, only that one is in custody."""
        deliver(store)
        deliver(store, NEW, 2)

        assert store.value() == NEW
        if store.shows_receipts:
            assert store.sink().stat([NAME]) == {NAME: receipt(2)}

    def test_an_entry_of_another_key_is_refused(self, store: Store) -> None:
        """Two keys never take turns in one entry, neither at the preflight nor at the put."""
        deliver(store)
        other = replace(ENTRY, address="reseller/client-b")
        if not store.shows_receipts:
            return

        with pytest.raises(SinkRefusedError, match="reseller/client-a"):
            store.sink().preflight([other])
        with pytest.raises(SinkRefusedError, match="takeover"):
            store.sink().put(other, Secret(NEW), receipt(2, address=other.address))
        assert store.value() == OLD

    def test_an_entry_of_the_same_key_at_another_provider_is_refused(self, store: Store) -> None:
        """A secret from elsewhere does not replace the one in use."""
        deliver(store)
        if not store.shows_receipts:
            return

        other = replace(ENTRY, origin="https://elsewhere.example")
        with pytest.raises(SinkRefusedError, match=r"api\.example"):
            store.sink().preflight([other])
        with pytest.raises(SinkRefusedError, match=r"api\.example"):
            store.sink().put(other, Secret(NEW), receipt(2, origin=other.origin))
        assert store.value() == OLD

    def test_a_put_yields_to_a_run_that_was_faster(self, store: Store) -> None:
        """An entry that got another id of the same key since it was looked at keeps its secret."""
        if not store.shows_receipts:
            return
        deliver(store)
        mine = replace(ENTRY, seen=frozenset({"id-2"}))

        with pytest.raises(SinkOvertakenError) as caught:
            store.sink().put(mine, Secret(NEW), receipt(2))

        assert caught.value.remote_id == "id-1"
        assert store.value() == OLD
        assert store.sink().stat([NAME]) == {NAME: receipt()}

    def test_a_put_replaces_what_the_run_has_seen(self, store: Store) -> None:
        """The predecessor that a plan knew of, and the run's own first try, are overwritten."""
        deliver(store)
        mine = replace(ENTRY, seen=frozenset({"id-1", "id-2"}))

        for _ in range(2):
            store.sink().put(mine, Secret(NEW), receipt(2))

        assert store.value() == NEW

    def test_a_put_replaces_what_arrives_late_of_an_earlier_generation(self, store: Store) -> None:
        """A dead run's delivery that lands during a rotation does not hold the successor up."""
        deliver(store)
        mine = replace(ENTRY, seen=frozenset({"id-2"}), generation=2)

        store.sink().put(mine, Secret(NEW), receipt(2))

        assert store.value() == NEW

    def test_takeover_overwrites(self, store: Store) -> None:
        """Declared takeover is what it takes to write over the entry of somebody else."""
        store.plant("somebody-elses")
        entry = replace(ENTRY, takeover=True)

        make_ready(store.sink(), [entry])
        store.sink().put(entry, Secret(OLD), receipt())
        store.sink().verify(entry, Secret(OLD), receipt())

        assert store.value() == OLD

    def test_verify_refuses_what_was_not_delivered(self, store: Store) -> None:
        """Without a delivery there is nothing to confirm."""
        with pytest.raises(SinkUnverifiedError):
            store.sink().verify(ENTRY, Secret(OLD), receipt())

    def test_verify_refuses_another_receipt(self, store: Store) -> None:
        """The receipt is confirmed too, as custody depends on it."""
        deliver(store)
        if not store.shows_receipts:
            return

        with pytest.raises(SinkUnverifiedError):
            store.sink().verify(ENTRY, Secret(OLD), receipt(2))

    def test_closing_keeps_everything(self, store: Store) -> None:
        """A closed sink has lost nothing."""
        sink = store.sink()
        sink.put(ENTRY, Secret(OLD), receipt())
        sink.close()

        assert store.value() == OLD


class TestReadableStores:
    """What holds where the value itself can be seen."""

    @pytest.fixture(params=[*FILE_KINDS, *SEALED_KINDS, *READABLE_REMOTE_KINDS, *CLOUD_KINDS, Kind.READABLE])
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
        """Stores whose values can be read back."""
        with opened_store(request, tmp_path) as found:
            yield found

    def test_a_value_of_somebody_else_is_refused(self, store: Store) -> None:
        """What this tool did not write it does not overwrite."""
        store.plant("somebody-elses")

        with pytest.raises(SinkRefusedError, match="did not write"):
            store.sink().preflight([ENTRY])
        with pytest.raises(SinkRefusedError, match="takeover"):
            store.sink().put(ENTRY, Secret(NEW), receipt())
        assert store.value() == "somebody-elses"

    def test_a_value_changed_by_hand_is_not_in_custody(self, store: Store) -> None:
        """The receipt counts only for the value it was written for, and delivering again mends it."""
        deliver(store)
        store.plant("edited-by-hand")

        assert store.sink().stat([NAME]) == {}
        with pytest.raises(SinkUnverifiedError):
            store.sink().verify(ENTRY, Secret(OLD), receipt())
        store.sink().preflight([ENTRY])
        deliver(store)
        assert store.sink().stat([NAME]) == {NAME: receipt()}


class TestNetworkStores:
    """What holds for everything that is reached over a network."""

    @pytest.fixture(params=[*REMOTE_KINDS, *CLOUD_KINDS])
    def cloud(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CloudStore | RemoteStore]:
        """Every kind of store, empty."""
        with opened_store(request, tmp_path) as found:
            assert found.remote is not None
            yield found.remote

    def test_refused_credentials_are_told_apart(self, cloud: CloudStore | RemoteStore) -> None:
        """Credentials that the store does not take end with exit code 9 before anything is minted."""
        sink = cloud.sink(revoked=True)
        calls: list[Callable[[], object]] = [
            lambda: sink.stat([NAME]),
            lambda: sink.preflight([ENTRY]),
            lambda: sink.put(ENTRY, Secret(NEW), receipt()),
        ]
        for call in calls:
            with pytest.raises(CredentialsError) as caught:
                call()
            assert leaked(shown(caught.value), NEW, REVOKED) == []
        with pytest.raises(SinkUnverifiedError):
            sink.verify(ENTRY, Secret(NEW), receipt())
        sink.close()

    def test_no_refusal_shows_a_secret(self, cloud: CloudStore | RemoteStore) -> None:
        """An error after the store was given the secret, or has shown another one, holds neither."""
        cloud.plant(NAME, OLD)
        sink = cloud.sink()
        calls: list[Callable[[], object]] = [
            lambda: sink.put(ENTRY, Secret(NEW), receipt()),
            lambda: sink.put(ENTRY, Secret(f"{NEW}\udcff"), receipt()),
            lambda: sink.verify(ENTRY, Secret(NEW), receipt()),
        ]
        failures = [error for call in calls if (error := _failure(call))]

        assert len(failures) == len(calls)
        assert [leaked(shown(error), OLD, NEW) for error in failures] == [[]] * len(calls)
        sink.close()


@pytest.mark.parametrize("step", [Step.PENDING, Step.VALUE, Step.DELIVERED])
@pytest.mark.parametrize("kind", Kind)
def test_a_crash_between_two_steps_is_recovered(kind: Kind, step: Step) -> None:
    """After a crash at any step nothing false is in custody, and delivering again succeeds."""
    store = MemoryStore()
    MemorySink(store, kind=kind).put(ENTRY, Secret(OLD), receipt())

    def crash(reached: Step) -> None:
        if reached is step:
            raise SinkError

    with pytest.raises(SinkError):
        MemorySink(store, kind=kind, after=crash).put(ENTRY, Secret(NEW), receipt(2))
    sink = MemorySink(store, kind=kind)
    found = sink.stat([NAME]).get(NAME)
    value = store.values[NAME].reveal()
    assert found is None or value == {1: OLD, 2: NEW}[found.generation]

    sink.preflight([ENTRY])
    sink.put(ENTRY, Secret(NEW), receipt(2))
    sink.verify(ENTRY, Secret(NEW), receipt(2))
    assert store.values[NAME].reveal() == NEW


class TestLocalFiles:
    """What holds for everything that is kept in local files."""

    def test_files_are_readable_by_their_owner_only(self, local: Store) -> None:
        """Whatever the umask is, no file of ours is open to others."""
        before = os.umask(0)
        try:
            deliver(local)
        finally:
            os.umask(before)

        ours = [path for path in local.directory.iterdir() if path.is_file() and path.suffix != ".sh"]
        assert {status.S_IMODE(path.stat().st_mode) for path in ours} == {0o600}

    def test_an_open_file_is_closed_to_others(self, tmp_path: Path) -> None:
        """A file that was readable by all is not so after the first secret is in it."""
        path = tmp_path / "keys.env"
        path.write_text("A=b\n", "utf-8")
        path.chmod(0o644)

        deliver(Store("dotenv", tmp_path))

        assert status.S_IMODE(path.stat().st_mode) == 0o600

    def test_the_secret_is_nowhere_else(self, local: Store) -> None:
        """Receipts, locks, names of files: eight characters in a row of the secret are in none of them."""
        deliver(local)
        deliver(local, NEW, 2)

        text = everything_beside(local.directory, {"keys.env", "keys.json", NAME})
        assert "id-2" in text
        assert leaked(text, OLD, NEW) == []

    def test_damaged_receipts_are_an_error(self, local: Store) -> None:
        """Receipts that cannot be read are never taken for none."""
        deliver(local)
        [path] = local.directory.glob("*receipts.json")
        path.write_text('{"version": 1, "entries": {', "utf-8")

        with pytest.raises(SinkError, match="damaged"):
            local.sink().stat([NAME])
        with pytest.raises(SinkRefusedError, match="damaged"):
            local.sink().preflight([ENTRY])
        with pytest.raises(SinkError, match="damaged"):
            local.sink().put(ENTRY, Secret(NEW), receipt(2))
        with pytest.raises(SinkUnverifiedError, match="damaged"):
            local.sink().verify(ENTRY, Secret(OLD), receipt())

    def test_two_processes_lose_nothing(self, local: Store) -> None:
        """Every entry of two processes that write at the same time is there afterwards, with its receipt."""
        program = (
            "import sys; from pathlib import Path; from reconciler.core.secret import Secret\n"
            "from reconciler.ports.sink import Entry\n"
            "from tests.contract.sink_faults import build, receipt\n"
            "sink = build(sys.argv[1], Path(sys.argv[2]))\n"
            "for number in range(8):\n"
            "    name = f'KEY_{sys.argv[3]}_{number}'\n"
            "    entry = Entry(name=name, address=f'a/{name.lower()}', origin='https://api.example')\n"
            "    sink.put(entry, Secret(f'sk-{name}'), receipt(address=entry.address))\n"
        )
        local.sink()
        arguments = [sys.executable, "-c", program, local.kind, str(local.directory)]
        writers = [subprocess.Popen([*arguments, side], cwd=ROOT) for side in "AB"]
        assert [writer.wait(60) for writer in writers] == [0, 0]

        names = [f"KEY_{side}_{number}" for side in "AB" for number in range(8)]
        assert set(local.sink().stat(names)) == set(names)
        assert [local.value(name) for name in names] == [f"sk-{name}" for name in names]

    def test_an_error_of_any_system_call_loses_nothing(self, local: Store) -> None:
        """Whichever call fails, old or new is there as a whole, and the error tells which."""
        deliver(local)
        for number in count(1):
            local.directory.joinpath("keys.env").touch()
            with at_call(number, no_space, FAILING_CALLS) as calls:
                error = _failure(lambda: local.sink().put(ENTRY, Secret(NEW), receipt(2)))
            if next(calls) <= number:
                break
            self._check_failure(local, error)
            deliver(local, NEW, 2)
            deliver(local, OLD, 1)
        assert number > 12

    @staticmethod
    def _check_failure(local: Store, error: SinkError | None) -> None:
        found = local.sink().stat([NAME]).get(NAME)
        value = local.value()
        assert value in {OLD, NEW}
        assert list(local.directory.rglob("*.tmp")) == []
        assert found is None or value == {1: OLD, 2: NEW}[found.generation]
        if error is None:
            assert found == receipt(2)
        else:
            assert value == (NEW if isinstance(error, SinkUnverifiedError) else OLD)
        if error:
            assert leaked(shown(error), OLD, NEW) == []

    @pytest.mark.slow
    @pytest.mark.parametrize("first", [True, False])
    def test_sigkill_at_any_system_call_is_recovered(
        self, local: Store, tmp_path_factory: pytest.TempPathFactory, *, first: bool
    ) -> None:
        """A process killed anywhere leaves a whole value and true receipts, and the next one finishes."""
        if not first:
            deliver(local)
        scratch = tmp_path_factory.mktemp("killed") / "copy"
        with RECORDER.watch.muted():
            done = subprocess.run(
                [sys.executable, "-m", "tests.contract.sink_faults", local.kind, local.directory, scratch],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        findings = [json.loads(line) for line in done.stdout.splitlines()]

        assert len(findings) > 20
        assert [finding["killed"] for finding in findings] == [True] * (len(findings) - 1) + [False]
        for finding in findings:
            present = {name for name in ("old", "new") if finding[name]}
            if local.kind in FILE_KINDS + SEALED_KINDS:
                custody = {None: None, 1: {"old"}, 2: {"new"}}[finding["generation"]]
                assert custody is None or present == custody
                assert custody or present != {"old"}
            assert len(present) <= 1
            assert first or present
            assert finding["recovered"] == 2
            assert finding["final"].count(NEW) == 1
            assert OLD not in finding["final"]
            assert finding["leftovers"] == []

    def test_a_full_disk_loses_nothing(self, local: Store, small_disk: Callable[[], None]) -> None:
        """With no space left the preflight refuses, the put fails, and what was there stays."""
        deliver(local)
        small_disk()

        with pytest.raises(SinkRefusedError, match=r"free some|raise it"):
            local.sink().preflight([ENTRY])
        with pytest.raises(SinkError) as caught:
            local.sink().put(ENTRY, Secret(NEW), receipt(2))

        assert leaked(shown(caught.value), OLD, NEW) == []
        assert local.value() == OLD
        assert list(local.directory.rglob("*.tmp")) == []
        assert local.sink().stat([NAME]) == {NAME: receipt()}


@pytest.mark.parametrize("kind", LOCAL_KINDS)
@pytest.mark.parametrize("content", SPOILT.values(), ids=SPOILT.keys())
def test_no_error_shows_a_secret(kind: str, tmp_path: Path, content: bytes) -> None:
    """Whatever the file looks like, no exception, cause, attribute or local variable holds a secret of it."""
    store = Store(kind, tmp_path)
    names = ["keys.env", "keys.json", "receipts.json"]
    names += [f"{NAME}.{end}" for end in ("age", "sops.json", "age.receipts.json", "sops.json.receipts.json")]
    for name in names:
        (tmp_path / name).write_bytes(content)
    calls: list[Callable[[], object]] = [
        lambda: store.sink().stat([NAME]),
        lambda: store.sink().preflight([ENTRY]),
        lambda: store.sink().put(ENTRY, Secret(OLD), receipt()),
        lambda: store.sink().verify(ENTRY, Secret(OLD), receipt()),
        lambda: store.sink().put(ENTRY, Secret(f"{OLD}\udcff'\\${{"), receipt()),
    ]
    failures = [error for call in calls if (error := _failure(call))]

    assert failures
    assert [leaked(shown(error), OLD, NEW) for error in failures] == [[]] * len(failures)


def _failure(call: Callable[[], object]) -> SinkError | None:
    try:
        call()
    except SinkError as error:
        return error
    return None


@pytest.mark.parametrize("kind", FILE_KINDS + SEALED_KINDS)
def test_a_read_only_directory_is_refused(kind: str, read_only: Path) -> None:
    """Where nothing can be written the preflight says so, the put too, and reading still works."""
    sink = build(kind, read_only)

    with pytest.raises(SinkRefusedError, match=r"read-only|permission denied"):
        sink.preflight([ENTRY])
    with pytest.raises(SinkError, match=r"read-only|permission denied"):
        sink.put(ENTRY, Secret(NEW), receipt())
    assert sink.stat([NAME]) == {}


@contextmanager
def _mounted(directory: Path, options: str) -> Iterator[bool]:
    """Mount a small empty file system over a directory; tells whether that is allowed here."""
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", str(directory)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Make the directory a small disk, and return what fills it; elsewhere a limit on file sizes does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with _mounted(tmp_path, "size=64k,mode=0700") as mounted:

        def fill() -> None:
            if not mounted:
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
                return
            with (tmp_path / "filler").open("wb", buffering=0) as filler, suppress(OSError):
                while filler.write(b"\0" * 1024):
                    pass

        yield fill
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Return a directory in which nobody can write, the superuser included."""
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o500)
    with _mounted(directory, "size=64k,ro") as mounted:
        if mounted or os.geteuid() != 0:
            yield directory
        else:  # a container without the right to mount: sysfs takes no files from anybody
            yield Path("/sys")
