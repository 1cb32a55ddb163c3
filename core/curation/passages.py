"""What an expert should see first in a text, and what is marked in it: terms shared with the question, and differences from a known answer.

Marks are segments, a text cut into pieces with a kind each; joined, the pieces give the text back letter for letter. English stems, as in the
lexical index. Texts wholly unlike each other would be marked all over, so there only negations, modal verbs and numbers count as differences.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

import Stemmer
from bm25s.stopwords import STOPWORDS_EN

Segment = tuple[str, str]
"""A piece of text and its kind: "" plain, "shared" with the question, "differs" from the answer, or "both"."""

SHORT = 900
"""Characters up to which a text is shown whole."""
WINDOW = 600
"""Characters of the passage shown of a longer one, at most."""
UNLIKE = 0.35
"""Share of words in common, as `difflib` measures it, below which two texts are told apart by `WEIGHTY` words and numbers alone."""
COMPARED = 2000
"""Words up to which two texts are compared word by word: `difflib` takes quadratic time."""

_WORD = re.compile(r"[^\W_]+(?:['’.,/-][^\W_]+)*")
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+|\n+")
_WEIGHTY = (
    "no not nor never none neither nothing without cannot except unless only until before after all any each every both either"
    " must shall should may might can could will would need required optional permitted prohibited"
    " one two three four five six seven eight nine ten twelve fifteen twenty thirty forty forty-five fifty sixty ninety hundred half double"
)
WEIGHTY = frozenset(_WEIGHTY.split())
"""Words that change what a sentence says by themselves; numbers do too."""


_ASKING = "what when where which who whom whose why how do does did has have had can may i we you he she our your from us me my"
_UNASKED = frozenset([*STOPWORDS_EN, *_ASKING.split()])


@dataclass(frozen=True)
class MarkedText:
    """A text in segments: the passage that is shown first, and what stands before and after it; nothing does where the text is short."""

    before: Sequence[Segment]
    passage: Sequence[Segment]
    after: Sequence[Segment]

    @property
    def segments(self) -> list[Segment]:
        """The whole text."""
        return [*self.before, *self.passage, *self.after]


@lru_cache(maxsize=1024)
def mark_text(anchor: str, text: str, other: str | None = None) -> MarkedText:
    """A text with the terms it shares with the question, what differs in it from `other` (nothing without one), and its best passage."""
    words = list(_WORD.finditer(text))
    stems = _stem([word.group() for word in words])
    asked = _ask(anchor)
    shared = {place for place, stem in enumerate(stems) if stem in asked}
    differs = _find_differences(words, other) if other is not None else set()
    start, end = find_passage(text, [(words[place].start(), stems[place]) for place in sorted(shared)])
    segments = _cut(text, words, shared, differs)
    return MarkedText(_slice(segments, 0, start), _slice(segments, start, end), _slice(segments, end, len(text)))


def find_passage(text: str, hits: Sequence[tuple[int, str]]) -> tuple[int, int]:
    """The characters [start, end) of the sentences, `WINDOW` characters at most, in which most different stems of `hits` stand (place, stem).

    Ties: more hits, then the earlier; it begins with the sentence of its first hit. The whole text where it is `SHORT`; its beginning where nothing hits.
    """
    if len(text) <= SHORT:
        return 0, len(text)
    starts = [0, *(match.end() for match in _SENTENCE.finditer(text))]
    best, found = (0, 0, 0), (0, _end_window(text, 0, starts))
    for start in starts:
        end = _end_window(text, start, starts)
        inside = [stem for place, stem in hits if start <= place < end]
        score = (len(set(inside)), len(inside), -start)
        if score[:2] > best[:2]:
            first = min((place for place, _ in hits if start <= place < end), default=start)
            begin = max(place for place in starts if place <= first)
            best, found = score, (begin, _end_window(text, begin, starts))
    return found


def choose_answer(candidate: str, answers: Sequence[str]) -> int | None:
    """The answer that shares most of its words with the candidate, by place; the first on a tie, None where there is none."""
    if not answers:
        return None
    words = set(_words(candidate))
    return max(range(len(answers)), key=lambda place: (_overlap(words, set(_words(answers[place]))), -place))


def _end_window(text: str, start: int, starts: Sequence[int]) -> int:
    """Where the last whole sentence within the window ends; a sentence longer than that is cut at a space."""
    if len(text) - start <= WINDOW:
        return len(text)
    inside = [place for place in starts if start < place <= start + WINDOW]
    if inside:
        return inside[-1]
    space = text.rfind(" ", start + 1, start + WINDOW)
    return space if space > start else start + WINDOW


def _find_differences(words: Sequence[re.Match[str]], other: str) -> set[int]:
    mine = [word.group().casefold() for word in words]
    theirs = _words(other)
    if max(len(mine), len(theirs)) <= COMPARED:
        matcher = SequenceMatcher(None, theirs, mine, autojunk=False)
        if matcher.ratio() >= UNLIKE:
            return {place for tag, _, _, start, end in matcher.get_opcodes() if tag != "equal" for place in range(start, end)}
    known = set(theirs)
    return {place for place, word in enumerate(mine) if word not in known and _is_weighty(word)}


def _is_weighty(word: str) -> bool:
    return word in WEIGHTY or word.endswith(("n't", "n’t")) or any(letter.isdigit() for letter in word)


def _cut(text: str, words: Sequence[re.Match[str]], shared: Collection[int], differs: Collection[int]) -> list[Segment]:
    """The text in segments; what stands between two words that differ belongs to them, so that a phrase is marked as one."""
    segments: list[Segment] = []
    at = 0
    for place, word in enumerate(words):
        kind = _name_kind(place in shared, place in differs)
        _add(segments, text[at : word.start()], "differs" if place - 1 in differs and place in differs else "")
        _add(segments, word.group(), kind)
        at = word.end()
    _add(segments, text[at:], "")
    return segments


def _slice(segments: Sequence[Segment], start: int, end: int) -> list[Segment]:
    """The segments of the characters [start, end)."""
    found: list[Segment] = []
    at = 0
    for piece, kind in segments:
        _add(found, piece[max(0, start - at) : max(0, end - at)], kind)
        at += len(piece)
    return found


def _add(segments: list[Segment], piece: str, kind: str) -> None:
    if piece and segments and segments[-1][1] == kind:
        segments[-1] = (segments[-1][0] + piece, kind)
    elif piece:
        segments.append((piece, kind))


def _name_kind(is_shared: bool, is_different: bool) -> str:
    return ("both" if is_different else "shared") if is_shared else ("differs" if is_different else "")


def _ask(anchor: str) -> set[str]:
    return set(_stem([word for word in _words(anchor) if word not in _UNASKED and len(word) > 1]))


def _words(text: str) -> list[str]:
    return [word.group().casefold() for word in _WORD.finditer(text)]


def _stem(words: Sequence[str]) -> list[str]:
    return list(Stemmer.Stemmer("english").stemWords([word.casefold() for word in words]))


def _overlap(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right) if left | right else 0.0
