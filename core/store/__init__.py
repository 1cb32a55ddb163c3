"""The one place that knows the database: tables, engine, migrations, and a module for each concern.

Callers open `store.read()` or `store.write()` and pass the connection to the functions of the modules here.
"""

from core.store.engine import Store, open_store

__all__ = ["Store", "open_store"]
