"""The database: models, migrations, and one module of queries per noun. Only the server writes to it."""
