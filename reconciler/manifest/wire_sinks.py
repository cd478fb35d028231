"""The sinks of the settings file as people write them; one shape for each type."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from reconciler.manifest.cloud_rules import (
    AwsExternalId,
    AwsKmsKey,
    AwsRegion,
    AwsRole,
    FieldManager,
    GcpLocation,
    GcpProject,
    KubernetesContext,
    KubernetesName,
    KubernetesNamespace,
    check_aws,
    check_gcp,
    check_kubernetes,
)
from reconciler.manifest.places import (
    Argument,
    BaseUrl,
    CredentialBlock,
    CredentialSource,
    FilePath,
    Variable,
)
from reconciler.manifest.scalars import Switch, duration, one_of
from reconciler.manifest.sink_values import BUILT_IN, PLUG_IN, Recipient, SinkType, Template, shape_of
from reconciler.manifest.store_rules import (
    VAULT_AUTH,
    AppNumber,
    Audience,
    Environment,
    Organization,
    Repository,
    RepositoryName,
    VaultField,
    VaultPath,
    check_github_actions,
    check_vault,
)
from reconciler.manifest.strict import StrictModel

Timeout = Annotated[timedelta, duration(1)]


class _SinkFields(StrictModel):
    """What every type of sink takes."""

    template: Template | None = Field(
        default=None, description="What is stored instead of the bare secret; {key} stands for it."
    )


class DotenvFields(_SinkFields):
    """A file of NAME=value lines."""

    type: Literal["dotenv"] = Field(description="A file of NAME=value lines.")
    path: FilePath = Field(description="The file; from the settings' directory unless absolute.")
    quoted: Switch = Field(default=False, description="Write values in double quotes.")
    allow_tracked: Switch = Field(default=False, description="Write even where git tracks the file.")


class JsonFields(_SinkFields):
    """A file with one JSON object."""

    type: Literal["json"] = Field(description="A file with one JSON object.")
    path: FilePath = Field(description="The file; from the settings' directory unless absolute.")
    allow_tracked: Switch = Field(default=False, description="Write even where git tracks the file.")


class ExecFields(_SinkFields):
    """A program that takes the secret on its standard input."""

    type: Literal["exec"] = Field(description="A program that takes the secret on its standard input.")
    command: list[Argument] = Field(min_length=1, description="Program and arguments; no shell reads them.")
    verify: list[Argument] | None = Field(
        default=None, min_length=1, description="Program that confirms what `command` stored."
    )
    check: list[Argument] | None = Field(
        default=None, min_length=1, description="Program that tells beforehand whether `command` would work."
    )
    receipts: FilePath = Field(description="File that remembers which key each entry holds.")
    timeout: Timeout = Field(
        default=timedelta(seconds=30),
        description="Longest run of one program.",
        json_schema_extra={"default": "30s"},
    )
    env: list[Variable] = Field(default=[], description="Variables that the programs see beside PATH.")


class AgeFields(_SinkFields):
    """A directory with one age file a secret."""

    type: Literal["age"] = Field(description="A directory with one age file a secret.")
    directory: FilePath = Field(description="The directory; from the settings' directory unless absolute.")
    recipients: list[Recipient] = Field(min_length=1, description="Public keys that can open the files.")


class SopsFields(_SinkFields):
    """A directory with one SOPS file a secret."""

    type: Literal["sops"] = Field(description="A directory with one SOPS file a secret.")
    directory: FilePath = Field(description="The directory; from the settings' directory unless absolute.")
    recipients: list[Recipient] = Field(min_length=1, description="Public keys that can open the files.")


class GithubActionsFields(_SinkFields):
    """Actions secrets of a repository, an environment or an organisation on GitHub."""

    type: Literal["github-actions"] = Field(description="Actions secrets on GitHub.")
    repository: Repository | None = Field(default=None, description="The repository, as owner/name.")
    environment: Environment | None = Field(default=None, description="An environment of the repository.")
    organization: Organization | None = Field(default=None, description="The organisation, instead of one.")
    visibility: Annotated[str, one_of("all", "private", "selected")] = Field(
        default="private", description="Which of the organisation's repositories see what is written."
    )
    selected_repositories: list[RepositoryName] = Field(
        default=[], description="Names of the repositories, for `visibility: selected`."
    )
    token: CredentialSource | None = Field(default=None, description="Where a token is read from.")
    app_id: AppNumber | None = Field(default=None, description="Number or client id of a GitHub App.")
    installation_id: AppNumber | None = Field(default=None, description="Number of the App's installation.")
    private_key: CredentialBlock | None = Field(
        default=None, description="Where the App's private key in PEM is read from."
    )
    base_url: BaseUrl = Field(
        default="https://api.github.com", description="The REST API; of Enterprise Server, .../api/v3."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_github_actions(self.model_dump(exclude_defaults=True))
        return self


class VaultFields(_SinkFields):
    """Secrets in HashiCorp Vault or OpenBao, KV version 2."""

    type: Literal["vault"] = Field(description="Secrets in HashiCorp Vault or OpenBao, KV version 2.")
    address: BaseUrl = Field(description="The server.")
    namespace: VaultPath | None = Field(default=None, description="Namespace of mount and auth method.")
    mount: VaultPath = Field(default="secret", description="Path of the KV secrets engine.")
    field: VaultField = Field(default="value", description="Field of entries without #FIELD.")
    ca_file: FilePath | None = Field(default=None, description="Authorities to trust, in PEM.")
    auth: Annotated[str, one_of(*VAULT_AUTH)] = Field(default="token", description="How to log in.")
    auth_mount: VaultPath | None = Field(default=None, description="Path of the auth method.")
    token: CredentialSource | None = Field(default=None, description="Where a client token is read from.")
    role: VaultField | None = Field(default=None, description="Role, for jwt, kubernetes and github.")
    role_id: VaultField | None = Field(default=None, description="RoleID, for approle.")
    secret_id: CredentialSource | None = Field(default=None, description="SecretID, for approle.")
    jwt: CredentialSource | None = Field(default=None, description="Where the token for jwt is read from.")
    jwt_file: FilePath = Field(
        default="/var/run/secrets/kubernetes.io/serviceaccount/token",
        description="The pod's token, for kubernetes.",
    )
    audience: Audience | None = Field(
        default=None, description="Audience of the job's identity token, for github."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_vault(self.model_dump(exclude_defaults=True))
        return self


class _AwsFields(_SinkFields):
    """What every store in AWS takes."""

    region: AwsRegion = Field(description="Region of the entries that are no ARN.")
    endpoint: BaseUrl | None = Field(
        default=None, description="Address of every AWS service that is called, instead of AWS's own."
    )
    role_arn: AwsRole | None = Field(default=None, description="Role to assume first.")
    external_id: AwsExternalId | None = Field(default=None, description="External id for the role.")
    access_key_id: CredentialSource | None = Field(
        default=None, description="Where the access key id is read from; AWS's usual chain when left out."
    )
    secret_access_key: CredentialSource | None = Field(
        default=None, description="Where the secret access key is read from."
    )
    session_token: CredentialSource | None = Field(
        default=None, description="Where the session token of temporary credentials is read from."
    )
    kms_key_id: AwsKmsKey | None = Field(default=None, description="KMS key for what is made here.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_aws(self.model_dump(exclude_defaults=True))
        return self


class AwsSecretsManagerFields(_AwsFields):
    """Secrets in AWS Secrets Manager."""

    type: Literal["aws-secrets-manager"] = Field(description="Secrets in AWS Secrets Manager.")


class AwsSsmFields(_AwsFields):
    """SecureString parameters in AWS Systems Manager."""

    type: Literal["aws-ssm"] = Field(description="SecureString parameters in AWS Systems Manager.")


class GcpSecretManagerFields(_SinkFields):
    """Secrets in Google Cloud Secret Manager."""

    type: Literal["gcp-secret-manager"] = Field(description="Secrets in Google Cloud Secret Manager.")
    project: GcpProject = Field(description="Id or number of the project.")
    locations: list[GcpLocation] = Field(
        default=[], description="Where secrets made here are kept; Google chooses when left out."
    )
    endpoint: BaseUrl | None = Field(default=None, description="Address of the service, instead of Google's.")
    credentials_file: FilePath | None = Field(
        default=None, description="Service account key or workload identity configuration."
    )
    access_token: CredentialSource | None = Field(
        default=None, description="Where an access token is read from; Google's usual chain when left out."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_gcp(self.model_dump(exclude_defaults=True))
        return self


class KubernetesFields(_SinkFields):
    """Keys of Kubernetes Secrets."""

    type: Literal["kubernetes"] = Field(description="Keys of Kubernetes Secrets.")
    namespace: KubernetesNamespace | None = Field(
        default=None, description="Namespace; that of the pod or the context when left out."
    )
    secret: KubernetesName | None = Field(default=None, description="Secret of entries without one.")
    kubeconfig: FilePath | None = Field(default=None, description="How to reach the cluster from outside.")
    context: KubernetesContext | None = Field(
        default=None, description="Context of the kubeconfig; the current one when left out."
    )
    server: BaseUrl | None = Field(default=None, description="API server, instead of a kubeconfig.")
    token: CredentialSource | None = Field(default=None, description="Where its bearer token is read from.")
    ca_file: FilePath | None = Field(default=None, description="Authorities to trust for it, in PEM.")
    field_manager: FieldManager = Field(
        default="reconciler", description="What the names of the field managers start with."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_kubernetes(self.model_dump(exclude_defaults=True))
        return self


class PluginFields(_SinkFields):
    """A sink of a type that another installed package offers."""

    type: SinkType = Field(description="Name under which an installed package offers the type.")
    options: dict[str, Any] = Field(description="What the type takes; the package that offers it checks it.")


BUILT_IN_SHAPES: Final = (
    AgeFields,
    AwsSecretsManagerFields,
    AwsSsmFields,
    DotenvFields,
    ExecFields,
    GcpSecretManagerFields,
    GithubActionsFields,
    JsonFields,
    KubernetesFields,
    SopsFields,
    VaultFields,
)
BuiltInFields = Annotated[
    AgeFields
    | AwsSecretsManagerFields
    | AwsSsmFields
    | DotenvFields
    | ExecFields
    | GcpSecretManagerFields
    | GithubActionsFields
    | JsonFields
    | KubernetesFields
    | SopsFields
    | VaultFields,
    Field(discriminator="type"),
]
BUILT_IN_TYPES: Final = sorted(
    word for shape in BUILT_IN_SHAPES for word in get_args(shape.model_fields["type"].annotation)
)
SinkFields = Annotated[
    Annotated[BuiltInFields, Tag(BUILT_IN)] | Annotated[PluginFields, Tag(PLUG_IN)], Discriminator(shape_of)
]
