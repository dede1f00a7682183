"""What an operator may set, read once from `settings.toml` in the home folder; an unknown key is an error.

This is the only file that reads the environment: MUNIMENT_HOME (the home folder), MUNIMENT_WEIGHTS (a folder
with model weights), MUNIMENT_TOKEN (of whoever decides), XDG_CACHE_HOME, and the variables that references such as
`api_key = "env:NAME"` name.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from muniment.actions.notification_settings import NotificationSettings
from muniment.actions.tool_settings import ToolSettings
from muniment.assurance.release.release_settings import ReleaseSettings
from muniment.foundation.errors import BadInput
from muniment.foundation.key_provider import ProviderName, Wrapped
from muniment.foundation.limit_settings import LimitSettings
from muniment.foundation.network_settings import NetworkSettings
from muniment.foundation.secret import MissingSecret, Secret
from muniment.foundation.setting_name import Name
from muniment.foundation.telemetry_settings import TelemetrySettings
from muniment.governance.audit.audit_settings import AuditSettings
from muniment.governance.identity.claimed import GroupRule
from muniment.governance.identity.client_certificates import ClientCertificateSettings
from muniment.governance.identity.issuer import BrowserClient, Issuer
from muniment.governance.identity.issuer_settings import IssuerSettings
from muniment.governance.incidents.detection.detection_settings import DetectionSettings
from muniment.governance.privacy.retention_settings import RetentionSettings
from muniment.governance.privacy.sensitive_settings import SensitiveSettings, unlabelled_problem
from muniment.inference.catalog import QUOTES, Endpoint, fallback_problem
from muniment.inference.endpoint_settings import ModelSettings
from muniment.knowledge.ingestion.chunk import HIGHEST
from muniment.knowledge.ingestion.ocr import LANGUAGE
from muniment.knowledge.ingestion.quality.quality_settings import QualitySettings
from muniment.knowledge.ingestion.sensitivity_settings import SensitivityRule, rules_problem

if TYPE_CHECKING:
    from muniment.inference.embedders import Offer
    from muniment.inference.spending import SpendingLimits

FILE_NAME = "settings.toml"
SHORTEST_SECRET = 16
"""Characters of a client secret."""
_SHA256 = r"^[0-9a-f]{64}$"
_KEY_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,126}$"
_KEY_MOUNT = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkspaceSettings(_Section):
    """`[workspace]`"""

    tenant: str = Field("default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Name of the tenant whose keys and database this home holds; fixed once made."""
    hosted: bool = False
    """One of the tenants that a server serves: what it issues names it. `muniment tenants create` writes it."""


class VaultSettings(_Section):
    """`[keys.vault]`"""

    address: str = ""
    """Such as `https://vault.example:8200`."""
    token: str = ""
    """A reference: `env:NAME` or `file:PATH`, read at each call; never the token itself."""
    mount: str = Field("transit", pattern=_KEY_MOUNT)
    """Path of the transit engine."""
    key: str = Field("muniment", pattern=_KEY_NAME)
    """Name of the key, of an authenticated type such as `aes256-gcm96`."""
    namespace: str = Field("", pattern=r"^[A-Za-z0-9._/-]*$")
    """Where the service has namespaces."""
    ca_file: str = ""
    """PEM file of the authorities that may vouch for the service, relative to the home or absolute."""


class AwsSettings(_Section):
    """`[keys.aws]`"""

    key: str = Field("", pattern=r"^[A-Za-z0-9:/_-]*$")
    """ARN, id, or `alias/NAME` of a symmetric key."""
    region: str = Field("", pattern=r"^[a-z0-9-]*$")
    """Such as `eu-west-1`."""
    endpoint_url: str = ""
    """Of an interface endpoint; empty: the public one of the region."""


class KeySettings(_Section):
    """`[keys]`"""

    provider: ProviderName = "local"
    """Who keeps the key-encryption key: `local` (a file), `vault` (also OpenBao) or `aws-kms`."""
    kek_file: str = "keys/kek"
    """For `local`: the file, relative to the home or absolute; keep it apart from backups of the home."""
    lease_seconds: float = Field(4.0, ge=1, le=5)
    """How long a proof of the key may be relied on; a server makes two in that time."""
    timeout_seconds: float = Field(2.0, gt=0, le=30)
    """Most time that one of two tries at the key service may take."""
    vault: VaultSettings = VaultSettings()  # pyright: ignore[reportCallIssue]
    aws: AwsSettings = AwsSettings()  # pyright: ignore[reportCallIssue]


