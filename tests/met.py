"""Which refusals were met at which operation: what the document does not name for it is told when all is done."""

from typing import Any, Self

from flask import Flask, Response, request, request_finished

from billing_api.errors import tree


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
        if response.mimetype == "application/problem+json" and request.endpoint is not None:
            operation = request.endpoint.replace(".", "_").replace("-", "_")
            self._met.add((operation, (response.get_json(silent=True) or {}).get("code", "")))
