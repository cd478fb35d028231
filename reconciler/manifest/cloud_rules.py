"""The values that only sinks in AWS, Google Cloud and Kubernetes have, and which of them belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from reconciler.manifest.scalars import matching, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

AWS_REGION_PATTERN: Final = r"^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$"
AWS_ROLE_PATTERN: Final = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}$"
AWS_EXTERNAL_ID_PATTERN: Final = r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$"
AWS_KMS_KEY_PATTERN: Final = r"^[A-Za-z0-9_:/-]{1,2048}$"
GCP_PROJECT_PATTERN: Final = (
    r"^([a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{6,20}|[a-z0-9.-]+:[a-z][a-z0-9-]{4,28}[a-z0-9])$"
)
GCP_LOCATION_PATTERN: Final = r"^[a-z]+(-[a-z0-9]+){1,3}$"
KUBERNETES_NAME_PATTERN: Final = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
KUBERNETES_NAMESPACE_PATTERN: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
KUBERNETES_CONTEXT_PATTERN: Final = r"^[!-~]{1,255}$"
FIELD_MANAGER_PATTERN: Final = r"^[A-Za-z0-9._-]{1,63}$"


def check_aws(given: Mapping[str, object]) -> None:
    """Refuse an AWS sink whose credentials are spelt out in part.

    Args:
        given: the fields that differ from their defaults.
    """
    if ("access_key_id" in given) != ("secret_access_key" in given):
        refuse("needs `access_key_id` and `secret_access_key` together, or neither")
    if "session_token" in given and "access_key_id" not in given:
        refuse("has a `session_token`, which belongs to an `access_key_id`; add it")
    if "external_id" in given and "role_arn" not in given:
        refuse("has an `external_id`, which belongs to a `role_arn`; add it")


def check_gcp(given: Mapping[str, object]) -> None:
    """Refuse a Google Cloud sink with two ways to log in.

    Args:
        given: the fields that differ from their defaults.
    """
    if "credentials_file" in given and "access_token" in given:
        refuse("needs `credentials_file` or `access_token`, not both")


def check_kubernetes(given: Mapping[str, object]) -> None:
    """Refuse a Kubernetes sink with two ways to the cluster, or half of one.

    Args:
        given: the fields that differ from their defaults.
    """
    if "kubeconfig" in given and "server" in given:
        refuse("needs `kubeconfig` or `server`, not both")
    if ("server" in given) != ("token" in given):
        refuse("needs `server` and `token` together, or neither")
    if "ca_file" in given and "server" not in given:
        refuse("has a `ca_file`, which belongs to a `server`; add it")
    if "context" in given and "kubeconfig" not in given:
        refuse("has a `context`, which belongs to a `kubeconfig`; add it")


AwsRegion = Annotated[str, matching(AWS_REGION_PATTERN, "must be a region of AWS, like eu-central-1")]
AwsRole = Annotated[str, matching(AWS_ROLE_PATTERN, "must be the ARN of an IAM role")]
AwsExternalId = Annotated[
    str, matching(AWS_EXTERNAL_ID_PATTERN, "must be 2 to 1224 of A-Z a-z 0-9 _+=,.@:/-")
]
AwsKmsKey = Annotated[str, matching(AWS_KMS_KEY_PATTERN, "must be the id, ARN or alias of a KMS key")]
GcpProject = Annotated[str, matching(GCP_PROJECT_PATTERN, "must be the id or the number of a project")]
GcpLocation = Annotated[str, matching(GCP_LOCATION_PATTERN, "must hold locations, like europe-west3")]
KubernetesName = Annotated[str, matching(KUBERNETES_NAME_PATTERN, "must be the name of a Secret")]
KubernetesNamespace = Annotated[
    str, matching(KUBERNETES_NAMESPACE_PATTERN, "must be the name of a namespace")
]
KubernetesContext = Annotated[
    str, matching(KUBERNETES_CONTEXT_PATTERN, "must be the name of a context in the kubeconfig")
]
FieldManager = Annotated[str, matching(FIELD_MANAGER_PATTERN, "must be 1 to 63 of A-Z a-z 0-9 . _ -")]
