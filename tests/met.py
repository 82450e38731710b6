"""Which refusals were met at which operation: what the document does not name for it is told when all is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from flask import Flask, Response, request, request_finished

from billing_api.errors import tree

_PAUSED = "refusals are not noted"


class Met:
    """The refusals of one application, from the beginning of its block to the end."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._met: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        request_finished.connect(self._note, self.app)
        return self

    def __exit__(self, *_: object) -> None:
        request_finished.disconnect(self._note, self.app)

    def untold(self) -> list[str]:
        """What was met and is not named; each with its operation."""
        named, known = self.app.extensions["api"].reached(), {kind.code for kind in tree()}
        return [
            f"{operation} answers with {code}, which neither `web.reachable` nor `web.declared` finds"
            for operation, code in sorted(self._met)
            if operation in named and code in known - named[operation]
        ]

    def _note(self, _: Flask, response: Response, **__: Any) -> None:
        if _PAUSED in self.app.extensions or request.endpoint is None:
            return
        if response.mimetype == "application/problem+json":
            operation = request.endpoint.replace(".", "_").replace("-", "_")
            self._met.add((operation, (response.get_json(silent=True) or {}).get("code", "")))


@contextmanager
def paused(app: Flask) -> Iterator[None]:
    """For as long as somebody meddles with the application nothing is noted."""
    before = app.extensions.get(_PAUSED, 0)
    app.extensions[_PAUSED] = before + 1
    try:
        yield
    finally:
        if before:
            app.extensions[_PAUSED] = before
        else:
            del app.extensions[_PAUSED]
