"""Quota units and USD: exact in one direction, and refused where a server's unit is another one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import MICRO, money_text
from reconciler.errors import AnswerError, CredentialsError, KeyNotFoundError, RequestRejectedError
from reconciler.providers._newapi_dialects import quantum
from reconciler.providers._newapi_numbers import whole

if TYPE_CHECKING:
    from reconciler.providers._http import HttpClient
    from reconciler.providers._newapi_options import NewApiOptions

STATUS_PATH: Final = "/api/status"
_MOST_UNITS: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """How many quota units are one USD; None where nobody told."""

    per_usd: int | None

    def usd_of(self, units: int) -> int | None:
        """Return units in micro-USD, rounded to the nearest; None where the unit is unknown."""
        if self.per_usd is None:
            return None
        return int((Decimal(units) * MICRO / self.per_usd).to_integral_value())

    def units_of(self, micro_usd: int) -> int:
        """Return micro-USD in units.

        Raises:
            RequestRejectedError: when the unit is unknown, or the amount is no whole number of units.
        """
        if self.per_usd is None:
            message = (
                "the server does not tell how many quota units are one USD; nothing is changed; "
                "set `quota_per_unit` for the account, or declare `total_units`"
            )
            raise RequestRejectedError(message)
        units, rest = divmod(micro_usd * self.per_usd, MICRO)
        if rest:
            step = money_text(quantum(self.per_usd))
            message = (
                f"{money_text(micro_usd)} USD is no whole number of quota units; use steps of {step} USD"
            )
            raise RequestRejectedError(message)
        return units


def find_unit(http: HttpClient, options: NewApiOptions) -> Unit:
    """Return the unit that the server tells, or else the one of the settings.

    Raises:
        AnswerError: when the two differ; every amount would be wrong.
        ProviderUnavailableError: no answer.
        DeferredError: no budget for the question.
    """
    configured = options.quota_per_unit
    if configured is None and options.dialect.unit == "configured":
        return Unit(per_usd=None)
    told = _told(http)
    if configured is not None and told is not None and configured != told:
        message = (
            f"the server counts {told} quota units as one USD and the settings say {configured}; "
            "nothing is changed; correct `quota_per_unit`"
        )
        raise AnswerError(message)
    return Unit(per_usd=told if configured is None else configured)


def _told(http: HttpClient) -> int | None:
    # The route is open on most servers and closed on some, which is no reason to stop.
    try:
        document = http.get(STATUS_PATH).document
    except (AnswerError, RequestRejectedError, CredentialsError, KeyNotFoundError):
        return None
    data = document.get("data") if isinstance(document, dict) else None
    told = whole(data.get("quota_per_unit")) if isinstance(data, dict) else None
    return told if told is not None and 0 < told <= _MOST_UNITS else None
