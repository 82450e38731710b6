"""A billing service: organizations, customers and invoices behind one JSON API, on PostgreSQL."""

import gc

# What is loaded from here on stays to the end: looking for garbage in it, over and over while it grows, would take a
# third of the time in which a command or a worker starts.
gc.disable()

import datetime as dt
import os
from pathlib import Path

from alembic.script import ScriptDirectory
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from billing_api import fault_points, keys
from billing_api.api_keys.routes import blueprint as api_keys
from billing_api.api_keys.token_routes import blueprint as oauth
from billing_api.audit_log.routes import blueprint as audit_log
from billing_api.auth.reset_routes import blueprint as password_resets
from billing_api.auth.routes import blueprint as auth
from billing_api.auth.second_factor_routes import blueprint as second_factor
from billing_api.catalog.product_routes import blueprint as products
from billing_api.catalog.tax_rate_routes import blueprint as tax_rates
from billing_api.connections import watch
from billing_api.credit_notes.routes import blueprint as credit_notes
from billing_api.customers.routes import blueprint as customers
from billing_api.database import db
from billing_api.deadline import limit_silence
from billing_api.docs.routes import ABOUT, pages
from billing_api.docs.routes import blueprint as docs
from billing_api.events.routes import blueprint as events
from billing_api.extensions import migrate
from billing_api.health.routes import blueprint as health
from billing_api.invitations.acceptance_routes import blueprint as acceptances
from billing_api.invitations.routes import blueprint as invitations
from billing_api.invoices.routes import blueprint as invoices
from billing_api.ledger.routes import blueprint as ledger
from billing_api.numbering.routes import blueprint as number_series
from billing_api.organizations.routes import blueprint as organizations
from billing_api.payments.routes import blueprint as payments
from billing_api.reports.routes import blueprint as reports
from billing_api.role_check import watch_role
from billing_api.users.routes import blueprint as users
from billing_api.web import (
    document,
    errors,
    observation,
    rate_limits,
    slow_doors,
    tokens,
    written,
)
from billing_api.web.api import Api
from billing_api.web.app import BillingApi
from billing_api.web.json import write
from config import ROOT, Config

gc.freeze()
gc.enable()

RESOURCES = (
    events, audit_log, organizations, auth, second_factor, password_resets, users, invitations, acceptances, api_keys,
    oauth, customers, products, tax_rates, number_series, ledger, invoices, payments, credit_notes, reports,
)  # fmt: skip
"""In the one order in which packages may know each other: each only those to its left."""

VERSION = "0.1.0"
MAX_BODY = 1024 * 1024


def create_app(config: Config) -> Flask:
    """The application: settings, then the edge, then the resources.

    Raises:
        ConfigError: a key cannot be read, or the Redis that is named not be asked.
    """
    app = BillingApi(__name__, static_folder=None)
    # werkzeug would redirect //v1//me, with a page of HTML and a link made from the Host header.
    app.url_map.merge_slashes = False
    secrets = keys.load(config)
    app.config.from_mapping(_settings(config, secrets.secret))
    observation.configure(config.log_level)
    fault_points.watch(config.faults)
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    _bind_database(app)
    tokens.init_app(app, secrets, config.public_url)
    written.init_app(app)
    rate_limits.init_app(app)
    errors.init_app(app)
    _bind_resources(app)
    return app


def _settings(config: Config, secret: str) -> dict[str, object]:
    return {
        "SECRET_KEY": secret,
        "BILLING_ENV": config.env,
        "MAX_CONTENT_LENGTH": MAX_BODY,
        # Health checks on the same machine name no host of ours.
        "TRUSTED_HOSTS": [*config.trusted_hosts, "127.0.0.1", "localhost"] if config.trusted_hosts else None,
        "PROPAGATE_EXCEPTIONS": False,
        "JWT_ACCESS_TOKEN_EXPIRES": dt.timedelta(seconds=config.access_token_seconds),
        "API_TITLE": "billing_api",
        "API_VERSION": VERSION,
        "OPENAPI_VERSION": document.VERSION,
        "API_SPEC_OPTIONS": ABOUT,
        "BILLING_REFRESH_TOKEN_SECONDS": config.refresh_token_seconds,
        "BILLING_CORS_ORIGINS": config.cors_origins,
        "BILLING_REDIS_URL": config.redis_url,
        "BILLING_PUBLIC_URL": config.public_url,
        "BILLING_APP_URL": config.app_url,
        "BILLING_SIGN_UP": config.sign_up,
        "BILLING_RATE_LIMIT": config.rate_limit,
        "BILLING_RATE_LIMIT_ADDRESS": config.rate_limit_address,
        "BILLING_METRICS_TOKEN": config.metrics_token,
        "BILLING_SMTP_URL": config.smtp_url,
        "BILLING_MAIL_FROM": config.mail_from,
        "BILLING_METRICS_DIR": os.environ.get("PROMETHEUS_MULTIPROC_DIR"),
        "BILLING_INSTANCE": str(config.instance),
        "BILLING_RUN_DIR": str(config.instance / "run"),
        **_database_settings(config),
    }


def _database_settings(config: Config) -> dict[str, object]:
    return {
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": config.threads + slow_doors.THREADS,
            "max_overflow": 0,
            "pool_timeout": 3,
            "json_serializer": write,
            # All postings of an entry go in one statement, at whose end they must balance.
            "insertmanyvalues_page_size": 20_000,
            # An exception must not quote what a client sent.
            "hide_parameters": True,
        },
        "BILLING_STATEMENT_TIMEOUT_MS": config.statement_timeout_ms,
        "BILLING_LOCK_TIMEOUT_MS": config.lock_timeout_ms,
        "BILLING_IDLE_IN_TRANSACTION_TIMEOUT_MS": 10_000,
        "BILLING_MIGRATION_HEAD": ScriptDirectory(str(ROOT / "migrations")).get_current_head(),
        "BILLING_MIGRATION_DATABASE_URL": config.migration_database_url or config.database_url,
    }


def _bind_database(app: Flask) -> None:
    db.init_app(app)
    migrate.init_app(app, db, directory=str(Path(ROOT) / "migrations"), compare_type=True)
    limit_silence()
    with app.app_context():
        watch(db.engine)
        watch_role(db.engine, is_production=app.config["BILLING_ENV"] == "production")


def _bind_resources(app: Flask) -> None:
    api = Api(app)
    for resource in (*RESOURCES, health, docs):
        api.register_blueprint(resource)
    app.register_blueprint(pages)
    app.extensions["api"] = api
