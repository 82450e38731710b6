"""All settings of the service: one frozen value, made from an environment mapping, every fault reported at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from zxcvbn import zxcvbn

ROOT = Path(__file__).resolve().parent
EXAMPLE_SECRET = "replace-me-with-32-random-bytes-or-more"  # noqa: S105 - `.env.example` shows it to everybody
SECRET_BYTES = 32
LONGEST_STATEMENT_MS = 3500
"""PostgreSQL's own limit has to come first: at four seconds of silence a wait is broken off, and the database is taken
to be away for everybody."""
_OF_COMPOSE = frozenset({"BILLING_OWNER_PASSWORD", "BILLING_SERVICE_PASSWORD"})
_OF_KUBERNETES = re.compile(r"\w+_SERVICE_(HOST|PORT(_\w+)?)|\w+_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")
_OF_LINKS = re.compile(r"(tcp|udp|sctp)://.*")
"""What a cluster gives every process when a service of it is called billing: names, and the value of BILLING_PORT."""
_ONE_ADDRESS = re.compile(r"[^@\s<>,;:\"]+@[A-Za-z0-9.-]+")
"""The part before the @ and a domain in ASCII, as they stand in an envelope."""
_TRIED = "admin|billing|changeme|password|postgres|secret|test|12345678"
_DEFAULT_LOGIN = re.compile(rf"//([^:/@]*):(\1|{_TRIED})@|[?&]password=({_TRIED})(&|$)", re.IGNORECASE)
_FEWEST_GUESSES = {"secret_key": (SECRET_BYTES, 10**20), "metrics_token": (1, 10**10)}
"""From how many bytes on it is judged, and how hard to guess it must be: by oneself, or by asking the service."""
_ORIGIN = re.compile(r"\*|https?://[^/?#@\s]+")
_STORE = validate.Regexp(
    r"(rediss?|unix)://[^\s@]+(@[^\s@]+)?\Z", error="must be redis://:password@host:6379/0, rediss:// or unix:///path"
)
_MOST_COUNTED = 10_000_000


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
    redis_url: str | None
    """Where what was written is kept for all processes; None means nowhere but in each."""
    secret_key: str | None
    """Signs cursors and seals secrets, at least 32 bytes; None means the one that is made and kept in the instance."""
    jwt_keys: Path
    """A folder of Ed25519 private keys in PEM; the newest whose time has come signs, all verify."""
    jwt_keys_given: bool
    public_url: str
    """Issuer of access tokens; the only address of its own that the service ever writes."""
    app_url: str | None
    """Where the company's own front-end is, to which links in mails lead; None where there is none."""
    sign_up: str
    """`open`, or `closed`: then nobody founds an organization over the network."""
    cors_origins: tuple[str, ...]
    trusted_hosts: tuple[str, ...]
    """Host headers that are answered; empty means any, which is safe because no link is built from it."""
    trusted_proxies: int
    """How many proxies stand in front, whose X-Forwarded-* are believed."""
    rate_limit: int
    """How many requests a minute one credential may make of one worker; 0 means any number."""
    rate_limit_address: int
    """The same for one client address, of requests without a good credential."""
    access_token_seconds: int
    refresh_token_seconds: int
    statement_timeout_ms: int
    lock_timeout_ms: int
    drain_seconds: float
    """How long readiness says 503 after SIGTERM before the listener closes."""
    graceful_seconds: int
    log_level: str
    metrics_token: str | None
    smtp_url: str | None
    """The server that takes mails; None means the log in development, and nobody in production."""
    mail_from: str
    faults: str | None
    """A folder in which tests say where the service is to fail (`billing_api.fault_points`); None anywhere else."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings. Raises ConfigError with every fault, not only the first."""
        given = {name: text.strip() for name, text in environ.items() if text.strip()}
        faults: list[tuple[str, str]] = []
        try:
            values = _Settings().load(given)
        except ValidationError as error:
            faults += [(name, " ".join(map(str, texts))) for name, texts in error.messages_dict.items()]
            values = dict.fromkeys(_Settings().fields) | dict(error.valid_data or {})
        for rule in (_unknown_names, _relation_faults, _production_faults):
            faults += rule(values, given)
        if faults:
            raise ConfigError([f"{name}: {text}" for name, text in sorted(faults)])
        return cls(**_shaped(values))

    @property
    def is_production(self) -> bool:
        return self.env == "production"

    @property
    def is_development(self) -> bool:
        return self.env == "development"

    @property
    def run_dir(self) -> Path:
        """What is true of the running service only: its lock, its metrics, `draining` while it is being stopped."""
        return self.instance / "run"


def _text(name: str, default: str | None = None, *choices: str) -> fields.String:
    """A setting that is text, or one of a few words."""
    return fields.String(data_key=name, load_default=default, validate=validate.OneOf(choices) if choices else None)


