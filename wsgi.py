"""What gunicorn serves."""

import os
import sys
from contextlib import suppress

from billing_api import create_app
from billing_api.provisioning import DatabaseAway, check_role
from billing_api.role_check import UnsafeRole
from config import Config, ConfigError

try:
    config = Config.from_env(os.environ)
    if config.database_url is None:
        raise ConfigError(["DATABASE_URL: must be given; only `billing-api serve` brings a PostgreSQL"])
    app = create_app(config)
    # While the database is away the service answers 503; once it is back, each connection looks at the role itself.
    with suppress(DatabaseAway):
        check_role(config)
except (ConfigError, UnsafeRole) as error:
    sys.exit(f"billing-api: {error}")
