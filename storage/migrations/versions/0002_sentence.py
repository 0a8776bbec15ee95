"""How a run ended, in a sentence, where its events alone do not tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    column = sa.Column("sentence", sa.Text(), nullable=False, server_default="")
    op.add_column("runs", column)


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward only: restore a backup instead.")
