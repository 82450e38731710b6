"""A single-page app in a real browser, on another origin than the service: with tokens, and with cookies."""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from config import Config
from tests.clients.chromium import CHROMIUM, MISSING, needs_chromium, pages
from tests.factories import PASSWORD
from tests.live_service import serving

FOLDER = Path(__file__).parent
pytestmark = needs_chromium


def shown(url: str, profile: Path) -> dict[str, Any]:
    """What the page says that it saw, once all of its requests have been answered."""
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=60000", "--dump-dom", url]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110, check=False)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    return seen


@pytest.fixture(scope="module")
def seen(config: Config, app: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One visit, of which each test looks at a part."""
    assert CHROMIUM, MISSING
    folder = tmp_path_factory.mktemp("browser")
    with (
        pages(FOLDER) as origin,
        pages(FOLDER) as stranger,
        serving(config, folder / "log", BILLING_CORS_ORIGINS=origin) as live,
    ):
        founder = {"organization_name": "Page", "country": "DE", "currency": "EUR", "name": "Ada"}
        email = f"page-{folder.name}-{live.port}@example.com"
        made = live.send("POST", "/v1/auth/sign-up", {**founder, "email": email, "password": PASSWORD})
        assert made.status == 201, made.content
        query = {"api": f"http://127.0.0.1:{live.port}", "email": email, "password": PASSWORD, "stranger": stranger}
        told = shown(f"{origin}/page.html?{urlencode(query)}", folder / "profile")
    assert "error" not in told, told
    return told


def test_a_page_works_with_tokens_from_login_to_logout(seen: dict[str, Any]) -> None:
    assert seen["bearer"] == [200, 201, 200, 200, 204, 401]


def test_a_page_reads_the_headers_that_it_needs(seen: dict[str, Any]) -> None:
    assert seen["readable"] == ["ETag", "Location", "X-Request-Id", "RateLimit"]


def test_a_page_works_with_cookies_and_needs_its_csrf_token_to_write(seen: dict[str, Any]) -> None:
    assert seen["cookie"] == [200, 200, 403, 201, 200, 200]
    assert seen["left"] == [204, 401]


def test_no_script_ever_sees_a_token_of_a_session_in_cookies(seen: dict[str, Any]) -> None:
    assert seen["tokens"] == [None, None, None]
    assert "billing_access" not in seen["scripts"]
    assert "billing_refresh" not in seen["scripts"]


def test_a_page_of_another_origin_reads_nothing_and_does_nothing_with_the_same_cookies(seen: dict[str, Any]) -> None:
    assert seen["stranger"] == dict.fromkeys(("read", "write", "form", "refresh"), "blocked")
    assert seen["customers"] == ["Made by a page", "Made with a cookie"]
