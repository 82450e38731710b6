"""What gunicorn serves."""

import os
import sys
from contextlib import suppress

from billing_api import create_app
from billing_api.provisioning import DatabaseAway, UnsafeRole, check_role
from config import Config, ConfigError

try:
    config = Config.from_env(os.environ)
    app = create_app(config)
    # A worker that is started while the database is away answers 503 until it comes back.
    with suppress(DatabaseAway):
        check_role(config)
except (ConfigError, UnsafeRole) as error:
    sys.exit(f"billing-api: {error}")
