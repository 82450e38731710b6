"""`/openapi.json` and `/docs`: the contract, for programs and for people; both work offline."""

from flask import Blueprint, Response, current_app, jsonify
from flask_swagger_ui import get_swaggerui_blueprint

blueprint = Blueprint("docs", __name__)

_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'"
)

_swagger_ui = get_swaggerui_blueprint(
    "/docs",
    "/openapi.json",
    config={"app_name": "billing_api", "deepLinking": True, "persistAuthorization": True, "displayOperationId": True},
)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI document."""
    answer = jsonify(current_app.extensions["api"].spec.to_dict())
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


@_swagger_ui.after_request
def _admit_own_scripts(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


blueprint.register_blueprint(_swagger_ui)