class DatabaseSettings(_Section):
    """`[database]`"""

    url: str = ""
    """A reference, `env:NAME` or `file:PATH`, to the address of a Postgres database; empty: a file in the home."""


class WeightSettings(_Section):
    """`[weights]`"""

    folder: str = ""
    """A local folder with the weight files, for sites without a network."""
    cache: str = ""
    """Where fetched weights are kept; default `~/.cache/muniment/weights`."""


class RetrievalSettings(_Section):
    """`[retrieval]`"""

    vectors: bool = True
    """Use the embedding model where its weights are present."""
    rerank: bool = False
    """Let the cross-encoder take part in the ranking."""
    rerank_budget_ms: int = Field(400, ge=10, le=60_000)
    """Most time that reranking may take per search."""


class AnswerSettings(_Section):
    """`[answers]`"""

    model: str = "quotes"
    """The endpoint that answers unless a request names another."""
    passages: int = Field(8, ge=1, le=50)
    """Most passages that an answer may rest on."""
    when_sensitive: Literal["withhold", "fallback"] = "withhold"
    """Where passages are too sensitive for the model: leave them out, or ask a fallback that may be sent them all."""
    inferences: bool = False
    """Show what a model marks as its own inference, marked so; else it is left out."""
    follow_ups: Literal["rules", "model"] = "rules"
    """What writes a follow-up so that it stands alone: fixed rules, or the model that answers, else the rules."""


class IngestionSettings(_Section):
    """`[ingestion]`"""

    isolation: Literal["required", "rlimits"] = "required"
    """`required` refuses to parse without system-call filtering; `rlimits` accepts limits alone."""
    chunk_characters: int = Field(HIGHEST, ge=400, le=2000)
    """Most characters of a passage of flowing text; the next ingest cuts documents that were cut otherwise anew."""
    max_file_mb: int = Field(64, ge=1, le=2048)
    """Larger files are reported and left out."""
    parse_seconds: int = Field(60, ge=1, le=3600)
    """Most time that one file may take to parse."""
    nice: int = Field(5, ge=0, le=19)
    """How far `ingest` and the `index` commands stand back behind searches, as the system counts priority."""
    pdf_passwords: tuple[str, ...] = Field((), max_length=20)
    """References, `env:NAME` or `file:PATH`, to passwords that are tried on protected PDF files."""
    ocr: Literal["auto", "off"] = "auto"
    """Read pages that are pictures with the Tesseract of this system, where it is installed."""
    ocr_languages: tuple[Annotated[str, Field(pattern=LANGUAGE)], ...] = Field(
        ("eng",), min_length=1, max_length=10
    )
    """Languages to read them in, as Tesseract names its data; each more takes more time."""
    quality: QualitySettings = QualitySettings()
    labels: bool = False
    """Label names of persons and places at the end of each ingest; needs the extra `labels`."""
    sensitivity: tuple[SensitivityRule, ...] = ()
    """`[[ingestion.sensitivity]]`"""

    @model_validator(mode="after")
    def _ruled(self) -> IngestionSettings:
        if wrong := rules_problem(self.sensitivity, self.labels):
            raise ValueError(wrong)
        return self


class ServerSettings(_Section):
    """`[server]`"""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8321, ge=0, le=65535)
    """Port to listen on."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that serve the home together; each holds the index in memory."""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    """Host names that requests may carry."""


class IdentitySettings(_Section):
    """`[identity]`"""

    admin_groups: tuple[str, ...] = ("muniment-admins",)
    """Groups whose members may read the log and administer over HTTP."""
    scim_admin_groups: tuple[str, ...] = ()
    """Those of them that an identity provider may make, and fill, over SCIM."""
    mode: Literal["local", "oidc"] = "local"
    """`local`: one-time links and own tokens; `oidc`: only what the issuers below sign."""
    issuers: dict[Name, IssuerSettings] = Field(default_factory=dict)
    client_certificates: dict[Name, ClientCertificateSettings] = Field(default_factory=dict)

    @property
    def claimed_groups(self) -> frozenset[str]:
        """Return the groups that tokens give; none in local use."""
        if self.mode != "oidc":
            return frozenset()
        return frozenset(group for one in self.issuers.values() for group in one.groups.values())

    @field_validator("issuers")
    @classmethod
    def _each_once(cls, issuers: dict[str, IssuerSettings]) -> dict[str, IssuerSettings]:
        if len({one.issuer for one in issuers.values()}) != len(issuers):
            raise ValueError("two of them are one issuer")
        return issuers

    @model_validator(mode="after")
    def _named(self) -> IdentitySettings:
        if self.mode == "oidc" and not self.issuers:
            raise ValueError('mode "oidc" needs an issuer: write [identity.issuers.NAME]')
        return self


