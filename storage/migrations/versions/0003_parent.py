"""From which run a run branched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("parent", sa.String(16), nullable=True))
    op.create_index("ix_runs_parent", "runs", ["parent"])


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward only: restore a backup instead.")
