"""The knobs of a tuning run, all with defaults that need no touching."""

from __future__ import annotations

import streamlit as st

from core.model import PairsmithError
from core.tuning.config import TuneConfig
from pages._ui.text import escape_label

KNOBS = {
    "knob_epochs": "epochs",
    "knob_batch": "batch",
    "knob_rate": "learning_rate",
    "knob_warmup": "warmup",
    "knob_seed": "seed",
    "knob_negatives": "negatives",
    "knob_generic": "generic_share",
    "knob_grade": "min_grade",
    "knob_scale": "scale",
    "knob_evaluations": "evaluations",
    "knob_merge": "merge",
}
"""The setting that each knob sets, by the knob's key."""


def draw_config() -> TuneConfig | None:
    """The settings as chosen, or None, with the reason shown, where they do not go together."""
    default = TuneConfig()
    with st.expander("Advanced", icon=":material/tune:"):
        left, right = st.columns(2)
        with left:
            st.number_input(
                "Rounds",
                1,
                50,
                default.epochs,
                key="knob_epochs",
                help="How often the run goes through all training pairs (epochs). The best moment is kept, so more rounds cost time rather than quality.",
            )
            st.number_input(
                "Batch size",
                2,
                4096,
                default.batch,
                key="knob_batch",
                help="Pairs a step. The other pairs' documents serve as wrong answers, so larger is harder, and needs more memory.",
            )
            st.number_input(
                "Learning rate",
                1e-7,
                0.01,
                default.learning_rate,
                step=1e-5,
                format="%.1e",
                key="knob_rate",
                help="How far each step moves the model. 2e-5 to 5e-5 is usual; higher learns faster and forgets more.",
            )
            st.slider(
                "Warm-up share",
                0.0,
                0.5,
                default.warmup,
                0.05,
                key="knob_warmup",
                help="Share of the steps over which the learning rate rises to its full height.",
            )
            st.number_input(
                "Seed", 0, 2**31 - 1, default.seed, key="knob_seed", help="Fixes everything random. The same seed, settings and judgements give the same model."
            )
        with right:
            st.number_input(
                "Hard negatives a pair",
                0,
                10,
                default.negatives,
                key="knob_negatives",
                help="Reviewed hard negatives shown with each answer, at most. 0 learns from answers alone.",
            )
            st.slider(
                "Share of everyday pairs",
                0.0,
                0.5,
                default.generic_share,
                0.05,
                key="knob_generic",
                help="Everyday question–answer pairs mixed in, so that the model does not forget general knowledge.",
            )
            st.number_input(
                "Lowest grade to learn from",
                1,
                3,
                default.min_grade,
                key="knob_grade",
                help="3 answers fully, 2 partly, 1 touches the question. An anchor with only lower grades keeps its best.",
            )
            st.number_input(
                "Scale",
                1.0,
                100.0,
                default.scale,
                step=5.0,
                key="knob_scale",
                help="How sharply the loss separates near from nearest (inverse temperature): 20 suits MiniLM, 50 suits bge.",
            )
            st.number_input(
                "Measurements on the way",
                1,
                100,
                default.evaluations,
                key="knob_evaluations",
                help="How often development NDCG@5 is measured; the best of these moments becomes the model.",
            )
            st.toggle(
                "Blend with the base model",
                default.merge,
                key="knob_merge",
                help="Mixes tuned and base weights by the share that does best on development anchors and forgets little. Takes a minute or two more.",
            )
    try:
        return read_config()
    except PairsmithError as error:
        st.error(escape_label(str(error)), icon=":material/error:")
        return None


def read_config() -> TuneConfig:
    """The settings as they stand in the knobs at this moment, defaults where none was drawn. Raises `PairsmithError` where they do not go together.

    For callbacks: a button's arguments are those of the draw before, while a knob may have been turned in the same rerun.
    """
    default = TuneConfig().to_json()
    return TuneConfig(**{name: type(default[name])(st.session_state.get(knob, default[name])) for knob, name in KNOBS.items()})
