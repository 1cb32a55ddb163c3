"""The words that set a group of documents apart from all others: what a hotspot is called.

    w(t, c) = √tf(t, c) · log(1 + A / f(t))

tf: share of t among the words of group c; f: how often t stands in all groups; A: mean number of words of a group. Class TF-IDF of Grootendorst 2022,
"BERTopic" (arXiv 2203.05794), with the root that its `reduce_frequent_words` takes: without it "shall" leads in every contract. The documents in no group
are one group more. Words of under three letters, figures and English function words are left out.
Tie rule: weight descending, then alphabetical. No group, or one without words, gives no terms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST = 6
"""Terms that name a group."""


def name_rows(groups: Sequence[Sequence[int]], texts: Sequence[str]) -> list[list[str]]:
    """The terms of groups of rows of `texts`; the texts in none of them are the others."""
    if not groups:
        return []
    inside = {row for rows in groups for row in rows}
    return name_groups([[texts[row] for row in rows] for rows in groups], [text for row, text in enumerate(texts) if row not in inside])


def name_groups(groups: Sequence[Sequence[str]], others: Sequence[str] = (), *, most: int = MOST) -> list[list[str]]:
    """Up to `most` terms of each group of texts, the most telling first; lower case. `others`: the texts that are in no group."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    classes = [" ".join(texts) for texts in (*groups, others)]
    vectorizer = CountVectorizer(stop_words=list(ENGLISH_STOP_WORDS), token_pattern=r"(?u)\b[^\W\d_]{3,}\b")
    try:
        counts = vectorizer.fit_transform(classes).toarray().astype(np.float64)  # (groups + 1, words)
    except ValueError:  # no word anywhere
        return [[] for _ in groups]
    words = vectorizer.get_feature_names_out().tolist()
    lengths = counts.sum(axis=1, keepdims=True)
    weights = np.sqrt(counts / np.maximum(lengths, 1)) * np.log1p(lengths.mean() / counts.sum(axis=0))
    order = np.argsort(-weights[: len(groups)], axis=1, kind="stable")[:, :most]  # the vocabulary is in alphabetical order
    return [[words[place] for place in row if weights[group, place] > 0] for group, row in enumerate(order.tolist())]
