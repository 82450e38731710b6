"""What gunicorn serves."""

import os

from billing_api import create_app
from config import Config

app = create_app(Config.from_env(os.environ))
