"""All settings of the service: one frozen value, made from an environment mapping, every fault reported at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parent
KNOWN_SECRETS = frozenset({"changeme", "change-me", "secret", "development", "replace-me-with-32-random-bytes-or-more"})
"""Secrets that have stood in an example somewhere, so that everybody knows them; `.env.example` carries the last."""

_SIZES = validate.Range(min=1, max=256)


class ConfigError(Exception):
    """The settings cannot be used; `faults` has one sentence for each thing to mend."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings. Times are in seconds unless the name says otherwise."""

    env: str
    """`development`, `test` or `production`."""
    instance: Path
    """The folder of everything that this installation keeps: the default database, keys, logs of the database."""
    bind: str
    """The address that is listened on: loopback, unless in production."""
    port: int
    workers: int
    threads: int
    database_url: str | None
    """The service's role, in SQLAlchemy's form; None means the embedded PostgreSQL."""
    migration_database_url: str | None
    """The owner's role; None means the same as `database_url`, or the embedded one's owner."""
    secret_key: str | None
    """Signs cursors, at least 32 bytes; None means the one that is made and kept in the instance."""
    jwt_keys: Path
    """A folder of Ed25519 private keys in PEM; the newest by name signs, all verify."""
    jwt_keys_given: bool
    public_url: str
    """Issuer of access tokens; the only absolute address that the service ever writes."""
    cors_origins: tuple[str, ...]
    trusted_hosts: tuple[str, ...]
    """Host headers that are answered; empty means any, which is safe because no link is built from it."""
    trusted_proxies: int
    """How many proxies stand in front, whose X-Forwarded-* are believed."""
    access_token_seconds: int
    refresh_token_seconds: int
    statement_timeout_ms: int
    lock_timeout_ms: int
    drain_seconds: float
    """How long readiness says 503 after SIGTERM before the listener closes."""
    graceful_seconds: int
    log_level: str
    metrics_token: str | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ConfigError: with every fault, not only the first.
        """
        try:
            values = _Settings().load(dict(environ))
        except ValidationError as error:
            raise ConfigError(_sentences(error)) from None
        config = cls(**values)
        if faults := list(_production_faults(config, environ)):
            raise ConfigError(faults)
        return config

    @property
    def is_production(self) -> bool:
        return self.env == "production"

    @property
    def run_dir(self) -> Path:
        """What is true of the running service only: its lock, its metrics, `draining` while it is being stopped."""
        return self.instance / "run"


class _Settings(Schema):
    """The environment's form. Names of fields are those of `Config`; `data_key` is the variable."""

    class Meta:
        unknown = EXCLUDE

    env = fields.String(
        data_key="BILLING_ENV",
        load_default="development",
        validate=validate.OneOf(["development", "test", "production"]),
    )
    instance = fields.String(data_key="INSTANCE", load_default=str(ROOT / "instance"))
    bind = fields.String(data_key="BILLING_BIND", load_default=None)
    port = fields.Integer(data_key="PORT", load_default=8000, validate=validate.Range(min=1, max=65535))
    workers = fields.Integer(data_key="WORKERS", load_default=2, validate=_SIZES)
    threads = fields.Integer(data_key="BILLING_THREADS", load_default=8, validate=_SIZES)
    database_url = fields.String(data_key="DATABASE_URL", load_default=None)
    migration_database_url = fields.String(data_key="MIGRATION_DATABASE_URL", load_default=None)
    secret_key = fields.String(data_key="BILLING_SECRET_KEY", load_default=None)
    jwt_keys = fields.String(data_key="BILLING_JWT_KEYS", load_default=None)
    public_url = fields.String(data_key="BILLING_PUBLIC_URL", load_default=None)
    cors_origins = fields.String(data_key="BILLING_CORS_ORIGINS", load_default="")
    trusted_hosts = fields.String(data_key="BILLING_TRUSTED_HOSTS", load_default="")
    trusted_proxies = fields.Integer(
        data_key="BILLING_TRUSTED_PROXIES", load_default=0, validate=validate.Range(min=0, max=8)
    )
    access_token_seconds = fields.Integer(
        data_key="BILLING_ACCESS_TOKEN_SECONDS", load_default=900, validate=validate.Range(min=1, max=86_400)
    )
    refresh_token_seconds = fields.Integer(
        data_key="BILLING_REFRESH_TOKEN_SECONDS", load_default=30 * 86_400, validate=validate.Range(min=60)
    )
    statement_timeout_ms = fields.Integer(
        data_key="BILLING_STATEMENT_TIMEOUT_MS", load_default=3000, validate=validate.Range(min=100, max=25_000)
    )
    lock_timeout_ms = fields.Integer(
        data_key="BILLING_LOCK_TIMEOUT_MS", load_default=2000, validate=validate.Range(min=50, max=20_000)
    )
    drain_seconds = fields.Float(
        data_key="BILLING_DRAIN_SECONDS", load_default=1.0, validate=validate.Range(min=0, max=60)
    )
    graceful_seconds = fields.Integer(
        data_key="BILLING_GRACEFUL_SECONDS", load_default=25, validate=validate.Range(min=1, max=300)
    )
    log_level = fields.String(
        data_key="BILLING_LOG_LEVEL",
        load_default="info",
        validate=validate.OneOf(["debug", "info", "warning", "error"]),
    )
    metrics_token = fields.String(data_key="BILLING_METRICS_TOKEN", load_default=None)

    @pre_load
    def drop_empty(self, data: dict[str, str], **_: Any) -> dict[str, str]:
        # An empty variable is what compose files and shells make of one that is not set.
        return {name: value.strip() for name, value in data.items() if value.strip()}

    @post_load
    def shape(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        faults: dict[str, list[str]] = {}
        for name in ("database_url", "migration_database_url"):
            if data[name] is not None:
                try:
                    data[name] = driver_url(data[name])
                except ValueError as error:
                    faults[name.upper()] = [str(error)]
        data["instance"] = Path(data["instance"]).expanduser().resolve()
        data["bind"] = data["bind"] or ("0.0.0.0" if data["env"] == "production" else "127.0.0.1")  # noqa: S104 - asked for
        data["jwt_keys_given"] = data["jwt_keys"] is not None
        data["jwt_keys"] = Path(data["jwt_keys"] or data["instance"] / "keys").expanduser().resolve()
        data["public_url"] = (data["public_url"] or f"http://127.0.0.1:{data['port']}").rstrip("/")
        data["cors_origins"] = _words(data["cors_origins"])
        data["trusted_hosts"] = _words(data["trusted_hosts"])
        if bad := [origin for origin in data["cors_origins"] if not re.fullmatch(r"\*|https?://[^/\s]+", origin)]:
            faults["BILLING_CORS_ORIGINS"] = [f"not an origin such as https://app.example.com: {' '.join(bad)}"]
        if data["secret_key"] is not None and len(data["secret_key"].encode()) < 32:
            faults["BILLING_SECRET_KEY"] = ["needs at least 32 bytes; `openssl rand -hex 32` makes them"]
        if faults:
            raise ValidationError(faults)
        return data


def driver_url(url: str) -> str:
    """The address in SQLAlchemy's form with the driver named.

    `postgresql://` alone means psycopg 3 to SQLAlchemy 2.1, and `postgres://` nothing at all.

    Raises:
        ValueError: the address cannot be read or is not PostgreSQL's.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("cannot be read as postgresql://user:password@host:port/database") from None
    if parsed.drivername not in {"postgres", "postgresql", "postgresql+psycopg2"}:
        raise ValueError(f"must begin with postgresql://, not {parsed.drivername}://")
    return parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", text) if word)


def _production_faults(config: Config, environ: Mapping[str, str]) -> list[str]:
    """What is fit for a trial but not for real money."""
    if not config.is_production:
        return []
    demands = {
        "BILLING_SECRET_KEY: must be given in production": config.secret_key is None,
        "BILLING_SECRET_KEY: is a known example; make one with `openssl rand -hex 32`": _is_known(config.secret_key),
        "BILLING_JWT_KEYS: must name a folder of Ed25519 keys in production": not config.jwt_keys_given,
        "BILLING_CORS_ORIGINS: a wildcard is refused in production": "*" in config.cors_origins,
        "DATABASE_URL: must be given in production": config.database_url is None,
        "BILLING_PUBLIC_URL: must be given in production": not environ.get("BILLING_PUBLIC_URL", "").strip(),
    }
    return [fault for fault, present in demands.items() if present]


def _is_known(secret: str | None) -> bool:
    return secret is not None and (secret.lower() in KNOWN_SECRETS or len(set(secret)) < 8)


def _sentences(error: ValidationError) -> list[str]:
    messages = error.messages if isinstance(error.messages, dict) else {"settings": error.messages}
    return [f"{name}: {' '.join(map(str, texts))}" for name, texts in sorted(messages.items())]
