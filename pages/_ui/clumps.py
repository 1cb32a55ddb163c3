"""The clump flag and its figures on the screen: the word, the reasons, and every figure with a sentence on what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.clump_words import TRUTH, WORDS, count_noise, say_search
from pages._ui.text import escape_label

FLAGS = {
    "green": (st.success, ":material/check_circle:", WORDS["green"]),
    "note": (st.info, ":material/info:", WORDS["note"]),
    "amber": (st.warning, ":material/warning:", WORDS["amber"]),
    "red": (st.error, ":material/error:", WORDS["red"]),
    "none": (st.info, ":material/help:", WORDS["none"]),
}
_PR = "How many directions of the space carry the spread of the texts. A share well under 100 % of the base's means the space collapsed."
_RC = "How much nearer a text's neighbours are than any other text. Well under 100 % of the base's means neighbours no longer stand out."
_KEPT = "Share of a text's ten nearest neighbours that both models agree on, on average. Measured in the original space."
_MOVED = (
    "How far half of the documents moved on the map at least, over the same when the base is drawn again with another random seed (the noise floor). "
    "It says how much was rearranged, not whether that is good: it has no part in the flag."
)
_MC = "Mean cosine of all pairs. A shift alone moves scores, not the order: it matters where fixed cut-offs are used."


def show_flag(figures: Mapping[str, Any], name: str = "") -> None:
    """The flag with its word, colour and icon, the reasons under it, and where the verdict comes from; `name`: the model that it is about."""
    draw, icon, word = FLAGS[figures.get("verdict", "none")]
    reasons = list(figures.get("reasons", []))
    listed = "\n".join(f"- {reason}" for reason in reasons) + f"\n\n{TRUTH}" if len(reasons) > 1 else " ".join([*reasons, TRUTH])
    draw(f"### {word}\n{listed}", icon=icon)
    if name:
        st.caption(f"Tuned is {escape_label(name)}.")


def show_comparison(figures: Mapping[str, Any]) -> None:
    """Both spaces as a table of shares of the base, then how far the map moved against the method's own noise."""
    spaces = [(word, figures["global"][key]) for key, word in (("documents", "Documents"), ("reference", "General language")) if key in figures["global"]]
    table = pd.DataFrame(
        {
            "Texts": [word for word, _ in spaces],
            "Participation ratio": [_share(space["participation_ratio"]) for _, space in spaces],
            "Relative contrast": [_share(space["relative_contrast"]) for _, space in spaces],
            "Mean cosine, base": [space["mean_cosine"]["base"] for _, space in spaces],
            "Mean cosine, tuned": [space["mean_cosine"]["tuned"] for _, space in spaces],
            "Neighbours kept": [_percent(space.get("neighbour_overlap")) for _, space in spaces],
        }
    )
    config = {
        "Texts": st.column_config.TextColumn(help="The project's documents, and a bundled set of everyday texts that no tuning saw."),
        "Participation ratio": st.column_config.TextColumn(help=f"{_PR} With its 95 % interval."),
        "Relative contrast": st.column_config.TextColumn(help=f"{_RC} With its 95 % interval."),
        "Mean cosine, base": st.column_config.NumberColumn(format="%.3f", help=_MC),
        "Mean cosine, tuned": st.column_config.NumberColumn(format="%.3f", help=_MC),
        "Neighbours kept": st.column_config.TextColumn(help=_KEPT),
    }
    st.caption("Participation ratio and relative contrast are given as a share of the base's, with their 95 % intervals.")
    st.dataframe(table, hide_index=True, column_config=config, alt="Clumping figures of documents and general language, tuned against base")
    times = count_noise(figures)
    columns = st.columns(2)
    columns[0].metric("Neighbours kept", _percent(figures["global"].get("neighbour_overlap")), help=_KEPT)
    columns[1].metric("Movement on the map", _number(times, ".1f") + (" × chance" if times is not None else ""), help=_MOVED)
    show_absolute(figures["global"].get("absolute", {}))
    if recall := say_recall(figures):
        st.caption(recall)


