"""An answer as the edge sends it."""

from collections.abc import Iterable
from typing import Any

import flask


class Response(flask.Response):
    """Flask's, with headers beside its own that nobody has to look through.

    werkzeug searches each header that it is given for line breaks, all others for its name, and copies all of them in
    the end. What every answer carries is text of ours, as it is to be sent.
    """

    beside: tuple[tuple[str, str], ...] = ()
    """These headers; none of them has a name that stands among the others."""

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body, status, headers = super().get_wsgi_response(environ)
        return body, status, [*headers, *self.beside]
