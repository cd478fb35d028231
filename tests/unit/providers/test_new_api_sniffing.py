"""Which server of the family this is: said with how sure that is, and from what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.core.model import RateLimits
from reconciler.core.secret import Secret
from reconciler.providers._newapi_dialects import HITOPEN, NEW_API
from reconciler.providers._newapi_options import options_of
from reconciler.providers._newapi_sniffing import Sighting, server_lines
from reconciler.providers.new_api import NewApi
from reconciler.providers.registry import PROVIDERS, Connection
from reconciler.sandbox.server import SandboxServer
from tests.clocks import FakeClock

if TYPE_CHECKING:
    from reconciler.providers._newapi_listing import Shape

UPSTREAM = ("id", "model_limits", "allow_ips")


@pytest.mark.parametrize(
    ("shape", "members", "masks", "looks"),
    [
        ("object", (*UPSTREAM, "cross_group_retry", "auto_groups"), True, "from 1.0.0-rc.23 on (certain"),
        ("object", (*UPSTREAM, "cross_group_retry"), True, "from 0.11.4 on (certain"),
        ("object", (*UPSTREAM, "cross_group_retry"), False, "from 0.10.1 on (likely"),
        ("object", UPSTREAM, False, "from 0.8.4 on (likely"),
        ("object", ("id", "models"), False, "one-api or a relative (unsure"),
        ("object", ("id",), False, "with no list of models"),
        (
            "object",
            None,
            False,
            "New API from 0.8.4 on, or a relative (unsure: a list with a total, and",
        ),
        ("array", UPSTREAM, False, "New API before 0.8.4 (certain"),
        ("array", ("id", "models", "subnet"), False, "one-api or a relative (certain"),
        ("array", ("id",), False, "one-api or a relative (unsure"),
        ("array", None, False, "one-api or an old New API (unsure: a list without a total, and no key"),
    ],
)
def test_a_guess_says_what_it_rests_on(
    shape: Shape, members: tuple[str, ...] | None, looks: str, *, masks: bool
) -> None:
    """A form of the list alone is no proof; a member that only some servers have is."""
    seen = Sighting(shape=shape, members=members, masks=masks)
    line, *secrets = server_lines(options_of(NEW_API, {}), seen)
    assert line.startswith("dialect: auto; the server looks like ")
    assert looks in line
    assert len(secrets) == (members is not None)


@pytest.mark.parametrize(
    ("options", "written"),
    [({}, "hitopen"), ({"dialect": "one-api"}, "one-api"), ({"dialect": "auto"}, "auto")],
)
def test_the_settings_are_told_beside_what_was_seen(options: dict[str, object], written: str) -> None:
    """Where the two do not fit, a reader sees both."""
    line, secrets = server_lines(
        options_of(HITOPEN, options), Sighting(shape="object", members=UPSTREAM, masks=True)
    )
    assert line.startswith(f"dialect: {written}; the server looks like New API from 0.11.4 on")
    assert secrets == "secrets: hidden in the list, so each is asked for by itself"


def test_the_adapter_tells_after_it_has_read() -> None:
    """Before the list was read, nothing was seen."""
    with SandboxServer() as sandbox:
        sandbox.operator.create_key("one_api", name="a", total_usd=1)
        provider = PROVIDERS["new-api"].build(
            Connection(
                base_url=f"{sandbox.base_url}/one-api",
                token=Secret(sandbox.tokens["one_api"]),
                clock=FakeClock(),
                rng=lambda: 0.5,
                rate_limits=RateLimits(requests_per_minute=1_000),
            )
        )
        assert isinstance(provider, NewApi)
        try:
            assert provider.server_lines() == ()
            provider.list_keys()
            dialect, secrets = provider.server_lines()
            looks = "one-api or a relative (certain: a list without a total, keys with `models` and `subnet`)"
            assert dialect == f"dialect: auto; the server looks like {looks}"
            assert secrets == "secrets: shown in the list"
            assert provider.budget_left is None
        finally:
            provider.close()
