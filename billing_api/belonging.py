"""Rows that belong to an organization by what they are a part of, or what they are about.

Each has a reference none of whose columns may be empty, which carries the organization to a row that is held by its
own. That row has an organization, so this one does, and a reference of its own to it would be looked up with each
insert to no end: an invoice of three lines looked nine times for one organization.
"""

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Owned
from billing_api.unit_of_work import unit


class Belonging(Owned):
    """A row of a tenant that another row of the tenant stands behind."""

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True, default=lambda: unit().tenant)
