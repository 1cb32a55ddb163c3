"""`train`: pairs a second of a training, against the script of the library's own guide, and the development NDCG@5 and memory of both.

Same base model, rows, columns, loss, scale, rate, batch size, steps of warm-up, rounds, seed, and as many measurements on the same development anchors.
Theirs is a `SentenceTransformerTrainer` with an `InformationRetrievalEvaluator`, checkpoints at each measurement, as ours has them. Each runs in a process of
its own, one after the other; loading and the data are not timed, measuring is: theirs over all documents, ours as a run measures, over those near an anchor.
The development NDCG@5 printed is over all documents for both. Everyday pairs and blending are left out of ours, as theirs has neither.
Rows and documents are evenly spaced ones of the collection's, so that both together take minutes; how many they are stands in the notes.
"""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sample_data
from core.curation.snapshot import read_snapshot, take_snapshot
from core.curation.split import ensure_split
from core.ingest.beir import read_beir
from core.ingest.bundle import store_bundle
from core.model import ModelRecord, Part
from core.retrieval.encoder import BATCH_TOKENS, Encoder, embed_anchors, embed_documents, load_transformer, pack_by_length
from core.retrieval.models import EMBEDDED_DEFAULT, ensure_base_model
from core.retrieval.tokens import count_tokens
from core.settings import Settings
from core.store import corpus, open_store, projects
from core.tuning.config import TuneConfig
from core.tuning.cost import read_peak_gb
from core.tuning.dataset import Row as TrainingRow
from core.tuning.dataset import build_rows, group_by_count
from core.tuning.held_out import HeldOut, measure_held_out, narrow, read_held_out
from core.tuning.train import train_model
from core.workspace import Workspace
from tests.bench.harness import Row
from tests.conftest import COLLECTIONS

UNEVEN = "stackfaq"
MOST = 256
"""Rows trained on, and documents measured over beside the answers to the development anchors."""
CONFIG = TuneConfig(epochs=2, batch=32, learning_rate=3e-5, negatives=2, generic_share=0.0, evaluations=4, patience=0, merge=False)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Task:
    """What both are given."""

    record: ModelRecord
    rows: list[TrainingRow]
    all_rows: int
    """How many there are that the rows were taken from."""
    dev: HeldOut
    near: HeldOut
    """What ours measures over while it trains."""


@dataclass(frozen=True)
class Result:
    """What one training took and reached."""

    seconds: float
    evaluating_s: float
    cpu_s: float
    """Seconds that its processor cores worked: hardly moved by what else the machine does."""
    dev: float
    peak_gb: float


def thin_out(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of them, evenly spaced."""
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def gather(home: Path, folder: Path, most: int) -> Task:
    """At most so many of a BEIR folder's training rows, of one number of negatives as a plain data set needs them, and its development anchors."""
    settings = Settings(home=home)
    workspace = Workspace(settings, open_store(settings.url))
    with workspace.store.write() as conn:
        projects.add_project(conn, "bench", base_model=EMBEDDED_DEFAULT)
        store_bundle(conn, "bench", read_beir(folder))
    record = ensure_base_model(workspace, "bench", EMBEDDED_DEFAULT)
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, "bench")
    ensure_split(workspace, "bench")
    snapshot = read_snapshot(workspace, take_snapshot(workspace, "bench").id)
    rows = max(group_by_count(build_rows(snapshot, CONFIG)).values(), key=len)
    needed = {document_id for anchor in snapshot.part(Part.DEV) for document_id in anchor.positives}
    needed |= {document.id for document in thin_out(documents, most)}
    shown = [document for document in documents if document.id in needed]
    dev = read_held_out(snapshot, shown, Part.DEV)
    near = narrow(dev, embed_anchors(workspace, record, dev.anchors), embed_documents(workspace, record, shown))
    workspace.store.close()
    return Task(record, thin_out(rows, most), len(rows), dev, near)


def train_ours(task: Task) -> Result:
    """As a run trains, from the loaded model to its best checkpoint."""
    with tempfile.TemporaryDirectory() as work:
        began, worked = time.perf_counter(), time.process_time()
        trained = train_model(task.record, task.rows, [], task.near, CONFIG, Path(work), lambda *_: None, lambda *_: True)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - worked
    return Result(seconds, trained.evaluating_s, cpu_s, measure_held_out(Encoder(task.record, trained.model), task.dev), read_peak_gb() or 0.0)


