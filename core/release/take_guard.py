"""Writing the guard out for an application: a package of plain files that needs numpy and the client of its store, no Pairsmith."""

from __future__ import annotations

import tempfile
from pathlib import Path

from core.model import PairsmithError
from core.release import guard
from core.retrieval import fingerprint

PACKAGE = "pairsmith_guard"


def write_guard(out: Path) -> Path:
    """Write the package `pairsmith_guard` below `out` and return its folder. Raises `PairsmithError` where it is there already."""
    target = out / PACKAGE
    if target.exists():
        raise PairsmithError(f"{target} exists already. Remove it, or name another place.")
    out.mkdir(parents=True, exist_ok=True)
    sources = [*sorted(Path(guard.__file__).parent.glob("*.py")), Path(fingerprint.__file__)]
    with tempfile.TemporaryDirectory(prefix=f".{PACKAGE}-", dir=out) as made:
        beside = Path(made) / PACKAGE
        beside.mkdir()
        for path in sources:
            text = path.read_text(encoding="utf-8")
            (beside / path.name).write_text(text.replace("from core.retrieval.fingerprint import", "from .fingerprint import"), encoding="utf-8")
        beside.rename(target)
    return target
