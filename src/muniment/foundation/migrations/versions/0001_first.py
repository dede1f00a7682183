"""The first schema."""

from muniment.foundation.database import metadata
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
