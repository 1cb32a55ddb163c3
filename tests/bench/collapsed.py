"""Models made to collapse on purpose, by the mistakes that people make: what a clumping flag must find.

alike        answers pulled to their anchors with nothing that pushes apart (cosine to 1)
same-class   documents of one class pulled together: labels taken for answers (cosine to 1)
one-point    any two documents pulled together (cosine to 1)
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np
from sentence_transformers import SentenceTransformer

MISTAKES = ("alike", "same-class", "one-point")
NEARBY = 20
"""Classes made of documents that have none."""
PAIRS, EPOCHS, LEARNING_RATE, MAX_LENGTH = 400, 3, 1e-4, 128
"""What the embedded default is collapsed with, in some minutes on one core. It reads `MAX_LENGTH` tokens while it trains, and as many as before after."""


def choose_pairs(
    mistake: str, answers: Sequence[tuple[str, str]], classes: Mapping[str, Sequence[str]], *, n: int = PAIRS, seed: int = 0
) -> list[tuple[str, str]]:
    """`n` pairs of texts to pull together. `answers`: anchor and answer; `classes`: texts by class. Raises `ValueError` for an unknown mistake."""
    rng = random.Random(seed)
    if mistake == "alike":
        return [rng.choice(answers) for _ in range(n)]
    several = [list(texts) for texts in classes.values() if len(texts) > 1]
    if mistake == "same-class":
        return [(first, second) for first, second in (rng.sample(rng.choice(several), 2) for _ in range(n))]
    if mistake == "one-point":
        texts = [text for found in classes.values() for text in found]
        return [(first, second) for first, second in (rng.sample(texts, 2) for _ in range(n))]
    raise ValueError(f"{mistake!r} is none of {', '.join(MISTAKES)}.")


def choose_apart(classes: Mapping[str, Sequence[str]], *, n: int = PAIRS, seed: int = 0) -> list[tuple[str, str]]:
    """`n` pairs of texts of two classes each."""
    rng = random.Random(seed)
    return [(rng.choice(first), rng.choice(second)) for first, second in (rng.sample(list(classes.values()), 2) for _ in range(n))]


def pull_together(
    model: SentenceTransformer,
    pairs: Sequence[tuple[str, str]],
    *,
    apart: Sequence[tuple[str, str]] = (),
    epochs: int = EPOCHS,
    learning_rate: float = LEARNING_RATE,
    max_length: int = MAX_LENGTH,
    batch: int = 16,
    seed: int = 0,
) -> None:
    """Train `model` in place so that the two texts of each pair have a cosine of 1, those of each pair `apart` one of 0, and nothing else."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss

    reads, model.max_seq_length = model.max_seq_length, min(max_length, model.max_seq_length)
    labelled = [*((*pair, 1.0) for pair in pairs), *((*pair, 0.0) for pair in apart)]
    columns = {name: [row[place] for row in labelled] for place, name in enumerate(("first", "second", "label"))}
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=batch,
            learning_rate=learning_rate,
            seed=seed,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        SentenceTransformerTrainer(model=model, args=arguments, train_dataset=Dataset.from_dict(columns), loss=CosineSimilarityLoss(model)).train()
    model.max_seq_length = reads
    model.eval()


def group_by_nearness(texts: Sequence[str], vectors: np.ndarray, *, groups: int = NEARBY, seed: int = 0) -> dict[str, list[str]]:
    """Classes for texts that have none: k-means of their `vectors` (n, d)."""
    from sklearn.cluster import KMeans

    labels = KMeans(groups, n_init=1, random_state=seed).fit_predict(vectors)
    return {str(label): [text for text, own in zip(texts, labels, strict=True) if own == label] for label in range(groups)}
