"""How does the schema of a store get from one version to the next? Steps of Alembic."""