class EmbeddingSettings(_Section):
    """`[embedding.NAME]`"""

    folder: str
    """Where `model.onnx` and `tokenizer.json` lie, relative to the home or absolute."""
    model_sha256: str = Field(pattern=_SHA256)
    """Of `model.onnx`; another file is refused."""
    tokenizer_sha256: str = Field(pattern=_SHA256)
    """Of `tokenizer.json`."""
    dimensions: int = Field(ge=1, le=16_000)
    """Numbers of a vector."""
    pooling: Literal["cls", "mean"]
    """What makes one vector of those of the tokens."""
    query_prefix: str = ""
    """Stands before each question."""
    document_prefix: str = ""
    """Stands before each text of a document."""
    max_tokens: int = Field(512, ge=8, le=100_000)
    """Longer texts are cut."""


class Settings(_Section):
    """All settings of one home folder."""

    workspace: WorkspaceSettings = WorkspaceSettings()  # pyright: ignore[reportCallIssue]
    keys: KeySettings = KeySettings()  # pyright: ignore[reportCallIssue]
    database: DatabaseSettings = DatabaseSettings()
    weights: WeightSettings = WeightSettings()
    retrieval: RetrievalSettings = RetrievalSettings()  # pyright: ignore[reportCallIssue]
    answers: AnswerSettings = AnswerSettings()  # pyright: ignore[reportCallIssue]
    ingestion: IngestionSettings = IngestionSettings()  # pyright: ignore[reportCallIssue]
    server: ServerSettings = ServerSettings()  # pyright: ignore[reportCallIssue]
    network: NetworkSettings = NetworkSettings()
    limits: LimitSettings = LimitSettings()  # pyright: ignore[reportCallIssue]
    identity: IdentitySettings = IdentitySettings()
    sensitive: SensitiveSettings = SensitiveSettings()
    audit: AuditSettings = AuditSettings()  # pyright: ignore[reportCallIssue]
    notifications: NotificationSettings = NotificationSettings()
    detection: DetectionSettings = DetectionSettings()
    retention: RetentionSettings = RetentionSettings()  # pyright: ignore[reportCallIssue]
    tools: ToolSettings = ToolSettings()  # pyright: ignore[reportCallIssue]
    telemetry: TelemetrySettings = TelemetrySettings()
    release: ReleaseSettings = ReleaseSettings()
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    embedding: dict[Name, EmbeddingSettings] = Field(default_factory=dict)

    @field_validator("models")
    @classmethod
    def _stand_in(cls, models: dict[str, ModelSettings]) -> dict[str, ModelSettings]:
        if problem := fallback_problem({name: one.fallbacks for name, one in models.items()}):
            raise ValueError(f"fallbacks: {problem}")
        return models

    @model_validator(mode="after")
    def _answers(self) -> Settings:
        model = self.answers.model
        if model != QUOTES and model not in self.models:
            raise ValueError(f"answers.model is {model!r}, and there is no [models.{model}]")
        return self

    @model_validator(mode="after")
    def _labelled(self) -> Settings:
        endpoints = {name: one.sensitive for name, one in self.models.items()}
        if not self.ingestion.labels and (problem := unlabelled_problem(self.sensitive, endpoints)):
            raise ValueError(problem)
        return self


def default_home() -> Path:
    """Return $MUNIMENT_HOME, else `./.muniment`."""
    return Path(os.environ.get("MUNIMENT_HOME") or ".muniment")


def load(home: Path) -> Settings:
    """Read the home's settings file (absent: defaults); raises BadInput naming file, key and fix."""
    return load_file(home / FILE_NAME)


def load_file(path: Path) -> Settings:
    """Read a settings file wherever it lies; absent: defaults."""
    if not path.exists():
        return Settings()
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).", fix="Mend its permissions.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}.", fix="Mend that line.") from error
    return parse(document, str(path))


