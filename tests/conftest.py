"""What all floors share: an offline hub, a home folder of its own for each test, a small real model, a small project."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes: with all cores each they would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from core.model import Anchor, Document, Judgement, Label, Source
from core.settings import Settings
from core.store import corpus, judgements, open_store, projects
from core.workspace import Workspace

LONGEST = ("ml/test_worker.py", "ml/test_tune_run.py", "ml/test_reranker.py", "e2e/test_demo.py")
"""Files that take minutes, the longest first."""
COLLECTIONS = Path(os.environ.get("PAIRSMITH_COLLECTIONS", Path(__file__).parents[1] / "../shared/collections")).resolve()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first where processes share the files out: one begun last would be waited for by all."""
    if hasattr(config, "workerinput"):
        places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace in an empty home, on SQLite."""
    settings = Settings(home=tmp_path / "home", start_worker=False, lease_s=5.0, poll_s=0.05)
    store = open_store(settings.url)
    yield Workspace(settings, store)
    store.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real model of 32 dimensions, made once."""
    from tests.tiny_model import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def small_project(workspace: Workspace, tiny_model: Path) -> str:
    """A project of 24 documents and 12 anchors; anchor `a3` is answered by document `d3` (fully) and `d15` (partly); base is the tiny model."""
    topics = ["termination", "assignment", "liability", "insurance", "audit", "payment", "interest", "renewal", "warranty", "delivery", "notice", "confidence"]
    documents = [
        Document(f"d{n}", f"The parties agree on {topics[n % 12]} as clause {n} of the {topics[n % 12]} schedule says.", fields={"topic": topics[n % 12]})
        for n in range(24)
    ]
    anchors = [Anchor(f"a{n}", f"What does the contract say on {topics[n]}?") for n in range(12)]
    events = [
        Judgement(f"made-{n}-{document}", f"a{n}", f"d{document}", Label.POSITIVE, grade, Source.IMPORT, "import")
        for n in range(10)
        for document, grade in ((n, 3), (n + 12, 2))
    ]
    with workspace.store.write() as conn:
        projects.add_project(conn, "small", name="Small project", base_model=str(tiny_model))
        corpus.put_documents(conn, "small", documents)
        corpus.put_anchors(conn, "small", anchors)
        judgements.append_judgements(conn, "small", events)
    return "small"


@pytest.fixture(scope="session")
def collections() -> Path:
    """The folder of real test collections; tests that need it are skipped where it is absent."""
    if not (COLLECTIONS / "cranfield" / "corpus.jsonl").exists():
        pytest.skip(f"the test collections are not at {COLLECTIONS} (set PAIRSMITH_COLLECTIONS)")
    return COLLECTIONS
