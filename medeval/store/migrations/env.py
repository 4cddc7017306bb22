"""What Alembic runs: applies the versions over the connection that `medeval.store.database` hands in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
