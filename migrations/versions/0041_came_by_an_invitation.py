"""An invitation that was accepted names its user by a foreign key."""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

KEY, INDEX = "fk_invitations_organization_id_user_id", "ix_invitations_organization_id_user_id"
COLUMNS = ["organization_id", "user_id"]


def upgrade() -> None:
    # Whoever removes a user looks for what names them.
    op.create_index(INDEX, "invitations", COLUMNS)
    op.create_foreign_key(op.f(KEY), "invitations", "users", COLUMNS, ["organization_id", "id"])


def downgrade() -> None:
    op.drop_constraint(KEY, "invitations", type_="foreignkey")
    op.drop_index(INDEX, "invitations")
