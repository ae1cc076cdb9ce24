"""Which process a replica is, and what the release of a stop may put back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # Replicas that run write their rows anew.
    op.execute("delete from replicas")
    op.add_column("replicas", sa.Column("process", sa.Uuid(), nullable=False))
    op.create_table(
        "stopped_components",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "component", name=op.f("pk_stopped_components")),
    )
