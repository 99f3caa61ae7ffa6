"""Alembic's entry: runs the revisions on the connection that ``upgrade`` gives, inside its transaction."""

from alembic import context

from ringfence.hub.store.base import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
