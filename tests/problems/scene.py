"""Where refusals are met: a tenant for all of a module, new ones where somebody is needed for one alone, and the tools
of an operator."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.embedded import Addresses
from config import Config
from tests.factories import Tenant, line, sign_up
from tests.live_service import LiveService

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Scene:
    """What a way to a refusal begins with."""

    app: Flask
    tenant: Tenant
    config: Config
    addresses: Addresses
    patch: pytest.MonkeyPatch
    folder: Path
    served: Callable[[], LiveService]
    """The service as it runs for real; started by the first who asks."""

    @property
    def client(self) -> FlaskClient:
        """Somebody without a credential, and without cookies."""
        return self.app.test_client()

    def alone(self) -> Tenant:
        """An organization that nobody else has used."""
        return sign_up(self.app)

    def somebody(self) -> str:
        """An address that nobody has."""
        return f"guest{next(_numbers)}-{self.tenant.email}"


Way = Callable[[Scene], TestResponse]
"""Does what leads to a refusal, and gives the answer that refuses."""


def asking(method: str, path: str, body: Any = None, **headers: str) -> Way:
    """One request is enough."""
    return lambda scene: scene.tenant.call(method, path, body, **headers)


def previewing(**members: Any) -> Way:
    """An invoice of these members is enough, and need not be kept; its lines are good unless they are given."""
    return asking("POST", "/v1/invoices/preview", {"lines": [line()], **members})


def with_line(**members: Any) -> Way:
    """A line of an invoice is enough."""
    return previewing(lines=[line(**members)])


def lying(body: str) -> Way:
    """A body of this very text as JSON is enough."""
    return lambda scene: scene.tenant.post_text("/v1/customers", body)


def issued(tenant: Tenant, **members: Any) -> tuple[str, dict[str, Any]]:
    """The path of a new invoice, and the invoice."""
    invoice = tenant.invoice(**members)
    return f"/v1/invoices/{invoice['id']}", invoice