def show_absolute(spaces: Mapping[str, Mapping[str, float | None]]) -> None:
    """The figures themselves, beside those of random vectors; nothing for a map that was drawn before there was such a control."""
    if not spaces:
        return
    names = {"base": "Base", "tuned": "Tuned", "random": "Random vectors"}
    table = pd.DataFrame(
        {
            "Documents under": [names[key] for key in names if key in spaces],
            "Participation ratio": [spaces[key].get("participation_ratio") for key in names if key in spaces],
            "Relative contrast": [spaces[key].get("relative_contrast") for key in names if key in spaces],
            "Mean cosine": [spaces[key].get("mean_cosine") for key in names if key in spaces],
        }
    )
    config = {
        "Participation ratio": st.column_config.NumberColumn(format="%.1f", help=_PR),
        "Relative contrast": st.column_config.NumberColumn(format="%.2f", help=_RC),
        "Mean cosine": st.column_config.NumberColumn(format="%.3f", help=_MC),
    }
    chance = spaces.get("random", {}).get("neighbour_overlap")
    shared = "" if chance is None else f" Two random spaces would share {chance:.1%} of their neighbours."
    st.caption(f"The figures themselves, and those of as many random vectors, which tell nothing apart.{shared}")
    st.dataframe(table, hide_index=True, column_config=config, alt="Figures of base, tuned and random vectors")


def say_recall(figures: Mapping[str, Any]) -> str:
    """Whether the neighbours that places and "Neighbours kept" rest on are exact; empty for a map that does not say."""
    recall = [share for share in figures.get("map_recall", {}).values() if share is not None]
    if not recall:
        return ""
    if min(recall) == 1:
        return "Neighbours are exact."
    return f"There are too many documents for exact neighbours: of the true nearest, {min(recall):.1%} were found (measured on a sample against exact search)."


def show_search(figures: Mapping[str, Any]) -> None:
    """What tuning did to search, and whether questions lie apart from documents, each as a sentence."""
    for sentence in (say_search(figures["global"].get("ndcg@5")), say_gap(figures.get("gap", {}))):
        if sentence:
            st.text(sentence)


def say_gap(gap: Mapping[str, Mapping[str, float | None]]) -> str:
    """Whether questions and documents lie apart under both models, and whether bringing them together would find more."""
    base, tuned = gap.get("base"), gap.get("tuned")
    if not base or not tuned or base.get("distance") is None or tuned.get("distance") is None:
        return ""
    apart = (
        f"Questions lie {tuned['distance']:.2f} apart from the documents under tuned and {base['distance']:.2f} under base (0 is not at all, 2 is opposite)."
    )
    gain, low = tuned.get("gain") or 0.0, tuned.get("low")
    if low is not None and low > 0:
        cost = f"That costs answers: bringing both sides together raises NDCG@5 on {tuned['n']} development questions by {gain:.3f}."
    else:
        cost = f"That costs no answers: bringing both sides together does not surely raise NDCG@5 on {tuned['n']} development questions ({gain:+.3f})."
    return f"{apart} {cost} {tuned.get('orphans') or 0.0:.0%} of the documents are among the ten nearest of none of these questions."


def show_single(space: Mapping[str, Any], random: Mapping[str, float | None]) -> None:
    """One model's figures, where there is nothing to compare with but `random` vectors."""
    columns = st.columns(3)
    columns[0].metric("Participation ratio", _number(space.get("participation_ratio"), ".1f"), help=_PR)
    columns[1].metric("Relative contrast", _number(space.get("relative_contrast"), ".2f"), help=_RC)
    columns[2].metric("Mean cosine", _number(space.get("mean_cosine"), ".3f"), help=_MC)
    if random:
        ratio, contrast = _number(random.get("participation_ratio"), ".1f"), _number(random.get("relative_contrast"), ".2f")
        st.caption(f"As many random vectors, which tell nothing apart, have a participation ratio of {ratio} and a relative contrast of {contrast}.")


def _share(ratio: Mapping[str, float | None]) -> str:
    if ratio.get("value") is None:
        return "not measured"
    interval = f" ({ratio['low']:.0%} to {ratio['high']:.0%})" if ratio.get("low") is not None and ratio.get("high") is not None else ""
    return f"{ratio['value']:.0%}{interval}"


def _percent(value: float | None) -> str:
    return _number(value, ".0%")


def _number(value: float | None, form: str) -> str:
    return "not measured" if value is None else f"{value:{form}}"