def parse(document: Mapping[str, object], where: str = "settings") -> Settings:
    """Check a settings document; raises BadInput for the first wrong key."""
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise BadInput(f"{where}: unknown setting {key}.", fix="Remove it or mend its name.") from error
        said = first["msg"].removeprefix("Value error, ")
        named = f"{key}: {said}" if key else said
        raise BadInput(f"{where}: {named}.", fix="Mend that setting.") from error


def kek_file(settings: Settings, home: Path) -> Path:
    """Return where the key-encryption key lies."""
    return home / settings.keys.kek_file


def keyring_file(home: Path) -> Path:
    """Return where the wrapped keys lie."""
    return home / "keys" / "keyring.json"


def subject_key_file(home: Path) -> Path:
    """Return where the keys of people in the log lie, apart from backups."""
    return home / "keys" / "subjects.key"


def key_settings(settings: Settings, wrapped: Wrapped | None = None) -> KeySettings:
    """Return who keeps the key: as the settings say, or with `wrapped`, who wrapped that one.

    Raises BadInput for what is missing, or for a key that no setting could name.
    """
    keys = settings.keys
    if wrapped is not None:
        mount, _, name = wrapped.key.rpartition("/")
        vault, aws = keys.vault.model_dump(), keys.aws.model_dump()
        if wrapped.provider == "vault":
            vault |= {"mount": mount, "key": name}
        elif wrapped.provider == "aws-kms":
            aws |= {"key": wrapped.key}
        named = {**keys.model_dump(), "provider": wrapped.provider, "vault": vault, "aws": aws}
        keys = parse({"keys": named}, "keyring.json").keys
    needed = {
        "local": {},
        "vault": {"vault.address": keys.vault.address, "vault.token": keys.vault.token},
        "aws-kms": {"aws.key": keys.aws.key, "aws.region": keys.aws.region},
    }[keys.provider]
    for name, value in needed.items():
        if not value:
            raise BadInput(f"keys.{name} is not set.", fix=f"The provider {keys.provider} needs it.")
    return keys


def vault_token(settings: Settings, home: Path) -> str:
    """Return the token of the key service as it is now; raises BadInput for a reference that leads nowhere."""
    found = secret_of(settings.keys.vault.token, "keys.vault.token", home)
    return found.reveal() if found else ""


def database_url(settings: Settings, home: Path) -> Secret | None:
    """Return the address of the Postgres database, None for a file; raises BadInput for a reference to nothing."""
    return secret_of(settings.database.url, "database.url", home)


def pdf_passwords(settings: Settings, home: Path) -> tuple[Secret, ...]:
    """Return what opens protected PDF files; raises BadInput for a reference that leads nowhere."""
    named = enumerate(settings.ingestion.pdf_passwords)
    found = [secret_of(one, f"ingestion.pdf_passwords[{place}]", home) for place, one in named]
    return tuple(one for one in found if one)


def tool_token(settings: Settings, home: Path, server: str) -> Secret | None:
    """Return what an MCP server is shown as a token; raises BadInput for a reference that leads nowhere."""
    return secret_of(settings.tools.servers[server].token, f"tools.servers.{server}.token", home)


def weight_folders(settings: Settings) -> list[Path]:
    """Return where weights are looked for, in order."""
    named = (settings.weights.folder, os.environ.get("MUNIMENT_WEIGHTS", ""))
    return [Path(folder).expanduser() for folder in named if folder] + [weight_cache(settings)]


def embedding_offers(settings: Settings, home: Path) -> list[Offer]:
    """Return the embedding models, the one that muniment brings first; none where vectors are switched off.

    Raises BadInput for a name that is taken.
    """
    from muniment.inference.embedders import BUNDLED, OwnFiles, bundled, own
    from muniment.inference.embedding import Reading

    if not settings.retrieval.vectors:
        return []
    found = [bundled(weight_folders(settings))]
    for name, one in settings.embedding.items():
        if name == BUNDLED.name:
            raise BadInput(f"embedding.{name}: this name is taken.", fix="Give your model another name.")
        digests = {"model.onnx": one.model_sha256, "tokenizer.json": one.tokenizer_sha256}
        files = OwnFiles(name, home / Path(one.folder).expanduser(), digests)
        reading = Reading(one.pooling, one.query_prefix, one.document_prefix, one.max_tokens)
        found.append(own(files, reading, one.dimensions))
    return found


def weight_cache(settings: Settings) -> Path:
    """Return the folder that fetched weights are kept in, shared by all workspaces of this account."""
    if settings.weights.cache:
        return Path(settings.weights.cache).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "muniment" / "weights"


