"""Finding documents: models and their fingerprints, cached vectors, the lexical index, search and fusion."""
