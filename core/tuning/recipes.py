"""Which settings suit how many training anchors: one frozen configuration a size, with the reason in plain words.

The sizes follow what the field reports for small encoders; below `MIN_TRAIN_ANCHORS` there is no recipe, but a word on what is missing and what helps
meanwhile. Any setting can be changed after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.model import PairsmithError
from core.tuning.config import MIN_TRAIN_ANCHORS, TuneConfig

AUTO = "auto"


@dataclass(frozen=True)
class Recipe:
    """Settings for so many training anchors, from `least` to below `most`."""

    name: str
    title: str
    least: int
    most: int | None
    config: TuneConfig | None
    """None where tuning is not advised."""
    why: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the command line prints them."""
        return {**vars(self), "config": self.config.to_json() if self.config else None}


RECIPES = (
    Recipe(
        "none",
        "Do not tune yet",
        0,
        MIN_TRAIN_ANCHORS,
        None,
        "So few questions are learned by heart rather than from. Until there are more, searching by words and by meaning together, and a reranker on top, "
        "gain more than tuning and need no training.",
    ),
    Recipe(
        "small",
        "Few questions",
        MIN_TRAIN_ANCHORS,
        300,
        TuneConfig(),
        "Two rounds over small batches, two reviewed negatives a pair, everyday pairs mixed in. The result is blended with the base model, "
        "since a few hundred pairs pull a model far and make it forget. A query-side adapter takes seconds and is worth trying first.",
    ),
    Recipe(
        "medium",
        "Some hundred questions",
        300,
        2_000,
        TuneConfig(epochs=3, batch=64, mini_batch=32, loss="cached_mnrl", learning_rate=2e-5, negatives=3, evaluations=4, patience=2),
        "With more questions, larger batches set more documents against each other, and a lower rate is enough. The batch is worked through in halves, "
        "so that it needs no more memory.",
    ),
    Recipe(
        "large",
        "Thousands of questions",
        2_000,
        None,
        TuneConfig(epochs=2, batch=256, mini_batch=32, loss="cached_mnrl", learning_rate=2e-5, negatives=3, evaluations=10),
        "Two rounds over large batches, worked through in pieces. Afterwards mine once more with the tuned model and review what it finds: the mistakes it "
        "still makes are the best next negatives.",
    ),
)


def choose_recipe(anchors: int) -> Recipe:
    """The recipe for so many training anchors."""
    return next(recipe for recipe in RECIPES if recipe.most is None or anchors < recipe.most)


def find_recipe(name: str, anchors: int) -> Recipe:
    """The recipe of this name, or with `auto` the one for so many training anchors. Raises `PairsmithError` for a name there is not."""
    if name == AUTO:
        return choose_recipe(anchors)
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise PairsmithError(f"There is no recipe {name!r}. Choose {AUTO}, or one of {', '.join(recipe.name for recipe in RECIPES if recipe.config)}.")


def explain_missing(anchors: int) -> str:
    """What is missing before tuning is worth it, and what to do meanwhile, for fewer than `MIN_TRAIN_ANCHORS` training anchors."""
    return (
        f"{anchors} anchors are in training, {MIN_TRAIN_ANCHORS - anchors} fewer than the {MIN_TRAIN_ANCHORS} that tuning needs at least: label answers of "
        f"about {round((MIN_TRAIN_ANCHORS - anchors) / 0.6)} more anchors, as part of them is held out. {RECIPES[0].why}"
    )
