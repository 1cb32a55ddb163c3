"""Hugging Face `datasets`: a `DatasetDict` a number of hard negatives, saved by `save_to_disk`, with the parts of the split as its splits.

MultipleNegativesRankingLoss wants the same columns in every row of a data set, so rows stand in `negatives_0`, `negatives_1` and so on by how many hard
negatives they carry, as `anchor`, `positive`, `negative_1`, … An anchor without a part yet stands in `train`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from core.ingest.content import Content, group_texts
from core.model import Part


def write_datasets(content: Content, folder: Path) -> int:
    """Write the data sets below `folder`, which is made. Returns how many rows. The same content gives the same bytes."""
    from datasets import Dataset, DatasetDict
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    rows: dict[int, dict[Part, list[dict[str, str]]]] = {}
    for group in group_texts(content):
        numbered = {f"negative_{place}": text for place, text in enumerate(group.negatives, start=1)}
        part_rows = rows.setdefault(len(group.negatives), {}).setdefault(group.part or Part.TRAIN, [])
        part_rows += [{"anchor": group.anchor, "positive": positive, **numbered} for positive in group.positives]
    folder.mkdir(parents=True)
    for count, parts in sorted(rows.items()):
        made = {}
        for part in Part:
            if part in parts:
                columns = {name: [row[name] for row in parts[part]] for name in parts[part][0]}
                table = Dataset.from_dict(columns)
                # the library's own fingerprint differs from run to run
                digest = hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:16]
                made[part.value] = Dataset(table.data, info=table.info, fingerprint=digest)
        DatasetDict(made).save_to_disk(str(folder / f"negatives_{count}"))
    return sum(len(found) for parts in rows.values() for found in parts.values())
