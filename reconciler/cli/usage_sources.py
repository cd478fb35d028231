"""Accounts that show what keys use, made into the port that the table of keys reads from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.core.status import Usage
from reconciler.errors import UsageError
from reconciler.providers.qcode_readonly import QCodeReadOnly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.manifest.settings import Settings
    from reconciler.ports.provider import Provider
    from reconciler.ports.usage import UsageSource


@dataclass(frozen=True, slots=True)
class ReadOnlyUsage:
    """What the QCode read-only API shows of the keys of one account."""

    account: QCodeReadOnly

    def usages(self) -> tuple[Usage, ...]:
        """Return the usage of every active key."""
        return tuple(
            Usage(
                name=usage.name,
                key_id=usage.key_id,
                today=usage.daily,
                month=usage.monthly,
                requests=usage.requests,
                spec=usage.spec,
            )
            for usage in self.account.usage()
        )


def sources_of(settings: Settings, providers: Mapping[str, Provider]) -> dict[str, UsageSource]:
    """Return where the usage of each account is read: from the account it names, or from itself.

    Raises:
        UsageError: when the account that is named shows no usage.
    """
    found: dict[str, UsageSource] = {}
    for label, account in settings.accounts.items():
        provider = providers.get(account.usage_from or label)
        if isinstance(provider, QCodeReadOnly):
            found[label] = ReadOnlyUsage(provider)
        elif account.usage_from is not None and label in providers:
            msg = (
                f"{label}: `usage_from` names {account.usage_from}, whose provider does not show what keys "
                "use; name a qcode-readonly account"
            )
            raise UsageError(msg)
    return found