def _number(name: str, default: int | None, least: int, most: int | None) -> fields.Integer:
    """A setting that is a whole number within bounds."""
    return fields.Integer(data_key=name, load_default=default, validate=validate.Range(least, most))


class _Settings(Schema):
    """The environment's form. Names of fields are those of `Config`; beside each stands its variable."""

    class Meta:
        unknown = EXCLUDE

    env = _text("BILLING_ENV", "development", "development", "test", "production")
    instance = _text("INSTANCE", str(ROOT / "instance"))
    bind = _text("BILLING_BIND")
    port = _number("PORT", 8000, 1, 65535)
    workers = _number("WORKERS", 2, 1, 256)
    threads = _number("BILLING_THREADS", 4, 1, 256)
    database_url = _text("DATABASE_URL")
    migration_database_url = _text("MIGRATION_DATABASE_URL")
    redis_url = fields.String(data_key="REDIS_URL", load_default=None, validate=_STORE)
    secret_key = _text("BILLING_SECRET_KEY")
    jwt_keys = _text("BILLING_JWT_KEYS")
    public_url = _text("BILLING_PUBLIC_URL")
    app_url = _text("BILLING_APP_URL")
    sign_up = _text("BILLING_SIGN_UP", "open", "open", "closed")
    cors_origins = _text("BILLING_CORS_ORIGINS", "")
    trusted_hosts = _text("BILLING_TRUSTED_HOSTS", "")
    trusted_proxies = _number("BILLING_TRUSTED_PROXIES", 0, 0, 8)
    rate_limit = _number("BILLING_RATE_LIMIT", 6000, 0, _MOST_COUNTED)
    rate_limit_address = _number("BILLING_RATE_LIMIT_ADDRESS", 600, 0, _MOST_COUNTED)
    access_token_seconds = _number("BILLING_ACCESS_TOKEN_SECONDS", 900, 1, 86_400)
    refresh_token_seconds = _number("BILLING_REFRESH_TOKEN_SECONDS", 30 * 86_400, 60, None)
    statement_timeout_ms = _number("BILLING_STATEMENT_TIMEOUT_MS", 3000, 100, LONGEST_STATEMENT_MS)
    lock_timeout_ms = _number("BILLING_LOCK_TIMEOUT_MS", None, 50, LONGEST_STATEMENT_MS)
    drain_seconds = fields.Float(data_key="BILLING_DRAIN_SECONDS", load_default=1.0, validate=validate.Range(0, 60))
    graceful_seconds = _number("BILLING_GRACEFUL_SECONDS", 25, 1, 300)
    log_level = _text("BILLING_LOG_LEVEL", "info", "debug", "info", "warning", "error")
    metrics_token = _text("BILLING_METRICS_TOKEN")
    smtp_url = _text("BILLING_SMTP_URL")
    mail_from = _text("BILLING_MAIL_FROM", "billing@localhost")
    faults = _text("BILLING_FAULTS")


Values = dict[str, Any]
"""What the schema has read, by the names of `Config`; None where a field could not be read."""
Faults = Iterator[tuple[str, str]]


def _shaped(values: Values) -> Values:
    """The values as `Config` has them; only for those without a fault."""
    instance = Path(values["instance"]).expanduser().resolve()
    return values | {
        **{name: values[name] and driver_url(values[name]) for name in ("database_url", "migration_database_url")},
        "instance": instance,
        "bind": values["bind"] or ("0.0.0.0" if values["env"] == "production" else "127.0.0.1"),  # noqa: S104 - asked for
        "jwt_keys_given": values["jwt_keys"] is not None,
        "jwt_keys": Path(values["jwt_keys"] or instance / "keys").expanduser().resolve(),
        "public_url": values["public_url"] or f"http://127.0.0.1:{values['port']}",
        **{name: _words(values[name]) for name in ("cors_origins", "trusted_hosts")},
        "lock_timeout_ms": values["lock_timeout_ms"] or min(2000, values["statement_timeout_ms"]),
    }


def _unknown_names(_: Values, given: Mapping[str, str]) -> Faults:
    """A misspelled setting would hold in silence at its default."""
    known = [str(field.data_key) for field in _Settings().fields.values()]
    for name, text in given.items():
        is_known = name in {*known, *_OF_COMPOSE} or _OF_KUBERNETES.fullmatch(name) or _OF_LINKS.fullmatch(text)
        if name.startswith("BILLING_") and not is_known:
            bare = name.removeprefix("BILLING_")
            nearest = [bare] if bare in known else get_close_matches(name, known, 1)
            yield name, f"is no setting; did you mean {nearest[0]}?" if nearest else "is no setting"


