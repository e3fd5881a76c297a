"""Commands for administrators: ``python -m server create-admin | verify | …``."""
