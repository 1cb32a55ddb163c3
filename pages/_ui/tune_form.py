"""The knobs of a tuning run, all with defaults that need no touching: those of the recipe for the project's size."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.model import PairsmithError
from core.tuning.config import TuneConfig
from pages._ui.text import escape_label

KNOBS = {
    "knob_method": "method",
    "knob_epochs": "epochs",
    "knob_batch": "batch",
    "knob_rate": "learning_rate",
    "knob_warmup": "warmup",
    "knob_seed": "seed",
    "knob_seeds": "seeds",
    "knob_negatives": "negatives",
    "knob_unreviewed": "unreviewed_negatives",
    "knob_generic": "generic_share",
    "knob_generic_path": "generic_path",
    "knob_grade": "min_grade",
    "knob_loss": "loss",
    "knob_mini_batch": "mini_batch",
    "knob_scale": "scale",
    "knob_frozen": "frozen_layers",
    "knob_lora": "lora_rank",
    "knob_matryoshka": "matryoshka",
    "knob_evaluations": "evaluations",
    "knob_patience": "patience",
    "knob_merge": "merge",
}
"""The setting that each knob sets, by the knob's key."""
LOSS_WORDS = {
    "mnrl": "Plain (one batch at once)",
    "cached_mnrl": "Plain, in mini-batches (less memory, slower)",
    "gist": "Guided by the base model (doubtful wrong answers left out)",
}
METHOD_WORDS = {"whole": "The whole model (minutes to hours)", "adapter": "A query-side adapter (seconds; documents stay as they are)"}
LENGTHS = (32, 64, 128, 256, 384, 512, 768)


def draw_config(default: TuneConfig) -> TuneConfig | None:
    """The settings as chosen, or None, with the reason shown, where they do not go together. `default`: the recipe's."""
    text = (
        "The adapter turns the vectors of questions alone. It needs no new index, forgets nothing about documents, and suits projects with few questions; "
        "with more, the whole model usually learns more. Both are measured on the same held-out questions."
    )
    st.selectbox(
        "What is trained", list(METHOD_WORDS), list(METHOD_WORDS).index(default.method), format_func=METHOD_WORDS.__getitem__, key="knob_method", help=text
    )
    with st.expander("Advanced", icon=":material/tune:"):
        if st.session_state.get("knob_method") == "adapter":
            st.caption("An adapter heeds the lowest grade, the scale and the seed alone.")
        for title, draw in (("What it learns from", _draw_data), ("How it learns", _draw_learning), ("What may change", _draw_weights)):
            st.markdown(f"**{title}**")
            draw(default, *st.columns(2))
    try:
        return read_config(default)
    except PairsmithError as error:
        st.error(escape_label(str(error)), icon=":material/error:")
        return None


def read_config(default: TuneConfig) -> TuneConfig:
    """The settings as they stand in the knobs at this moment, the default's where none was drawn. Raises `PairsmithError` where they do not go together.

    For callbacks: a button's arguments are those of the draw before, while a knob may have been turned in the same rerun.
    """
    values: dict[str, Any] = default.to_json()
    for knob, name in KNOBS.items():
        if knob in st.session_state:
            chosen = st.session_state[knob]
            values[name] = chosen if values[name] is None or chosen is None else type(values[name])(chosen)
    return TuneConfig.from_json(values)


def _draw_data(default: TuneConfig, left: Any, right: Any) -> None:
    with left:
        text = "Reviewed hard negatives shown with each answer, at most. 0 learns from answers alone."
        st.number_input("Hard negatives a pair", 0, 10, default.negatives, key="knob_negatives", help=text)
        text = "3 answers fully, 2 partly, 1 touches the question. An anchor with only lower grades keeps its best."
        st.number_input("Lowest grade to learn from", 1, 3, default.min_grade, key="knob_grade", help=text)
        text = "Fills pairs up with mined candidates that nobody has reviewed. Some of them are answers: the run and its model say how many there were."
        st.toggle("Add unreviewed negatives", default.unreviewed_negatives, key="knob_unreviewed", help=text)
    with right:
        text = "Everyday question–answer pairs mixed in, so that the model does not forget general knowledge."
        st.slider("Share of everyday pairs", 0.0, 0.5, default.generic_share, 0.05, key="knob_generic", help=text)
        text = (
            "A JSON Lines file on the machine of the worker, one pair a line with query, pos and neg (as MS MARCO has them). Empty: the pairs that come along."
        )
        st.text_input("File of everyday pairs", default.generic_path, key="knob_generic_path", placeholder="The pairs that come along", help=text)


