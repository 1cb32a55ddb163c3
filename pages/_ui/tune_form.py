"""The knobs of a tuning run, all with defaults that need no touching."""

from __future__ import annotations

import streamlit as st

from core.model import PairsmithError
from core.tuning.config import TuneConfig
from pages._ui.text import escape_label


def draw_config() -> TuneConfig | None:
    """The settings as chosen, or None, with the reason shown, where they do not go together."""
    default = TuneConfig()
    with st.expander("Advanced", icon=":material/tune:"):
        left, right = st.columns(2)
        with left:
            epochs = st.number_input(
                "Rounds",
                1,
                50,
                default.epochs,
                key="knob_epochs",
                help="How often the run goes through all training pairs (epochs). The best moment is kept, so more rounds cost time rather than quality.",
            )
            batch = st.number_input(
                "Batch size",
                2,
                4096,
                default.batch,
                key="knob_batch",
                help="Pairs a step. The other pairs' documents serve as wrong answers, so larger is harder, and needs more memory.",
            )
            rate = st.number_input(
                "Learning rate",
                1e-7,
                0.01,
                default.learning_rate,
                step=1e-5,
                format="%.1e",
                key="knob_rate",
                help="How far each step moves the model. 2e-5 to 5e-5 is usual; higher learns faster and forgets more.",
            )
            warmup = st.slider(
                "Warm-up share",
                0.0,
                0.5,
                default.warmup,
                0.05,
                key="knob_warmup",
                help="Share of the steps over which the learning rate rises to its full height.",
            )
            seed = st.number_input(
                "Seed", 0, 2**31 - 1, default.seed, key="knob_seed", help="Fixes everything random. The same seed, settings and judgements give the same model."
            )
        with right:
            negatives = st.number_input(
                "Hard negatives a pair",
                0,
                10,
                default.negatives,
                key="knob_negatives",
                help="Reviewed hard negatives shown with each answer, at most. 0 learns from answers alone.",
            )
            generic = st.slider(
                "Share of everyday pairs",
                0.0,
                0.5,
                default.generic_share,
                0.05,
                key="knob_generic",
                help="Everyday question–answer pairs mixed in, so that the model does not forget general knowledge.",
            )
            grade = st.number_input(
                "Lowest grade to learn from",
                1,
                3,
                default.min_grade,
                key="knob_grade",
                help="3 answers fully, 2 partly, 1 touches the question. An anchor with only lower grades keeps its best.",
            )
            scale = st.number_input(
                "Scale",
                1.0,
                100.0,
                default.scale,
                step=5.0,
                key="knob_scale",
                help="How sharply the loss separates near from nearest (inverse temperature): 20 suits MiniLM, 50 suits bge.",
            )
            evaluations = st.number_input(
                "Measurements on the way",
                1,
                100,
                default.evaluations,
                key="knob_evaluations",
                help="How often development NDCG@5 is measured; the best of these moments becomes the model.",
            )
            merge = st.toggle(
                "Blend with the base model",
                default.merge,
                key="knob_merge",
                help="Mixes tuned and base weights by the share that does best on development anchors and forgets little. Takes a minute or two more.",
            )
    try:
        return TuneConfig(
            epochs=int(epochs),
            batch=int(batch),
            learning_rate=float(rate),
            warmup=float(warmup),
            negatives=int(negatives),
            generic_share=float(generic),
            scale=float(scale),
            min_grade=int(grade),
            evaluations=int(evaluations),
            merge=bool(merge),
            seed=int(seed),
        )
    except PairsmithError as error:
        st.error(escape_label(str(error)), icon=":material/error:")
        return None
