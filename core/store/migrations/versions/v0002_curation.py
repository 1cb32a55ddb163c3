"""Curation: what was shown and what followed, groups of paraphrases, former texts, the state of each pair as a table, the value meter."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SECONDS = sa.Float(precision=53)
STATE = "client_id, label, grade, source, author, reason, note, shown_at, decided_at, active_ms, undoes, recorded_at"


def _project_id(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f(f"fk_{table}_project_id"), ondelete="CASCADE"),
    ]


def upgrade() -> None:
    op.add_column("projects", sa.Column("anchor_revision", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("projects", sa.Column("guideline", sa.Text()))
    op.add_column("projects", sa.Column("options", sa.JSON()))
    op.add_column("anchors", sa.Column("group_id", sa.Text()))
    op.add_column("anchors", sa.Column("fields", sa.JSON()))
    op.add_column("anchors", sa.Column("since_revision", sa.Integer()))
    op.add_column("documents", sa.Column("since_revision", sa.Integer()))
    op.create_index("ix_anchors_group", "anchors", ["project_id", "group_id"])
    op.add_column("candidates", sa.Column("reranker", sa.Float()))
    op.add_column("candidates", sa.Column("twin_of", sa.Text()))
    op.add_column("candidates", sa.Column("same_parent", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("candidates", sa.Column("audit", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("candidates", sa.Column("wanted", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("snapshots", sa.Column("corpus_revision", sa.Integer()))
    op.add_column("snapshots", sa.Column("anchor_revision", sa.Integer()))
    op.create_table(
        "former_documents",
        *_project_id("former_documents"),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("until_revision", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "id", "until_revision", name=op.f("pk_former_documents")),
    )
    op.create_table(
        "former_anchors",
        *_project_id("former_anchors"),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("until_revision", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("part", sa.Text()),
        sa.Column("group_id", sa.Text()),
        sa.PrimaryKeyConstraint("project_id", "id", "until_revision", name=op.f("pk_former_anchors")),
    )
    op.create_table(
        "value_points",
        *_project_id("value_points"),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("base", "value", "low", "high")),
        sa.Column("anchors", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("truth", sa.Text()),
        sa.Column("scores", sa.JSON()),
        sa.Column("added", sa.JSON()),
        sa.PrimaryKeyConstraint("project_id", "last_seq", name=op.f("pk_value_points")),
    )
    op.add_column("judgements", sa.Column("caused_by", sa.Text()))
    op.add_column("judgements", sa.Column("shown", sa.JSON()))
    op.create_index("ix_judgements_caused", "judgements", ["project_id", "caused_by"])
    op.create_index("ix_judgements_undoes", "judgements", ["project_id", "undoes"])
    op.create_index("ix_judgements_author", "judgements", ["project_id", "author", "seq"])
    op.create_index("ix_judgements_order", "judgements", ["project_id", "seq"])
    _turn_state_into_table()
    op.add_column("candidates", sa.Column("judged", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE candidates SET judged = EXISTS (SELECT 1 FROM judgement_state s WHERE s.project_id = candidates.project_id "
        "AND s.anchor_id = candidates.anchor_id AND s.document_id = candidates.document_id)"
    )
    op.drop_index("ix_candidates_queue", "candidates")
    op.create_index("ix_candidates_queue", "candidates", ["project_id", "judged", "priority", "status", "wanted"])
    op.create_index("ix_candidates_lease", "candidates", ["project_id", "lease_until"])


def _turn_state_into_table() -> None:
    """The view asked for the newest event of each pair at every reading; the table is kept with every append."""
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "new_state",
        *_project_id("judgement_state"),
        sa.Column("anchor_id", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("seq", sequence, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("client_id", "label")),
        sa.Column("grade", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "author", "reason", "note")),
        sa.Column("shown_at", SECONDS),
        sa.Column("decided_at", SECONDS),
        sa.Column("active_ms", sa.Integer()),
        sa.Column("undoes", sa.Text()),
        sa.Column("caused_by", sa.Text()),
        sa.Column("shown", sa.JSON()),
        sa.Column("recorded_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "anchor_id", "document_id", name=op.f("pk_judgement_state")),
    )
    op.execute(
        f"INSERT INTO new_state (project_id, anchor_id, document_id, seq, {STATE}) "
        f"SELECT project_id, anchor_id, document_id, seq, {STATE} FROM judgement_state"
    )
    op.execute("DROP VIEW judgement_state")
    op.rename_table("new_state", "judgement_state")
    op.create_index("ix_judgement_state_label", "judgement_state", ["project_id", "label", "anchor_id", "grade"])


def downgrade() -> None:
    raise NotImplementedError("Open a copy of the database made before this version instead.")
