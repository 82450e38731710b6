"""The extensions, made bare here and bound to an application in `create_app`."""

from flask_jwt_extended import JWTManager
from flask_migrate import Migrate

jwt_manager = JWTManager()
migrate = Migrate()
