"""The canary: a test that shows a secret anywhere fails, and says where and in which encoding.

tests/conftest.py loads it. A test whose purpose is to put a secret somewhere says so to the fixture
`canary`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.canary.recording import RECORDER
from tests.canary.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Generator

_DURABLE: Final = pytest.StashKey[set[str]]()
_SEEN: Final = pytest.StashKey[set[str]]()
_BEGAN: Final = pytest.StashKey[float]()
_SENT: Final = "canary"
_ADVICE: Final = "a secret was shown (tests/canary says how it was looked for)"


@pytest.fixture
def canary() -> Watch:
    """Return what this test has made secret and shown so far: plant secrets, exempt files, add a channel."""
    return RECORDER.watch


def pytest_configure(config: pytest.Config) -> None:
    """Listen from the import of the first test on."""
    config.stash[_DURABLE], config.stash[_SEEN], config.stash[_BEGAN] = set(), set(), time.time()
    patch = pytest.MonkeyPatch()
    RECORDER.install(patch)
    config.add_cleanup(patch.undo)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the secrets that modules hold."""
    session.config.stash[_DURABLE].update(RECORDER.watch.secrets)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Keep the secrets of what outlives a test, such as the token of a server."""
    before = set() if fixturedef.scope == "function" else set(RECORDER.watch.secrets)
    result = yield
    if fixturedef.scope != "function":
        request.config.stash[_DURABLE].update(RECORDER.watch.secrets - before)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget what the test before has shown."""
    durable = item.config.stash[_DURABLE]
    RECORDER.begin(durable)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search once everything is over, what fixtures did at the end included."""
    report = yield
    if call.when == "teardown":
        for title, text in report.sections:
            if "Captured log" not in title:  # each record was heard before
                RECORDER.watch.hear(title, text)
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        leaks = RECORDER.leaks(*([folder] if folder else []))
        item.config.stash[_SEEN].update(RECORDER.watch.secrets)
        if leaks:
            report.outcome, report.longrepr = "failed", "\n".join([f"{_ADVICE}:", *leaks])
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Search what pytest and hypothesis keep for the next run; workers hand over what they know."""
    config = session.config
    worker = getattr(config, "workeroutput", None)
    if worker is not None:
        seen = config.stash[_SEEN]
        worker[_SENT] = sorted(seen)
    yield
    if worker is None and (leaks := _leaks_of_caches(config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = config.get_terminal_writer()
        reporter.line("\n".join([f"{_ADVICE}, after all tests:", *leaks]), red=True)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist knows."""
    sent = getattr(node, "workeroutput", {}).get(_SENT, ())
    node.config.stash[_SEEN].update(sent)


def _leaks_of_caches(config: pytest.Config) -> list[str]:
    seen = config.stash[_SEEN]
    watch = Watch(seen)
    kept = [".hypothesis", *([config.getini("cache_dir")] if hasattr(config, "cache") else [])]
    for folder in (config.rootpath / name for name in kept):
        for path in folder.rglob("*"):
            if path.is_file() and path.stat().st_mtime >= config.stash[_BEGAN]:
                watch.hear(f"file {path.relative_to(folder)}", path.read_bytes())
    return watch.leaks()
