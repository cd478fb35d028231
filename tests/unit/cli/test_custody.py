"""What is built for `audit`, `escrow` and `lease`, and what is said where packages are missing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.cli import custody
from reconciler.cli.custody import audit_of, custody_problems, escrow_of, lease_of
from reconciler.core.model import SourceMark
from reconciler.errors import SinkError
from reconciler.leases.file_lease import FileLease
from reconciler.leases.s3_lease import S3Lease
from reconciler.manifest.settings import CustodySettings, EscrowSettings, LeaseSettings
from tests.clocks import FakeClock
from tests.contract.age_reader import RECIPIENT

if TYPE_CHECKING:
    from pathlib import Path

MARK = SourceMark(file="reconciler.yaml", line=7, column=3)
S3 = {"bucket": "b", "key": "k", "region": "eu-central-1", "ttl": timedelta(minutes=10)}


def settings(tmp_path: Path, *, recipient: str = RECIPIENT, lease: str = "s3") -> CustodySettings:
    """Return settings with all three."""
    options = S3 if lease == "s3" else {"path": tmp_path / "lease"}
    return CustodySettings(
        audit=tmp_path / "audit.jsonl",
        escrow=EscrowSettings(path=tmp_path / "escrow", recipients=(recipient,), mark=MARK),
        lease=LeaseSettings(type=lease, options=options, mark=MARK),
    )


def test_what_is_not_declared_is_not_built() -> None:
    """Nothing stands by unasked."""
    nothing = CustodySettings()
    assert audit_of(nothing) is None
    assert escrow_of(nothing) is None
    assert lease_of(nothing, FakeClock(), dict) is None
    assert custody_problems(nothing) == []


def test_what_is_declared_is_built(tmp_path: Path) -> None:
    """Each of its kind, and nothing is opened or written yet."""
    assert audit_of(settings(tmp_path)) is not None
    assert escrow_of(settings(tmp_path)) is not None
    assert isinstance(lease_of(settings(tmp_path), FakeClock(), dict), S3Lease)
    assert isinstance(lease_of(settings(tmp_path, lease="file"), FakeClock(), dict), FileLease)
    assert custody_problems(settings(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_recipient_is_told_with_its_place(tmp_path: Path) -> None:
    """One character is enough, and the checksum of the key shows it."""
    (problem,) = custody_problems(settings(tmp_path, recipient=RECIPIENT[:-1] + "q"))
    assert str(problem).startswith("reconciler.yaml:7:3: `recipients`: number 1")


def test_missing_packages_are_told_with_the_line_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `validate` for both at once, and by a run for the first that it needs."""
    monkeypatch.setattr(custody, "find_spec", lambda _: None)
    escrow, lease = custody_problems(settings(tmp_path))
    assert "pip install '.[age]'" in escrow.message
    assert "pip install '.[aws]'" in lease.message
    with pytest.raises(SinkError, match="age"):
        escrow_of(settings(tmp_path))
    with pytest.raises(SinkError, match="aws"):
        lease_of(settings(tmp_path), FakeClock(), dict)
