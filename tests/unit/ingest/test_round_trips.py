"""Every form: a random project exported, imported into an empty one and exported again gives the same content, as far as the form carries it, and bytes."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import datasets
import ir_measures
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.ingest.content import Content, group_texts, read_content
from core.ingest.export import SHAPES, Form, export_project, render_download
from core.ingest.lines import find_id_fault
from core.ingest.read import import_path
from core.ingest.tables import guard_cell, unguard_cell
from core.ingest.upload import read_upload
from core.model import Anchor, Document, Judgement, Label, PairsmithError, Part, Source
from core.store import Store, corpus, judgements, open_store, projects
from core.workspace import Workspace

_SERIAL = itertools.count()
HARD = [
    "=1+1",
    "+x",
    "-5",
    "@sum",
    "'=quoted",
    "''-",
    "\ttab",
    "\rcr",
    "\nline",
    'say "so"',
    "a,b;c|d\te",
    "two\r\nlines\rmore\n",
    " edge ",
    "é",
    "é",
    "\u2028",
    "\x0b\x1f",
    "\ufeffmark",
]
CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
TEXT = st.one_of(st.sampled_from(HARD), st.text(CHARACTERS, min_size=1, max_size=12)).filter(lambda text: text.strip())
ID = st.one_of(
    st.sampled_from(["1", "01", "a", "\u0430", "A", "é", "é", "a/b", "=1", "-x", "id", "x" * 500]), st.text(CHARACTERS, min_size=1, max_size=6)
).filter(lambda text: text.strip() and find_id_fault(text) is None and len(text.split()) == 1)
FIELDS = st.dictionaries(
    st.one_of(st.sampled_from(["id", "text", "title", "field: x", "=f", "Body", "question"]), ID.filter(lambda name: name not in ("group", "part"))),
    TEXT,
    max_size=2,
)


@st.composite
def projects_of_any_kind(draw: st.DrawFn) -> tuple[list[Document], list[Anchor], list[Judgement]]:
    documents = [
        Document(name, draw(TEXT), draw(st.one_of(st.just(""), TEXT)), draw(FIELDS)) for name in draw(st.lists(ID, min_size=1, max_size=4, unique=True))
    ]
    ids = draw(st.lists(ID, min_size=1, max_size=3, unique=True))
    parts = st.one_of(st.none(), st.sampled_from(Part))
    anchors = [Anchor(name, draw(TEXT), draw(parts), draw(st.one_of(st.none(), st.sampled_from(ids))), draw(FIELDS)) for name in ids]
    pairs = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from([doc.id for doc in documents])), max_size=8, unique=True))
    events = []
    for anchor_id, document_id in pairs:
        label = draw(st.sampled_from(list(Label)[:5]))
        shown = draw(st.one_of(st.none(), st.just({"positives": [["d", "h"]], "ratio": 0.5, "view": "panel"})))
        events.append(
            Judgement(
                f"e{next(_SERIAL)}", anchor_id, document_id, label, draw(st.integers(1, 4)) if label == Label.POSITIVE else 0, draw(st.sampled_from(Source)),
                draw(TEXT), draw(TEXT), draw(TEXT), 1.25, 2.5, 700, None, events[0].client_id if events else None, shown,
            )
        )  # fmt: skip
    return documents, anchors, events


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    from core.settings import Settings

    chosen = Settings(home=tmp_path_factory.mktemp("home"), start_worker=False)
    store: Store = open_store(chosen.url)
    yield Workspace(chosen, store)
    store.close()


def store_project(space: Workspace, documents: list[Document], anchors: list[Anchor], events: list[Judgement] = ()) -> str:
    name = f"p{next(_SERIAL)}"
    with space.store.write() as conn:
        projects.add_project(conn, name, base_model="none")
        corpus.put_documents(conn, name, documents)
        corpus.put_anchors(conn, name, anchors)
        corpus.set_parts(conn, name, {anchor.id: anchor.part for anchor in anchors if anchor.part})
        for place, event in enumerate(events):
            judgements.append_judgements(conn, name, [event], now=1000.5 + place // 2)
    return name


def read_bytes(path: Path) -> dict[str, bytes]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}


def whole(content: Content) -> tuple[object, ...]:
    return list(content.documents.values()), list(content.anchors), content.grades()


def by_ids_of_answered(content: Content) -> object:
    """What the pair file carries: anchors that have an answer, the contents of their documents, and the grades."""
    rows = content.answered()
    used = {item.document_id for _, answers, others in rows for item in (*answers, *others)}
    return (
        {name: content.documents[name].content for name in used},
        [replace(anchor, fields={}) for anchor, _, _ in rows],
        {anchor.id: content.grades()[anchor.id] for anchor, _, _ in rows},
    )


def by_texts(content: Content) -> object:
    return [replace(group, part=None) for group in group_texts(content)]


def by_texts_and_parts(content: Content) -> object:
    found = [replace(group, part=group.part or Part.TRAIN) for group in group_texts(content)]
    return sorted(found, key=lambda group: group.anchor)


def by_texts_with_negatives(content: Content) -> object:
    return [group for group in by_texts(content) if group.negatives]


CARRIES: dict[Form, Callable[[Content], object]] = {
    Form.PAIRS: by_ids_of_answered,
    Form.TRIPLETS: by_texts_with_negatives,
    Form.TUPLES: by_texts,
    Form.DATASETS: by_texts_and_parts,
    Form.BEIR: whole,
    Form.CSV: whole,
}


def round_trip(space: Workspace, source: str, form: Form, target: str) -> None:
    """Export, import into `target`, export again; the bytes are the same and a second import changes nothing."""
    folder = space.folder("trips", str(next(_SERIAL)))
    out = folder / f"first.{SHAPES[form].ending}" if not SHAPES[form].is_folder else folder / "first"
    is_empty = not (group_texts if form != Form.TRIPLETS else by_texts_with_negatives)(read_content(space, source))
    if is_empty and SHAPES[form].needs_answers and form != Form.QRELS:
        with pytest.raises(PairsmithError, match="nothing to export"):
            export_project(space, source, form, out)
        return
    export_project(space, source, form, out)
    import_path(space, target, out)
    again = folder / "again"
    export_project(space, target, form, again)
    assert list(read_bytes(again).values()) == list(read_bytes(out).values())
    assert sum(import_path(space, target, out).changed.values()) == 0
    shutil.rmtree(folder)


CHECKS = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("form", CARRIES)
def test_a_project_comes_back_as_far_as_the_form_carries_it(space: Workspace, form: Form) -> None:
    @settings(CHECKS, max_examples=12 if form == Form.DATASETS else 40)
    @given(projects_of_any_kind())
    def check(made: tuple[list[Document], list[Anchor], list[Judgement]]) -> None:
        source, target = store_project(space, *made), store_project(space, [], [])
        before = CARRIES[form](read_content(space, source))
        round_trip(space, source, form, target)
        after = CARRIES[form](read_content(space, target))
        if form in (Form.BEIR, Form.CSV) or any(read_content(space, source).answered()):
            assert after == before

    check()


@CHECKS
@given(projects_of_any_kind())
def test_judgements_alone_come_back_where_their_records_are(space: Workspace, made: tuple[list[Document], list[Anchor], list[Judgement]]) -> None:
    source, target = store_project(space, *made), store_project(space, made[0], made[1])
    if not read_content(space, source).grades():
        return
    round_trip(space, source, Form.QRELS, target)
    assert read_content(space, target).grades() == read_content(space, source).grades()


@CHECKS
@given(projects_of_any_kind())
def test_the_log_comes_back_with_who_when_and_what_was_shown(space: Workspace, made: tuple[list[Document], list[Anchor], list[Judgement]]) -> None:
    source, target = store_project(space, *made), store_project(space, made[0], made[1])
    out = space.folder("logs") / f"{next(_SERIAL)}.jsonl"
    export_project(space, source, Form.LOG, out)
    if not made[2]:
        return
    assert import_path(space, target, out).changed["judgements"] == len(made[2])
    assert import_path(space, target, out).changed["judgements"] == 0
    with space.store.read() as conn:
        logs = [[replace(event, seq=None) for event in judgements.read_log(conn, name)] for name in (source, target)]
        states = [[replace(item, seq=None) for item in judgements.read_state(conn, name)] for name in (source, target)]
    assert logs[0] == logs[1]
    assert states[0] == states[1]


@given(st.one_of(st.sampled_from(HARD), st.text(CHARACTERS)))
def test_a_guarded_cell_is_no_formula_and_comes_back(text: str) -> None:
    assert not guard_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguard_cell(guard_cell(text)) == text


DOCUMENTS = [Document("d1", "one"), Document("d2", "two"), Document("d3", "three"), Document("d4", "=four", "+T", {"a": "@x"})]
ANCHORS = [Anchor("a1", "first", Part.TRAIN), Anchor("a2", "second", Part.TEST, "a1"), Anchor("a3", "third")]
EVENTS = [
    Judgement("1", "a1", "d1", Label.POSITIVE, 3),
    Judgement("2", "a1", "d2", Label.HARD_NEGATIVE),
    Judgement("3", "a1", "d3", Label.HARD_NEGATIVE),
    Judgement("4", "a2", "d4", Label.POSITIVE, 2),
    Judgement("5", "a2", "d1", Label.AMBIGUOUS),
    Judgement("6", "a2", "d2", Label.SKIPPED),
    Judgement("7", "a2", "d3", Label.CANNOT_JUDGE),
]


def test_the_data_sets_are_read_by_the_library_itself(space: Workspace) -> None:
    out = space.folder("out") / "datasets"
    assert export_project(space, store_project(space, DOCUMENTS, ANCHORS, EVENTS), Form.DATASETS, out) == 2
    none, two = datasets.load_from_disk(str(out / "negatives_0")), datasets.load_from_disk(str(out / "negatives_2"))
    assert {part: found.to_list() for part, found in none.items()} == {"test": [{"anchor": "second", "positive": "+T =four"}]}
    assert two["train"].to_list() == [{"anchor": "first", "positive": "one", "negative_1": "three", "negative_2": "two"}]


def test_the_judgements_are_read_by_ir_measures(space: Workspace) -> None:
    out = space.folder("out") / "judgements.qrels"
    export_project(space, store_project(space, DOCUMENTS, ANCHORS, EVENTS), Form.QRELS, out)
    found = [tuple(item)[:3] for item in ir_measures.read_trec_qrels(str(out))]
    assert found == [("a1", "d1", 3), ("a1", "d2", 0), ("a1", "d3", 0), ("a2", "d4", 2)]


@pytest.mark.parametrize("form", [form for form in Form if form != Form.LOG])
def test_what_is_ambiguous_skipped_or_undecided_is_in_no_form_to_train_on(space: Workspace, form: Form) -> None:
    source = store_project(space, DOCUMENTS, ANCHORS, [event for event in EVENTS if event.client_id in ("4", "5", "6", "7", "1", "2")])
    bundle = read_upload(f"x.{SHAPES[form].ending}", render_download(space, source, form), known_of(space, source))
    assert len(bundle.judgements) == (2 if form == Form.TRIPLETS else 3)


def known_of(space: Workspace, project: str) -> object:
    from core.ingest.known import read_known

    return read_known(space, project)


def test_an_export_is_whole_or_not_there(space: Workspace) -> None:
    folder = space.folder("whole")
    project = store_project(space, [Document("has space", "x")], [Anchor("a", "y")], [Judgement("1", "a", "has space", Label.POSITIVE, 1)])
    with pytest.raises(PairsmithError, match="cannot carry the id 'has space'"):
        export_project(space, project, Form.QRELS, folder / "out.qrels")
    with pytest.raises(PairsmithError, match="nothing to export as triplets"):
        export_project(space, project, Form.TRIPLETS, folder / "out.jsonl")
    assert list(folder.iterdir()) == []
    (folder / "there").write_text("x")
    with pytest.raises(PairsmithError, match="exists already"):
        export_project(space, project, Form.PAIRS, folder / "there")


def test_a_spreadsheet_is_given_no_formula(space: Workspace) -> None:
    out = space.folder("out") / "tables"
    export_project(space, store_project(space, DOCUMENTS, ANCHORS, EVENTS), Form.CSV, out)
    assert (out / "documents.csv").read_bytes().splitlines()[-1] == b'"d4","\'+T","\'=four","\'@x"'
