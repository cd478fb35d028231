"""What providers answer: lists and everything that is made of them, creates, updates, reveals, balances."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from reconciler.core.fields import MICRO
from reconciler.core.identity import Incarnation
from reconciler.core.model import DesiredAccount, MintRequest, ObservedKey, Undeclared
from reconciler.core.secret import Secret
from reconciler.ports.balance import BalanceSource
from reconciler.providers.qcode_partner import QCodePartner
from reconciler.providers.qcode_readonly import QCodeReadOnly
from reconciler.providers.registry import PROVIDERS, Connection
from tests.clocks import FakeClock
from tests.fuzz.answers import CUT, Script, answered
from tests.fuzz.dictionary import dictionary
from tests.fuzz.listings import follow
from tests.fuzz.target import CANARY, Target
from tests.simulation.inline_pool import InlinePool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.core.model import Minted
    from reconciler.ports.provider import Provider

_BASE: Final = "https://api.example"
_NAME: Final = "client-a"
_KEY: Final = ObservedKey(id="1", name=_NAME, spec={})
_REQUEST: Final = MintRequest(incarnation=Incarnation(name=_NAME), name=_NAME, idempotency_key="k" * 40)
_OPERATIONS: Final = (
    *("list", "get", "create", "update", "enable", "disable", "delete", "rename", "reveal", "twice"),
    *("facts", "usage", "balance", "check"),
)
_DIALECTS: Final = ("new-api", "hitopen", "cometapi", "one-api")
_POOLS: Final = (
    "reconciler.providers._newapi_listing",
    "reconciler.providers._qcode_listing",
    "reconciler.providers.qcode_partner",
)


def _target(provider: str, *others: str) -> Target:
    def feed(data: bytes) -> None:
        script = Script(data)
        with _inline(), answered(script):
            _ask(script.word(1, (provider, *others)), script.word(0, _OPERATIONS))

    return Target(name=provider, feed=feed, words=dictionary("providers"), cut=CUT)


@contextmanager
def _inline() -> Iterator[None]:
    with ExitStack() as stack:
        for module in _POOLS:
            stack.enter_context(patch(f"{module}.ThreadPoolExecutor", InlinePool))
        yield


def _ask(name: str, operation: str) -> None:
    entry = PROVIDERS[name]
    connection = Connection(
        base_url=_BASE, token=Secret(CANARY), clock=FakeClock(), rng=lambda: 0.0, max_connections=1
    )
    if operation == "check" and entry.key_check is not None:
        with closing(entry.key_check(connection)) as check:
            check.check(Secret(f"sk-{CANARY}"))
        return
    with closing(entry.build(connection)) as provider:
        if operation == "list":
            follow(account_of(name), provider.list_keys())
        elif operation in {"create", "twice"}:
            _create(provider, twice=operation == "twice")
        else:
            _do(provider, operation)


def account_of(name: str) -> DesiredAccount:
    """Return an account of a provider, with the settings that people mostly have."""
    return DesiredAccount(
        label="acc",
        provider=name,
        origin=_BASE,
        namespace=None,
        undeclared=Undeclared.REPORT,
        capabilities=PROVIDERS[name].capabilities,
    )


def _create(provider: Provider, *, twice: bool) -> None:
    provider.list_keys() if twice else None
    minted = provider.create_key(_REQUEST)
    _check_minted(minted)
    if twice:
        _check_minted(provider.create_key(_REQUEST))


def _check_minted(minted: Minted) -> None:
    assert CANARY not in repr(minted), "a secret in what a create returns"
    assert minted.key_id is None or minted.key_id.isprintable(), "an id that acts on a terminal"
    if minted.secret is not None:
        assert minted.key_id is not None, "a secret of a key that nobody knows"


def _do(provider: Provider, operation: str) -> None:
    match operation:
        case "get":
            provider.get_key("1")
        case "update":
            provider.update_key(_KEY, {"limits.total_usd": 5 * MICRO})
        case "enable" | "disable":
            provider.set_enabled(_KEY, enabled=operation == "enable")
        case "delete":
            provider.delete_key(_KEY)
        case "rename":
            provider.rename_key(_KEY, "client-b")
        case "reveal":
            assert CANARY not in repr(provider.reveal(_KEY))
        case _:
            _read(provider, operation)


def _read(provider: Provider, operation: str) -> None:
    if operation == "balance" and isinstance(provider, BalanceSource):
        provider.balance()
    elif isinstance(provider, QCodePartner):
        facts = provider.account_facts() if operation == "facts" else provider.usage()
        assert all(CANARY not in fact.value for fact in facts), "a token among the facts"
    elif isinstance(provider, QCodeReadOnly):
        _ = provider.account_facts() if operation == "facts" else provider.usage()


TARGETS: Final = (_target("qcode-partner"), _target("qcode-readonly"), _target(*_DIALECTS))
