"""A real browser, and origins for the pages that it shows."""

import contextlib
import functools
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IS_NEEDED = bool(os.environ.get("NEEDS_CHROMIUM"))
MISSING = "no Chromium is installed, and NEEDS_CHROMIUM says that these tests are not to be skipped"

needs_chromium = pytest.mark.skipif(CHROMIUM is None and not IS_NEEDED, reason="no Chromium is installed here")


class Pages(SimpleHTTPRequestHandler):
    """The files of a folder."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def pages(folder: Path) -> Iterator[str]:
    """An origin of its own that shows them."""
    handler = functools.partial(Pages, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
