"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('projects',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.Column('base_model', sa.Text(), nullable=False),
    sa.Column('corpus_revision', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_projects'))
    )
    op.create_table('workers',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('host', sa.Text(), nullable=False),
    sa.Column('pid', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.Float(precision=53), nullable=False),
    sa.Column('beat_at', sa.Float(precision=53), nullable=False),
    sa.Column('encoder_url', sa.Text(), nullable=True),
    sa.Column('encoder_token', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workers'))
    )
    op.create_table('anchors',
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('part', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_anchors_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', 'id', name=op.f('pk_anchors'))
    )
    op.create_index('ix_anchors_position', 'anchors', ['project_id', 'position'], unique=False)
    op.create_table('documents',
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_documents_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', 'id', name=op.f('pk_documents'))
    )
    op.create_index('ix_documents_position', 'documents', ['project_id', 'position'], unique=False)
    op.create_table('evaluations',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('system', sa.Text(), nullable=False),
    sa.Column('model_id', sa.Text(), nullable=False),
    sa.Column('part', sa.Text(), nullable=False),
    sa.Column('measures', sa.JSON(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('last_seq', sa.BigInteger(), nullable=False),
    sa.Column('run_id', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_evaluations_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_evaluations'))
    )
    op.create_index('ix_evaluations_project', 'evaluations', ['project_id', 'created_at'], unique=False)
    op.create_table('models',
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('location', sa.Text(), nullable=False),
    sa.Column('dimension', sa.Integer(), nullable=False),
    sa.Column('max_length', sa.Integer(), nullable=False),
    sa.Column('query_prompt', sa.Text(), nullable=False),
    sa.Column('document_prompt', sa.Text(), nullable=False),
    sa.Column('base_id', sa.Text(), nullable=True),
    sa.Column('snapshot_id', sa.Text(), nullable=True),
    sa.Column('run_id', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_models_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', 'id', name=op.f('pk_models'))
    )
    op.create_table('projections',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('base_id', sa.Text(), nullable=False),
    sa.Column('tuned_id', sa.Text(), nullable=True),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_projections_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_projections'))
    )
    op.create_index('ix_projections_project', 'projections', ['project_id', 'created_at'], unique=False)
    op.create_table('runs',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('config', sa.JSON(), nullable=False),
    sa.Column('progress', sa.JSON(), nullable=False),
    sa.Column('result', sa.JSON(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.Column('started_at', sa.Float(precision=53), nullable=True),
    sa.Column('finished_at', sa.Float(precision=53), nullable=True),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('cancel_requested', sa.Boolean(), nullable=False),
    sa.Column('worker_id', sa.Text(), nullable=True),
    sa.Column('lease_until', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_runs_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_runs'))
    )
    op.create_index('ix_runs_project', 'runs', ['project_id', 'created_at'], unique=False)
    op.create_index('ix_runs_status', 'runs', ['status', 'created_at'], unique=False)
    op.create_table('snapshots',
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.Column('last_seq', sa.BigInteger(), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_snapshots_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', 'id', name=op.f('pk_snapshots'))
    )
    op.create_table('candidates',
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('anchor_id', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('priority', sa.Float(), nullable=False),
    sa.Column('similarity', sa.Float(), nullable=False),
    sa.Column('ratio', sa.Float(), nullable=True),
    sa.Column('dense_rank', sa.Integer(), nullable=True),
    sa.Column('lexical_rank', sa.Integer(), nullable=True),
    sa.Column('model_id', sa.Text(), nullable=False),
    sa.Column('lease_author', sa.Text(), nullable=True),
    sa.Column('lease_until', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['project_id', 'anchor_id'], ['anchors.project_id', 'anchors.id'], name=op.f('fk_candidates_project_id_anchor_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['project_id', 'document_id'], ['documents.project_id', 'documents.id'], name=op.f('fk_candidates_project_id_document_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_candidates_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', 'anchor_id', 'document_id', name=op.f('pk_candidates'))
    )
    op.create_index('ix_candidates_queue', 'candidates', ['project_id', 'status', 'priority'], unique=False)
    op.create_table('evaluation_scores',
    sa.Column('evaluation_id', sa.Text(), nullable=False),
    sa.Column('anchor_id', sa.Text(), nullable=False),
    sa.Column('measure', sa.Text(), nullable=False),
    sa.Column('value', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['evaluation_id'], ['evaluations.id'], name=op.f('fk_evaluation_scores_evaluation_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('evaluation_id', 'anchor_id', 'measure', name=op.f('pk_evaluation_scores'))
    )
    op.create_table('judgements',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('client_id', sa.Text(), nullable=False),
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('anchor_id', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('grade', sa.Integer(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('shown_at', sa.Float(precision=53), nullable=True),
    sa.Column('decided_at', sa.Float(precision=53), nullable=True),
    sa.Column('active_ms', sa.Integer(), nullable=True),
    sa.Column('undoes', sa.Text(), nullable=True),
    sa.Column('recorded_at', sa.Float(precision=53), nullable=False),
    sa.CheckConstraint('grade >= 0', name=op.f('ck_judgements_grade')),
    sa.ForeignKeyConstraint(['project_id', 'anchor_id'], ['anchors.project_id', 'anchors.id'], name=op.f('fk_judgements_project_id_anchor_id')),
    sa.ForeignKeyConstraint(['project_id', 'document_id'], ['documents.project_id', 'documents.id'], name=op.f('fk_judgements_project_id_document_id')),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_judgements_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_judgements')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_judgements_client', 'judgements', ['project_id', 'client_id'], unique=True)
    op.create_index('ix_judgements_pair', 'judgements', ['project_id', 'anchor_id', 'document_id', 'seq'], unique=False)
    op.execute("""
        CREATE VIEW judgement_state AS
        SELECT j.* FROM judgements j
        WHERE j.label <> 'unjudged' AND j.seq = (
          SELECT max(k.seq) FROM judgements k
          WHERE k.project_id = j.project_id AND k.anchor_id = j.anchor_id AND k.document_id = j.document_id)
    """)


def downgrade() -> None:
    raise NotImplementedError("The first schema has nothing before it.")