def train_plainly(task: Task) -> Result:
    """As the library's guide trains."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers

    evaluating: list[float] = []

    class Timed(InformationRetrievalEvaluator):  # type: ignore[misc]
        def __call__(self, *given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return super().__call__(*given, **named)
            finally:
                evaluating.append(time.perf_counter() - began)

    model = load_transformer(task.record)
    columns = {"anchor": [row.anchor for row in task.rows], "positive": [row.positive for row in task.rows]}
    for place in range(len(task.rows[0].negatives)):
        columns[f"negative_{place + 1}"] = [row.negatives[place] for row in task.rows]
    relevant = {name: {item for item, grade in grades.items() if grade > 0} for name, grades in task.dev.qrels.items()}
    evaluator = Timed(
        dict(zip(task.dev.anchor_ids, task.dev.anchors, strict=True)),
        {document.id: document.content for document in task.dev.documents},
        relevant,
        name="dev",
        ndcg_at_k=[5],
        write_csv=False,
    )
    steps = -(-len(task.rows) // CONFIG.batch) * CONFIG.epochs
    every = -(-steps // CONFIG.evaluations)
    with tempfile.TemporaryDirectory() as work:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=work,
            num_train_epochs=CONFIG.epochs,
            per_device_train_batch_size=CONFIG.batch,
            learning_rate=CONFIG.learning_rate,
            warmup_steps=CONFIG.warmup,
            batch_sampler=BatchSamplers.NO_DUPLICATES,
            eval_strategy="steps",
            eval_steps=every,
            save_strategy="steps",
            save_steps=every,
            save_total_limit=2,
            load_best_model_at_end=True,
            metric_for_best_model="eval_dev_cosine_ndcg@5",
            logging_steps=10,
            seed=CONFIG.seed,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        loss = MultipleNegativesRankingLoss(model, scale=20.0)
        began, worked = time.perf_counter(), time.process_time()
        evaluator(model)
        SentenceTransformerTrainer(model, arguments, train_dataset=Dataset.from_dict(columns), loss=loss, evaluator=evaluator).train()
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - worked
    return Result(seconds, sum(evaluating), cpu_s, measure_held_out(Encoder(task.record, model.eval()), task.dev), read_peak_gb() or 0.0)


def measure_padding(task: Task) -> tuple[float, float]:
    """Tokens computed over tokens there are, of the answers in batches as drawn: padded to the longest, and in packs."""
    count = count_tokens(task.record)
    assert count is not None
    lengths = [min(length, task.record.max_length) for length in count([row.positive for row in task.rows])]
    random.Random(CONFIG.seed).shuffle(lengths)
    batches = [lengths[start : start + CONFIG.batch] for start in range(0, len(lengths), CONFIG.batch)]
    padded = sum(len(batch) * max(batch) for batch in batches)
    packed = sum(len(rows) * batch[rows[0]] for batch in batches for rows in pack_by_length(batch, BATCH_TOKENS, len(batch)))
    return padded / sum(lengths), packed / sum(lengths)


def run_uneven() -> Row:
    """The same on part of a collection whose texts are of very unequal length; skipped, which is said, where the collection is absent."""
    if not (COLLECTIONS / UNEVEN).is_dir():
        note = f"skipped: the test collections are not at {COLLECTIONS} (set PAIRSMITH_COLLECTIONS)"
        return Row("train-uneven", 0.0, None, None, "≥ 1.5", note)
    return run(folder=COLLECTIONS / UNEVEN, name="train-uneven")


def run(most: int = MOST, *, folder: Path = sample_data.CONTRACTS, name: str = "train") -> Row:
    """Train both, on the same rows: at most so many."""
    with tempfile.TemporaryDirectory() as home:
        task = gather(Path(home), folder, most)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
            theirs, ours = (pool.submit(work, task).result() for work in (train_plainly, train_ours))
    pairs = len(task.rows) * CONFIG.epochs

    def describe(result: Result) -> str:
        training_s = result.seconds - result.evaluating_s
        return (
            f"{pairs / result.seconds:.1f} pairs/s ({pairs / training_s:.1f} without measuring), development NDCG@5 {result.dev:.3f}, "
            f"peak {result.peak_gb:.2f} GB, {result.cpu_s:.0f} s of processor time"
        )

    size = f"{len(task.rows)} of {task.all_rows} rows, {CONFIG.epochs} rounds, batch {CONFIG.batch}, {len(task.dev.documents)} documents"
    padded, packed = measure_padding(task)
    size += f", tokens computed {packed:.2f} of those there are, {padded:.2f} padded"
    notes = f"{size}; ours {describe(ours)}; theirs {describe(theirs)}"
    return Row(name, ours.seconds, theirs.seconds, theirs.seconds / ours.seconds, "≥ 1.5", notes)
