"""The secrets of inputs are the oracle's matter: text of a server that an error may quote is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.canary.recording import RECORDER

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def secrets_of_inputs() -> Iterator[None]:
    """Forget what an input made secret; a mutation breaks secrets into pieces that nobody can know again."""
    yield
    RECORDER.watch.secrets.clear()