def _relation_faults(values: Values, _: Mapping[str, str]) -> Faults:
    """What a field alone cannot tell."""
    for name in ("database_url", "migration_database_url"):
        try:
            driver_url(values[name] or "postgresql://")
        except ValueError as error:
            yield name.upper(), str(error)
    for name, host in (("public_url", "billing"), ("app_url", "app")):
        if values[name] and not _is_address(values[name]):
            text = f"must be an address such as https://{host}.example.com, without query, fragment or a / at its end"
            yield f"BILLING_{name.upper()}", text
    if bad := [word for word in _words(values["cors_origins"] or "") if not _ORIGIN.fullmatch(word)]:
        yield "BILLING_CORS_ORIGINS", f"not an origin such as https://app.example.com: {' '.join(bad)}"
    if values["secret_key"] and len(values["secret_key"].encode()) < SECRET_BYTES:
        yield "BILLING_SECRET_KEY", f"needs at least {SECRET_BYTES} bytes; `openssl rand -hex 32` makes them"
    if values["smtp_url"] and not _is_mail_server(values["smtp_url"]):
        text = "must be smtp://user:password@host:port, or smtps://; in a password @ is written %40, / %2F"
        yield "BILLING_SMTP_URL", text
    if values["mail_from"] and not _ONE_ADDRESS.fullmatch(parseaddr(values["mail_from"])[1]):
        yield "BILLING_MAIL_FROM", "must be an address such as Billing <billing@example.com>"
    if (most := values["statement_timeout_ms"]) and (values["lock_timeout_ms"] or 0) > most:
        yield "BILLING_LOCK_TIMEOUT_MS", f"must be at most BILLING_STATEMENT_TIMEOUT_MS, which is {most}"


def _production_faults(values: Values, given: Mapping[str, str]) -> Faults:
    """What is fit for a trial but not for real money."""
    if "BILLING_FAULTS" in given and values["env"] != "test":
        yield "BILLING_FAULTS", "lets the service fail on purpose; only for tests, with BILLING_ENV=test"
    if values["env"] != "production":
        return
    for name in ("BILLING_SECRET_KEY", "BILLING_JWT_KEYS", "BILLING_PUBLIC_URL", "DATABASE_URL"):
        if name not in given:
            yield name, "must be given in production"
    if "BILLING_SMTP_URL" in given and "BILLING_MAIL_FROM" not in given:
        yield "BILLING_MAIL_FROM", "must be given in production, where BILLING_SMTP_URL is"
    yield from _weak_secrets(values)
    if given.get("FLASK_DEBUG", "0").lower() not in {"0", "false", "no"}:
        yield "FLASK_DEBUG", "debugging shows everybody the inside of the service"
    if "*" in _words(values["cors_origins"] or ""):
        yield "BILLING_CORS_ORIGINS", "a wildcard is refused in production"


def _weak_secrets(values: Values) -> Faults:
    for name, (least, fewest) in _FEWEST_GUESSES.items():
        secret = values[name] or ""
        if len(secret.encode()) >= least and zxcvbn(secret[:48], [EXAMPLE_SECRET])["guesses"] < fewest:
            yield f"BILLING_{name.upper()}", "is soon guessed; make one with `openssl rand -hex 32`"
    for name in ("database_url", "migration_database_url"):
        if _DEFAULT_LOGIN.search(unquote(values[name] or "")):
            yield name.upper(), "has a password that everybody tries first"


def driver_url(url: str) -> str:
    """The address in SQLAlchemy's form with the driver named. Raises ValueError where it is not PostgreSQL's.

    `postgresql://` alone means psycopg 3 to SQLAlchemy 2.1, and `postgres://` nothing at all.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not with the reason, which may quote a part of the password.
        raise ValueError("cannot be read as postgresql://user:password@host:port/database") from None
    if "@" in (parsed.host or ""):
        # What follows the first @ would be taken for the host, and be told in messages.
        raise ValueError("has a second @; in a password it is written %40")
    if parsed.drivername not in {"postgres", "postgresql", "postgresql+psycopg2"}:
        raise ValueError(f"must begin with postgresql://, not {parsed.drivername}://")
    return parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", text) if word)


def _is_address(url: str) -> bool:
    """Whether it is absolute and ends with a host, a port or a path to which more can be added."""
    return bool(re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*[^\s?#/])?", url)) and _names_host(url)


def _is_mail_server(url: str) -> bool:
    # A second @ would make the end of the password a part of the host, and be told in messages.
    return bool(re.fullmatch(r"smtps?://([^\s@/?#]*@)?[^\s@/?#]+/?", url)) and _names_host(url) and url.isprintable()


def _names_host(url: str) -> bool:
    try:
        return bool((parts := urlsplit(url)).hostname) and parts.port != 0
    except ValueError:
        return False