def bearer_token() -> str:
    """Return $MUNIMENT_TOKEN: by whose token this run decides; empty: by nobody's."""
    return os.environ.get("MUNIMENT_TOKEN", "")


def process_environment() -> dict[str, str]:
    """Return this process's environment, for the download of weights (mirrors, proxies, certificates)."""
    return dict(os.environ)


def endpoints(settings: Settings, home: Path) -> list[Endpoint]:
    """Return the endpoints with their keys; raises BadInput for what is no reference."""
    return [
        model.endpoint(
            name,
            partial(secret_of, model.api_key, f"models.{name}.api_key", home),
            settings.sensitive.to_model(model.sensitive),
        )
        for name, model in settings.models.items()
    ]


def spending_limits(settings: Settings) -> SpendingLimits:
    """Return what may be used of language models in a day."""
    from muniment.inference.spending import MILLION, Most, SpendingLimits

    limits = settings.limits

    def most(tokens: int, cost: float) -> Most:
        return Most(tokens or None, round(cost * MILLION) or None)

    return SpendingLimits(
        user=most(limits.user_tokens_per_day, limits.user_cost_per_day),
        service=most(limits.service_tokens_per_day, limits.service_cost_per_day),
        tenant=most(limits.tenant_tokens_per_day, limits.tenant_cost_per_day),
        teams={
            group.removeprefix("group:"): most(one.tokens_per_day, one.cost_per_day)
            for group, one in limits.teams.items()
        },
    )


def private_origins(settings: Settings) -> frozenset[str]:
    """Return the model origins that may lie inside the operator's own network."""
    return frozenset(
        found[0]
        for model in settings.models.values()
        if (found := re.match(r"https?://[^/?#]+", model.address))
        and (model.private_network or _is_literal(found[0].split("//", 1)[1]))
    )


def issuers(settings: Settings, home: Path) -> list[Issuer]:
    """Return the identity providers; raises BadInput for a reference that leads nowhere or to a weak secret."""
    return [_issuer(name, one, home) for name, one in settings.identity.issuers.items()]


def _issuer(name: str, one: IssuerSettings, home: Path) -> Issuer:
    key = f"identity.issuers.{name}.client_secret"
    secret = secret_of(one.client_secret, key, home)
    if secret is not None and len(secret.reveal()) < SHORTEST_SECRET:
        raise BadInput(
            f"{key} is shorter than {SHORTEST_SECRET} characters.", fix="Have the provider make a longer one."
        )
    return Issuer(
        name=name,
        url=one.issuer,
        audience=one.audience,
        algorithms=one.algorithms,
        user_claim=one.user_claim,
        user_match=one.user_match,
        required_typ=one.required_typ,
        leeway_seconds=one.leeway_seconds,
        jwks_origin=one.jwks_origin,
        token_origin=one.token_origin,
        tenant_claim=one.tenant_claim,
        tenant_value=one.tenant_value,
        private_network=one.private_network,
        services=one.services,
        group_rule=GroupRule(one.group_claim, one.groups),
        group_scope=one.group_scope,
        client=BrowserClient(one.client_id, one.redirect_url, secret) if one.client_id else None,
    )


def _is_literal(authority: str) -> bool:
    host = authority.rpartition("@")[2]
    return host.startswith("[") or bool(re.fullmatch(r"(localhost|[0-9.]+)(:[0-9]+)?", host))


def secret_of(reference: str, key: str, home: Path) -> Secret | None:
    """Return what a reference of the setting `key` leads to, None for an empty one.

    Raises MissingSecret where it leads nowhere, BadInput for what is no reference.
    """
    if not reference:
        return None
    kind, _, name = reference.partition(":")
    if kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        value = os.environ.get(name)
        if not value:
            raise MissingSecret(
                f"{key}: the environment has no {name}.", fix=f"Set {name} or change the reference."
            )
        return Secret(value)
    if kind == "file" and name:
        try:
            return Secret((home / Path(name).expanduser()).read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise MissingSecret(
                f"{key}: {name} cannot be read.", fix="Mend the path or its permissions."
            ) from error
    raise BadInput(f"{key} is not a reference.", fix='Write "env:NAME" or "file:PATH", never the key itself.')


def described(settings: Settings) -> dict[str, object]:
    """Return the effective settings as plain values; they hold references, never secrets."""
    return cast("dict[str, object]", settings.model_dump(mode="json"))
