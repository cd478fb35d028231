"""Every error of the program, and the exit code each one ends with.

ReconcilerError                      1
├── UsageError                       1   the command line does not make sense
├── ManifestError                    3   settings or declarations are invalid; carries every Problem
├── StalePlanError                   4   the plan was not reviewed, or the world moved since
├── SafetyError                      5   a safety limit or a protection refuses the plan
├── DeferredError                    7   a rate limit or the deadline was reached; nothing is wrong
├── CredentialsError                 9   a provider or a sink refused the credentials
├── AuditError                       1   the audit trail cannot be kept
├── ProviderError                    1   the provider could not do it
│   ├── ProviderUnavailableError     1   nothing was sent, or a read did not succeed
│   ├── RequestRejectedError         1   the provider answered no; nothing was executed
│   ├── KeyNotFoundError             1   no key of that id, or it belongs to someone else
│   ├── AnswerError                  1   the answer is not one that the protocol allows
│   ├── OutcomeUnknownError          1   a write may or may not have been executed
│   ├── SecretLostError              8   a key was minted and its secret did not arrive
│   └── HostileAnswerError           1   the answer names a key or a secret that cannot be ours
├── SinkError                        1   a sink could not do it
│   ├── SinkRefusedError             1   preflight: the entry cannot be written; nothing was minted
│   │   └── SinkOvertakenError       1   another run delivered to the entry since it was looked at
│   └── SinkUnverifiedError          8   what was written could not be confirmed
├── GithubError                      1   GitHub could not show what it was asked to
│   └── GithubUnverifiedError        1   a comment, check or issue may or may not have been written
└── GitlabError                      1   GitLab could not show what it was asked to
    └── GitlabUnverifiedError        1   a note may or may not have been written
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class ExitCode(IntEnum):
    """What a process of ours ends with; stable, and documented in the README."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    INVALID = 3
    STALE = 4
    REFUSED = 5
    PARTIAL = 6
    DEFERRED = 7
    CUSTODY = 8
    CREDENTIALS = 9
    SIGINT = 130
    SIGTERM = 143


class ReconcilerError(Exception):
    """Base of every error that a user is meant to read; its text ends with the remedy."""

    exit_code: ClassVar[ExitCode] = ExitCode.ERROR


class UsageError(ReconcilerError):
    """Raised when options or arguments do not fit together."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing wrong in a settings or key file, with the place and the remedy."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class ManifestError(ReconcilerError):
    """Raised once, with every problem found in the settings and the declarations."""

    exit_code = ExitCode.INVALID

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StalePlanError(ReconcilerError):
    """Raised when what would be applied is not what was reviewed."""

    exit_code = ExitCode.STALE


class SafetyError(ReconcilerError):
    """Raised when a safety limit or a protection refuses the plan."""

    exit_code = ExitCode.REFUSED


class DeferredError(ReconcilerError):
    """Raised when a rate limit asks for a longer wait than the run may take.

    Args:
        message: what was being done.
        until: when the provider takes the request again, if it said so.
    """

    exit_code = ExitCode.DEFERRED

    def __init__(self, message: str, *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class CredentialsError(ReconcilerError):
    """Raised when a provider or a sink answers that the credentials are not good for this."""

    exit_code = ExitCode.CREDENTIALS


class AuditError(ReconcilerError):
    """Raised when a record could not be added to the audit trail, or the trail cannot be read."""


class ProviderError(ReconcilerError):
    """Base of what a provider adapter raises."""


class ProviderUnavailableError(ProviderError):
    """Raised when a request was not sent, or a read failed after its retries."""


class RequestRejectedError(ProviderError):
    """Raised when the provider refused a request and executed nothing."""


class KeyNotFoundError(ProviderError):
    """Raised when the provider has no key of that id for this account."""


class AnswerError(ProviderError):
    """Raised when an answer has a shape that the protocol does not allow."""


class OutcomeUnknownError(ProviderError):
    """Raised when a write may have been executed and the answer does not tell."""


class SecretLostError(ProviderError):
    """Raised when a key was minted and its secret is missing or unusable in the answer.

    Args:
        message: what was wrong with the answer.
        key_id: the id that the answer named, if it named one.
    """

    exit_code = ExitCode.CUSTODY

    def __init__(self, message: str, *, key_id: str | None = None) -> None:
        super().__init__(message)
        self.key_id = key_id


class HostileAnswerError(ProviderError):
    """Raised when a provider hands out a key that is not ours or a secret seen before."""


class SinkError(ReconcilerError):
    """Base of what a sink adapter raises."""


class SinkRefusedError(SinkError):
    """Raised by a preflight: this entry cannot or must not be written."""


class SinkOvertakenError(SinkRefusedError):
    """Raised by a put: another run delivered to the entry since it was looked at; nothing was written.

    Args:
        message: which entry.
        remote_id: the key whose secret it holds now.
    """

    def __init__(self, message: str, *, remote_id: str) -> None:
        super().__init__(message)
        self.remote_id = remote_id


class SinkUnverifiedError(SinkError):
    """Raised when a secret was handed over and the sink does not confirm it."""

    exit_code = ExitCode.CUSTODY


class GithubError(ReconcilerError):
    """Raised when GitHub did not take or give a comment, a check, an issue or a review."""


class GithubUnverifiedError(GithubError):
    """Raised when a comment, a check or an issue was sent and GitHub does not confirm it."""


class GitlabError(ReconcilerError):
    """Raised when GitLab could not show what it was asked to; nothing was written."""


class GitlabUnverifiedError(GitlabError):
    """Raised when a note was sent and GitLab's answer did not arrive."""
