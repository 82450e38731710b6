"""The end of a list, without walking there."""

import hashlib
from typing import Any

from itsdangerous import URLSafeSerializer

from tests.factories import Tenant


def last_page(tenant: Tenant, path: str, sort: str, limit: int) -> str:
    """The path of the last full page in this order, by a cursor as the service would have given it on the page before.

    The row in front of that page is the one behind as many in the opposite order, whose cursor names it.
    """
    signer = {"digest_method": hashlib.sha256}
    serializer = URLSafeSerializer(tenant.app.config["SECRET_KEY"], salt="cursor", signer_kwargs=signer)
    opposite = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"

    def opened(sort: str, limit: int) -> list[Any]:
        cursor = tenant.get(f"{path}?sort={sort}&limit={limit}").json["next_cursor"]
        sealed: list[Any] = serializer.loads(cursor)
        return sealed

    value, id, _ = opened(opposite, limit + 1)
    *_, binding = opened(sort, limit)
    return f"{path}?sort={sort}&limit={limit}&cursor={serializer.dumps([value, id, binding])}"
