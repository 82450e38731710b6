"""A request as the edge knows it: its headers at hand, and what is found out about it on its way."""

import functools
from collections.abc import Callable
from typing import Any

import flask
from flask import current_app
from flask.globals import request_ctx
from werkzeug.datastructures import EnvironHeaders

from billing_api.web.counts import Standing

_context: Callable[[], Any] = request_ctx._get_current_object  # type: ignore[attr-defined]  # it stands for another


class _Headers(EnvironHeaders):
    """The headers of a request, of which most that are asked for are not there: werkzeug makes each name anew, and
    raises an exception to itself."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _in_environment(key) in self.environ

    def get(self, key: str, default: Any = None, type: Any = None) -> Any:  # type: ignore[override]  # not overloaded
        return self.environ.get(_in_environment(key), default) if type is None else super().get(key, default, type)


class Request(flask.Request):
    """Flask's, and what the edge notes down beside it."""

    id = ""
    began: float | None = None
    """When a thread took it up, by a clock that only measures."""
    standing: Standing | None = None
    """Where who sent it stands under the policy that it was counted under."""
    is_counted = False
    credential_type = "access_token"
    """`access_token`, `api_key` or `cookie`."""
    is_kept = False
    """Whether what it shows was kept."""

    def __init__(self, environ: dict[str, Any], populate_request: bool = True, shallow: bool = False) -> None:
        super().__init__(environ, populate_request, shallow)
        self.headers = _Headers(environ)

    @functools.cached_property
    def view(self) -> Callable[..., Any] | None:
        """The view that it is for, on which is marked what it takes and how it answers."""
        return current_app.view_functions.get(self.endpoint or "")

    @functools.cached_property
    def blueprints(self) -> list[str]:
        """Flask's, which asks for them three times."""
        return super().blueprints

    @property
    def is_by_cookie(self) -> bool:
        """Whether its credential came in the cookies of a session."""
        return self.credential_type == "cookie"


def current_request() -> Request:
    """The request of this thread. Flask's `request` looks for it with every attribute that is asked of it, which takes
    twenty times as long as the attribute."""
    found: Request = _context().request
    return found


@functools.lru_cache(maxsize=128)
def _in_environment(name: str) -> str:
    """How the environment of WSGI calls a header."""
    bare = name.upper().replace("-", "_")
    return bare if bare in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{bare}"
