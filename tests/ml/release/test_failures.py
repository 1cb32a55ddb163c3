"""What may go wrong around a re-index. Each ends with the old version serving and a message that says what to do."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from core.jobs.engine import LocalEngine
from core.model import Document, ModelRecord, NotFound, PairsmithError, RunKind
from core.release import reindex as module
from core.release.guard import FilesReader, GuardedIndex, IndexRefused
from core.release.live import look_at_live, roll_back, search_live
from core.release.plan import Standing, make_plan
from core.release.probes import encode_with
from core.release.store import ReleaseRefused, StoreFailed
from core.release.stores.faiss_files import FaissFiles
from core.retrieval.encoder import Encoder, embed_anchors
from core.retrieval.fingerprint import fingerprint_folder
from core.retrieval.models import describe_model
from core.retrieval.vectors import Floats
from core.store import corpus
from core.workspace import Workspace
from tests.ml.release.conftest import Quiet

Bring = Callable[..., dict[str, Any]]
QUESTION = "What does the contract say on insurance?"


def ask(files: FaissFiles, record: ModelRecord, fingerprint: str = "") -> list[tuple[str, float]]:
    """Open and ask the live index as an application does."""
    reader = FilesReader(files.root.parent, files.alias)
    return GuardedIndex(reader, encode_with(Encoder(record)), fingerprint or record.id).search([QUESTION], 3)[0]


class Stopped(Exception):
    """The run was cancelled."""


class StopsAt(Quiet):
    """Cancels the run at a step of a stage."""

    def __init__(self, stage: str, step: int = 0) -> None:
        super().__init__()
        self.wanted = (stage, step)

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        super().stage(message, total, step)
        if self.wanted == (message, 0):
            raise Stopped

    def report(self, step: int, *rest: Any, **figures: Any) -> None:
        if self.wanted == (self.stages[-1], step):
            raise Stopped


def test_a_whole_release_and_the_way_back(files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    first, heard = bring(old), Quiet()
    second = bring(new, speaker=heard)
    stages = ["Planning", "Building the new version", "Encoding documents", "Writing vectors", "Verifying", "Switching the alias", "Asking the live index"]
    assert heard.stages == stages
    assert all(check["holds"] for check in heard.figures["checks"])
    assert (second["previous"], second["written"], second["encoded"]) == (first["version"], 24, 24)
    found = ask(files, new)
    assert len(found) == 3
    assert roll_back(files) == (second["version"], first["version"])
    assert ask(files, old) != found
    again = bring(new)
    assert (again["version"], again["written"], again["encoded"], again["was_live"]) == (second["version"], 0, 0, False)
    assert bring(new)["was_live"]
    assert look_at_live(files).rollback_to == first["version"]


def test_a_changed_corpus_makes_a_version_of_its_own_and_encodes_only_what_is_new(workspace: Workspace, bring: Bring, old: ModelRecord) -> None:
    first = bring(old)
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "small", [Document("d3", "A clause that was rewritten."), Document("d99", "A clause that is new.")])
    second = bring(old)
    assert second["version"] != first["version"]
    assert (second["documents"], second["written"], second["encoded"], second["previous"]) == (25, 25, 2, first["version"])


def test_other_weights_of_the_same_dimension_are_refused_by_fingerprint_and_by_probes(
    files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord
) -> None:
    bring(old)
    with pytest.raises(IndexRefused, match=r"cannot be compared, though both have 32 numbers.*Load the model"):
        ask(files, new)
    with pytest.raises(IndexRefused, match=r"A probe text .* encodes to another vector"):
        ask(files, new, fingerprint=old.id)
    assert len(ask(files, old)) == 3


def test_an_application_that_runs_while_the_alias_is_switched_is_refused_rather_than_answered_wrongly(
    files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord
) -> None:
    bring(old)
    index = GuardedIndex(FilesReader(files.root.parent, files.alias), encode_with(Encoder(old)), old.id)
    before = index.search([QUESTION], 3)
    bring(new)
    with pytest.raises(IndexRefused, match="cannot be compared"):
        index.search([QUESTION], 3)
    roll_back(files)
    assert index.search([QUESTION], 3) == before


def test_another_dimension_is_refused_before_the_database_is_asked(files: FaissFiles, bring: Bring, old: ModelRecord) -> None:
    bring(old)
    encode = encode_with(Encoder(old))

    def short(texts: list[str], role: str) -> Floats:
        return encode(texts, role)[:, :16]

    with pytest.raises(IndexRefused, match="holds vectors of 32 numbers, this model makes 16"):
        GuardedIndex(FilesReader(files.root.parent, files.alias), short, old.id)


def test_a_half_filled_version_never_serves_and_is_filled_up_by_the_next_run(files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    first = bring(old)
    with pytest.raises(Stopped):
        bring(new, batch=5, speaker=StopsAt("Writing vectors", 10))
    half = next(version for version in look_at_live(files).versions if not version.is_live)
    assert (half.state, half.count, look_at_live(files).name) == ("building", 10, first["version"])
    with pytest.raises(ReleaseRefused, match=r"was never finished.*Start the re-index again"):
        roll_back(files, half.name)
    assert len(ask(files, old)) == 3
    assert bring(new, batch=5)["written"] == 14


def test_documents_lost_from_the_live_version_are_noticed_and_mended(files: FaissFiles, bring: Bring, old: ModelRecord) -> None:
    live = bring(old)["version"]
    lines = (files.root / live / "ids.jsonl").read_bytes().splitlines(keepends=True)
    (files.root / live / "ids.jsonl").write_bytes(b"".join(lines[:20]))
    files.close()
    assert "holds 20 documents, its manifest says 24" in look_at_live(files).fault
    assert bring(old)["written"] == 4
    assert look_at_live(files).fault == ""


def test_vectors_of_another_model_inside_a_version_keep_it_from_going_live(files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    """A foreign writer that shares the dimension: no database would notice."""
    first = bring(old)
    with pytest.raises(Stopped):
        bring(new, speaker=StopsAt("Verifying"))
    half = next(version for version in look_at_live(files).versions if not version.is_live)
    files.upsert(half.name, ["d0", "d7", "d9"], np.asarray(Encoder(old).encode(["one", "two", "three"])))
    files.seal(half.name)
    with pytest.raises(ReleaseRefused, match=rf"was not put live.*Stored vectors.*{first['version']} still serves.*Drop {half.name}"):
        bring(new)
    assert look_at_live(files).name == first["version"]
    assert len(ask(files, old)) == 3


def test_a_database_that_goes_away_in_the_middle(files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    bring(old)
    away = files.root.with_name("away")

    class GoesAway(FaissFiles):
        def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
            if self.count(name) == 10:
                self.root.rename(away)
            super().upsert(name, ids, vectors)

    store = GoesAway(files.root.parent, "clauses")
    with pytest.raises(StoreFailed, match=r"cannot be used.*moved or unmounted.*start again.*Nothing that is live was changed"):
        bring(new, store, batch=5)
    store.close()
    away.rename(files.root)
    assert len(ask(files, old)) == 3
    assert bring(new, FaissFiles(files.root.parent, "clauses"))["written"] == 14


def test_two_at_once_in_one_home_take_turns_or_are_refused(
    workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bring(old)
    monkeypatch.setattr(module, "LOCK_WAIT_S", 0.0)
    with FileLock(workspace.home / "release" / "small.lock"), pytest.raises(ReleaseRefused, match=r"Another re-index .* under way.*Wait for it"):
        bring(new)
    assert look_at_live(files).name == first["version"]
    engine = LocalEngine(workspace)
    engine.enqueue_alone("small", RunKind.REINDEX, {})
    with pytest.raises(PairsmithError, match="A reindex run of this project is queued already"):
        engine.enqueue_alone("small", RunKind.REINDEX, {})


def test_two_at_once_from_two_homes_the_second_finds_the_alias_moved_and_switches_nothing(
    files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord
) -> None:
    first = bring(old)

    class MeetsAnother(Quiet):
        def stage(self, message: str, total: int = 0, step: int = 0) -> None:
            if message == "Switching the alias":
                other = "clauses_0123456789_00000000"
                shutil.copytree(files.root / first["version"], files.root / other)
                FaissFiles(files.root.parent, "clauses").switch_alias(other, first["version"])

    with pytest.raises(ReleaseRefused, match=r"points at clauses_0123456789_00000000 now: somebody else switched.*start again"):
        bring(new, speaker=MeetsAnother())
    assert files.read_alias() == "clauses_0123456789_00000000"


def test_threads_that_switch_at_once_leave_one_winner(files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    names = [bring(old)["version"], bring(new)["version"]]
    outcomes: list[str] = []

    def switch() -> None:
        try:
            FaissFiles(files.root.parent, "clauses").switch_alias(names[0], names[1])
            outcomes.append("switched")
        except ReleaseRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=switch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["switched"]


def test_an_alias_that_is_gone_is_told_and_pointed_back(workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    first = bring(old)
    (files.root / "CURRENT").unlink()
    live = look_at_live(files)
    assert (live.name, live.rollback_to) == (None, first["version"])
    assert "is gone: nothing is served. Point it back" in live.fault
    assert "is gone" in make_plan(workspace, "small", new, files).warnings[0]
    with pytest.raises(IndexRefused, match=r"its alias is not there.*rollback"):
        ask(files, old)
    assert roll_back(files) == (None, first["version"])
    assert len(ask(files, old)) == 3


def test_an_alias_that_goes_while_the_new_version_is_built_is_not_guessed(files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    first = bring(old)

    class LosesAlias(Quiet):
        def stage(self, message: str, total: int = 0, step: int = 0) -> None:
            if message == "Verifying":
                (files.root / "CURRENT").unlink()

    with pytest.raises(ReleaseRefused, match=r"points at nothing now: somebody else switched or removed it"):
        bring(new, speaker=LosesAlias())
    assert roll_back(files, first["version"]) == (None, first["version"])


def test_a_manifest_edited_by_hand_keeps_its_version_from_being_asked_and_gone_back_to(
    workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord
) -> None:
    first, second = bring(old), bring(new)
    path = files.root / first["version"] / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"fingerprint": new.id}), encoding="utf-8")
    with pytest.raises(ReleaseRefused, match=r"edited after it was written.*go back to another version"):
        roll_back(files)
    assert look_at_live(files).name == second["version"]
    with pytest.raises(ReleaseRefused, match="edited after it was written"):
        bring(old)
    assert len(ask(files, new)) == 3


def test_a_manifest_of_the_live_version_edited_by_hand_is_told_and_the_next_release_mends_it(
    workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord
) -> None:
    first = bring(old)
    path = files.root / first["version"] / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"count": 24', '"count": 23'), encoding="utf-8")
    assert "edited after it was written" in look_at_live(files).fault
    with pytest.raises(IndexRefused, match="edited"):
        ask(files, old)
    with pytest.raises(ReleaseRefused, match="edited"):
        search_live(workspace, "small", files, QUESTION)
    assert "cannot be trusted" in make_plan(workspace, "small", new, files).warnings[0]
    bring(new)
    assert look_at_live(files).fault == ""


def test_a_live_index_that_cannot_be_asked_once_it_is_live_is_switched_back(files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    first = bring(old)

    class SpoilsAfterSwitch(FaissFiles):
        def switch_alias(self, name: str, expected: str | None) -> None:
            super().switch_alias(name, expected)
            if expected == first["version"]:
                (self.root / name / "ids.jsonl").write_bytes(b"")
                self.close()

    with pytest.raises(ReleaseRefused, match=rf"could not be asked once it was live, so {first['version']} was put back"):
        bring(new, SpoilsAfterSwitch(files.root.parent, "clauses"))
    assert len(ask(files, old)) == 3


def test_model_files_that_changed_since_they_were_registered_are_refused(
    workspace: Workspace, files: FaissFiles, bring: Bring, new: ModelRecord, tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "copy")
    record = describe_model(str(folder))
    bring(record)
    shutil.copy(Path(new.location) / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(ReleaseRefused, match=r"they were changed since.*tune again"):
        bring(record)
    shutil.rmtree(folder)
    with pytest.raises(NotFound, match="Restore them from a backup"):
        bring(record)
    assert look_at_live(files).fault == ""


def test_the_plan_says_what_would_change_and_writes_nothing(workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord) -> None:
    plan = make_plan(workspace, "small", old, files)
    assert (plan.standing, plan.live, plan.documents, plan.to_encode, plan.to_write) == (Standing.NEW, None, 24, 24, 24)
    assert not files.root.exists()
    first = bring(old)
    plan = make_plan(workspace, "small", new, files)
    assert (plan.standing, plan.live, plan.live_model, plan.to_write, plan.bytes) == (Standing.NEW, first["version"], "old model", 24, 24 * 32 * 4)
    assert make_plan(workspace, "small", old, files).standing == Standing.LIVE


def test_the_search_box_asks_the_live_index_by_the_model_that_made_it(workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord) -> None:
    with pytest.raises(ReleaseRefused, match="Nothing is live yet"):
        search_live(workspace, "small", files, QUESTION)
    bring(old)
    embed_anchors(workspace, old, [QUESTION])
    record, hits = search_live(workspace, "small", files, QUESTION, 4)
    assert record.id == old.id
    assert [(hit.document.id, round(hit.score, 4)) for hit in hits[:3]] == [(item, round(score, 4)) for item, score in ask(files, old)]


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")


CHANGES: dict[str, Callable[[Path], object]] = {
    "pooling": lambda folder: change_json(folder / "1_Pooling" / "config.json", pooling_mode="cls"),
    "prompt": lambda folder: change_json(folder / "config_sentence_transformers.json", prompts={"query": "ask: ", "document": ""}),
    "maximum length": lambda folder: change_json(folder / "sentence_bert_config.json", max_seq_length=16),
    "tokenizer": lambda folder: change_json(folder / "tokenizer_config.json", do_lower_case=False),
    "truncation": lambda folder: change_json(folder / "config_sentence_transformers.json", truncate_dim=32),
    "truncation of texts": lambda folder: change_json(
        folder / "tokenizer.json", truncation={"direction": "Left", "max_length": 64, "strategy": "LongestFirst", "stride": 0}
    ),
    "precision": lambda folder: halve_precision(folder / "model.safetensors"),
    "normalisation": lambda folder: rewrite(folder / "modules.json", lambda modules: modules[:-1]),
    "weights": lambda folder: halve_precision(folder / "model.safetensors", scale=1.001),
}


def change_json(path: Path, **values: object) -> None:
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(found | values), encoding="utf-8")


def halve_precision(path: Path, scale: float = 0.0) -> None:
    from safetensors.numpy import load_file, save_file

    save_file({name: (array * scale if scale else array.astype(np.float16)) for name, array in load_file(path).items()}, path, metadata={"format": "pt"})


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_differs_in_anything_that_moves_vectors_is_refused(
    files: FaissFiles, bring: Bring, old: ModelRecord, tiny_model: Path, tmp_path: Path, change: str
) -> None:
    bring(old)
    folder = shutil.copytree(tiny_model, tmp_path / "changed")
    CHANGES[change](folder)
    record = describe_model(str(folder))
    with pytest.raises(IndexRefused, match="cannot be compared"):
        ask(files, record)


def test_a_precision_that_is_said_to_be_another_is_refused(files: FaissFiles, bring: Bring, old: ModelRecord) -> None:
    bring(old)
    use = {"query_prompt": old.query_prompt, "document_prompt": old.document_prompt, "max_length": old.max_length}
    assert fingerprint_folder(Path(old.location), **use, precision="float32") == old.id
    with pytest.raises(IndexRefused, match="cannot be compared"):
        ask(files, old, fingerprint_folder(Path(old.location), **use, precision="int8"))


@pytest.mark.parametrize("change", ["pooling", "prompt", "maximum length", "tokenizer", "truncation of texts"])
def test_what_an_application_does_otherwise_is_refused_by_the_probes_alone(
    files: FaissFiles, bring: Bring, old: ModelRecord, tiny_model: Path, tmp_path: Path, change: str
) -> None:
    """As where the files are the same, but the library that reads them is not."""
    bring(old)
    folder = shutil.copytree(tiny_model, tmp_path / "changed")
    CHANGES[change](folder)
    with pytest.raises(IndexRefused, match=r"A probe text .* encodes to another vector .*the model's library, prompts or longest text differ"):
        ask(files, describe_model(str(folder)), fingerprint=old.id)


def test_a_model_in_another_folder_with_other_dates_is_the_same(files: FaissFiles, bring: Bring, old: ModelRecord, tiny_model: Path, tmp_path: Path) -> None:
    bring(old)
    folder = shutil.copytree(tiny_model, tmp_path / "another name", copy_function=shutil.copyfile)
    (folder / "README.md").write_text("another card", encoding="utf-8")
    assert len(ask(files, replace(describe_model(str(folder)), name="x"))) == 3
