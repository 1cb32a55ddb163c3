"""The data that Pairsmith ships: a sample project, generic pairs for mixing in, a guard set, a reference set. See README.md beside this file."""

from pathlib import Path

FOLDER = Path(__file__).parent
CONTRACTS = FOLDER / "contracts"
GENERIC_PAIRS = FOLDER / "generic" / "pairs.jsonl"
GUARD = FOLDER / "guard"
REFERENCE_TEXTS = FOLDER / "reference" / "texts.jsonl"
