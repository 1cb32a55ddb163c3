"""The tables, in SQLAlchemy Core: one definition for SQLite and PostgreSQL.

Times are seconds since the epoch (UTC). What a person entered stands in `judgements`, which is only ever appended to; `judgement_state` holds the
last event of each pair that says something, kept with every append. Texts, parts and groups that were replaced stand in `former_documents` and
`former_anchors` under the revision that replaced them; `since_revision` is the one that a row arrived with, null where it was there before these were
kept. Everything else can be made again from these.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Seconds = Float(53)
Sequence = BigInteger().with_variant(Integer, "sqlite")


def _project_id() -> Column[str]:
    return Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)


projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("corpus_revision", Integer, nullable=False, default=0),
    Column("anchor_revision", Integer, nullable=False, default=0, server_default="0"),
    Column("guideline", Text),
    Column("options", JSON),
)

documents = Table(
    "documents",
    metadata,
    _project_id(),
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("since_revision", Integer),
    Index("ix_documents_position", "project_id", "position"),
)

anchors = Table(
    "anchors",
    metadata,
    _project_id(),
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("part", Text),
    Column("group_id", Text),
    Column("fields", JSON),
    Column("since_revision", Integer),
    Index("ix_anchors_position", "project_id", "position"),
    Index("ix_anchors_group", "project_id", "group_id"),
)

former_documents = Table(
    "former_documents",
    metadata,
    _project_id(),
    Column("id", Text, primary_key=True),
    Column("until_revision", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("fields", JSON, nullable=False),
)

former_anchors = Table(
    "former_anchors",
    metadata,
    _project_id(),
    Column("id", Text, primary_key=True),
    Column("until_revision", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("part", Text),
    Column("group_id", Text),
)

judgements = Table(
    "judgements",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("client_id", Text, nullable=False),
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("anchor_id", Text, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("grade", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("shown_at", Seconds),
    Column("decided_at", Seconds),
    Column("active_ms", Integer),
    Column("undoes", Text),
    Column("caused_by", Text),
    Column("shown", JSON(none_as_null=True)),
    Column("recorded_at", Seconds, nullable=False),
    ForeignKeyConstraint(["project_id", "anchor_id"], ["anchors.project_id", "anchors.id"]),
    ForeignKeyConstraint(["project_id", "document_id"], ["documents.project_id", "documents.id"]),
    CheckConstraint("grade >= 0", name="grade"),
    Index("ix_judgements_client", "project_id", "client_id", unique=True),
    Index("ix_judgements_pair", "project_id", "anchor_id", "document_id", "seq"),
    Index("ix_judgements_caused", "project_id", "caused_by"),
    Index("ix_judgements_undoes", "project_id", "undoes"),
    Index("ix_judgements_author", "project_id", "author", "seq"),
    Index("ix_judgements_order", "project_id", "seq"),
    sqlite_autoincrement=True,
)

judgement_state = Table(
    "judgement_state",
    metadata,
    _project_id(),
    Column("anchor_id", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    *(Column(c.name, c.type, nullable=c.nullable) for c in judgements.columns if c.name not in ("project_id", "anchor_id", "document_id")),
    Index("ix_judgement_state_label", "project_id", "label", "anchor_id", "grade"),
)

candidates = Table(
    "candidates",
    metadata,
    _project_id(),
    Column("anchor_id", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("priority", Float, nullable=False),
    Column("similarity", Float, nullable=False),
    Column("ratio", Float),
    Column("dense_rank", Integer),
    Column("lexical_rank", Integer),
    Column("model_id", Text, nullable=False),
    Column("reranker", Float),
    Column("twin_of", Text),
    Column("same_parent", Boolean, nullable=False, default=False, server_default=false()),
    Column("audit", Boolean, nullable=False, default=False, server_default=false()),
    Column("wanted", Integer, nullable=False, default=1, server_default="1"),
    Column("lease_author", Text),
    Column("lease_until", Seconds, nullable=False, default=0.0),
    Column("judged", Boolean, nullable=False, default=False, server_default=false()),
    ForeignKeyConstraint(["project_id", "anchor_id"], ["anchors.project_id", "anchors.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["project_id", "document_id"], ["documents.project_id", "documents.id"], ondelete="CASCADE"),
    Index("ix_candidates_queue", "project_id", "judged", "priority", "status", "wanted"),
    Index("ix_candidates_lease", "project_id", "lease_until"),
)

snapshots = Table(
    "snapshots",
    metadata,
    _project_id(),
    Column("id", Text, primary_key=True),
    Column("created_at", Seconds, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("corpus_revision", Integer),
    Column("anchor_revision", Integer),
)

value_points = Table(
    "value_points",
    metadata,
    _project_id(),
    Column("last_seq", BigInteger, primary_key=True),
    Column("judged", Integer, nullable=False),
    Column("base", Float, nullable=False),
    Column("value", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("anchors", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("truth", Text),
    Column("scores", JSON(none_as_null=True)),
    Column("added", JSON(none_as_null=True)),
)

models = Table(
    "models",
    metadata,
    _project_id(),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("max_length", Integer, nullable=False),
    Column("query_prompt", Text, nullable=False),
    Column("document_prompt", Text, nullable=False),
    Column("base_id", Text),
    Column("snapshot_id", Text),
    Column("run_id", Text),
    Column("created_at", Seconds, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("config", JSON, nullable=False),
    Column("progress", JSON, nullable=False),
    Column("result", JSON),
    Column("error", Text),
    Column("created_at", Seconds, nullable=False),
    Column("started_at", Seconds),
    Column("finished_at", Seconds),
    Column("attempt", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("worker_id", Text),
    Column("lease_until", Seconds, nullable=False),
    Index("ix_runs_status", "status", "created_at"),
    Index("ix_runs_project", "project_id", "created_at"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("system", Text, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("measures", JSON, nullable=False),
    Column("n", Integer, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("run_id", Text),
    Column("created_at", Seconds, nullable=False),
    Index("ix_evaluations_project", "project_id", "created_at"),
)

evaluation_scores = Table(
    "evaluation_scores",
    metadata,
    Column("evaluation_id", Text, ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("anchor_id", Text, primary_key=True),
    Column("measure", Text, primary_key=True),
    Column("value", Float, nullable=False),
)

projections = Table(
    "projections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("base_id", Text, nullable=False),
    Column("tuned_id", Text),
    Column("path", Text, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("created_at", Seconds, nullable=False),
    Index("ix_projections_project", "project_id", "created_at"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Seconds, nullable=False),
    Column("beat_at", Seconds, nullable=False),
    Column("encoder_url", Text),
    Column("encoder_token", Text),
)
