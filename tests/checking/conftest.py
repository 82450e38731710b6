"""A database of its own in which everything has happened, to be broken."""

from collections.abc import Iterator

import pytest

from billing_api.embedded import Addresses
from config import Config
from tests.checking.world import lived_in
from tests.schema import application, scratch, superuser_of


@pytest.fixture(scope="package")
def lived(
    config: Config, addresses: Addresses, newest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Addresses]:
    """The addresses of that database; its superuser's leads into it too."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path_factory.mktemp("lived")) as app:
        lived_in(app)
        yield superuser_of(there)