def _draw_learning(default: TuneConfig, left: Any, right: Any) -> None:
    with left:
        text = "How often the run goes through all training pairs (epochs). The best moment is kept, so more rounds cost time rather than quality."
        st.number_input("Rounds", 1, 50, default.epochs, key="knob_epochs", help=text)
        text = "Pairs a step. The other pairs' documents serve as wrong answers, so larger is harder, and needs more memory."
        st.number_input("Batch size", 2, 4096, default.batch, key="knob_batch", help=text)
        text = "How far each step moves the model. 2e-5 to 5e-5 is usual; higher learns faster and forgets more. Low-rank adapters want ten times as much."
        st.number_input("Learning rate", 1e-7, 0.01, default.learning_rate, step=1e-5, format="%.1e", key="knob_rate", help=text)
        text = "Share of the steps over which the learning rate rises to its full height."
        st.slider("Warm-up share", 0.0, 0.5, default.warmup, 0.05, key="knob_warmup", help=text)
        text = "How often development NDCG@5 is measured; the best of these moments becomes the model."
        st.number_input("Measurements on the way", 1, 100, default.evaluations, key="knob_evaluations", help=text)
        text = "Ends the run after so many measurements without a new best. It can only where there are more measurements than this; 0 goes on to the end."
        st.number_input("Patience", 0, 100, default.patience, key="knob_patience", help=text)
    with right:
        text = (
            "What a step asks of the model: the answer before all other documents of the batch. In mini-batches the same takes less memory and more time. "
            "Guided leaves out documents that the base model finds nearer than the answer, reviewed negatives too: for data with few of them."
        )
        st.selectbox("Loss", list(LOSS_WORDS), list(LOSS_WORDS).index(default.loss), format_func=LOSS_WORDS.__getitem__, key="knob_loss", help=text)
        text = "Pairs in memory at once where the loss works in mini-batches (all but the plain one)."
        st.number_input("Mini-batch size", 1, 1024, default.mini_batch, key="knob_mini_batch", help=text)
        text = "How sharply the loss separates near from nearest (inverse temperature). Empty: what suits the base model, 50 for bge and 20 for all others."
        st.number_input("Scale", 1.0, 100.0, default.scale, step=5.0, key="knob_scale", placeholder="The base model's own", help=text)
        text = "Fixes everything random. The same seed, settings and judgements give the same model."
        st.number_input("Seed", 0, 2**31 - 1, default.seed, key="knob_seed", help=text)
        text = "Trains again with other seeds, to see how far luck moves the result. A gain must then be above twice that spread."
        st.number_input("Seeds to try", 1, 5, default.seeds, key="knob_seeds", help=text)


def _draw_weights(default: TuneConfig, left: Any, right: Any) -> None:
    with left:
        text = "Mixes tuned and base weights by the share that does best on development anchors and forgets little. Takes a minute or two more."
        st.toggle("Blend with the base model", default.merge, key="knob_merge", help=text)
        text = "Also makes the first numbers of a vector good by themselves (Matryoshka), so that it can be cut to these lengths in a search engine."
        st.multiselect("Shorter vectors", LENGTHS, list(default.matryoshka), key="knob_matryoshka", placeholder="Full length only", help=text)
    with right:
        text = "Leaves the embeddings and so many of the first layers as they are: faster, forgets less, learns less. 0 trains everything."
        st.number_input("Frozen layers", 0, 100, default.frozen_layers, key="knob_frozen", help=text)
        text = (
            "Trains small low-rank adapters (LoRA) instead of the weights and merges them at the end: less memory, a milder change. 8 or 16 is usual; 0 "
            "trains the weights themselves. Needs `pip install 'pairsmith[lora]'`."
        )
        st.number_input("Adapter rank", 0, 256, default.lora_rank, key="knob_lora", help=text)
