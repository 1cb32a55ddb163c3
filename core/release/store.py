"""What every vector database must do here, and what it says when it cannot. One implementation a module in `core.release.stores`.

A store holds physical versions of one alias. Writing never touches the live one: a version is built under a name of its own, and the alias is switched in
one move that names the version it expects to replace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from core.model import NotFound, PairsmithError
from core.release.guard.manifest import BUILDING, COMPLETE, Manifest, ManifestFault, parse_manifest, write_manifest
from core.retrieval.vectors import Floats


class StoreFailed(PairsmithError):
    """The database did not do what it was asked: away, refused, or full."""


class StoreHeld(StoreFailed):
    """Another process has the files of an embedded database open, maybe for a moment."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Another process has this {what} open. Close it, or use a server, which many may ask. Nothing that is live was changed.")


class ReleaseRefused(PairsmithError):
    """A step that would put the index in danger."""


class Store(Protocol):
    """One alias and its versions in one database. Names come from `core.release.plan.name_version`; vectors are rows (n, d) float32, L2-normalised."""

    alias: str

    def read_alias(self) -> str | None:
        """The live version's name, or None."""

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version, or None where there is no such version."""

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query (q, d) the k documents of highest cosine, best first, ties by id ascending."""

    def list_names(self) -> list[str]:
        """The versions there are, finished or not."""

    def create(self, name: str, dimension: int, manifest_text: str) -> None:
        """Make an empty version."""

    def put_manifest_text(self, name: str, text: str) -> None:
        """Replace a version's manifest."""

    def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
        """Write a batch; an id that is there already gets the new vector."""

    def list_ids(self, name: str) -> set[str]:
        """The documents a version holds."""

    def count(self, name: str) -> int:
        """How many documents a version holds."""

    def seal(self, name: str) -> None:
        """Make what was written whole and searchable."""

    def switch_alias(self, name: str, expected: str | None) -> None:
        """Point the alias at a version in one move. Raises `ReleaseRefused` where it does not point at `expected` now."""

    def drop(self, name: str) -> None:
        """Delete a version that nothing points at."""

    def measure_bytes(self, name: str) -> int | None:
        """The size of a version on disk, or None where the database does not tell."""

    def explain(self, error: Exception) -> str | None:
        """What an error of the database's client means, in plain words with what to do; None for an error that is not its own."""

    def close(self) -> None:
        """Let go of the connection."""


class SizeUnknown:
    """What stores share whose database does not tell how large a version is."""

    def measure_bytes(self, name: str) -> int | None:
        """None: nobody knows."""
        return None


@dataclass(frozen=True)
class Version:
    """A version as a listing shows it. `fault` says why its manifest cannot be trusted; then `manifest` is None."""

    name: str
    is_live: bool
    manifest: Manifest | None
    fault: str
    count: int
    bytes: int | None

    @property
    def state(self) -> str:
        """`complete`, `building`, or `unknown` for one without a manifest to trust."""
        return self.manifest.state if self.manifest else "unknown"


@contextmanager
def explaining(store: Store) -> Iterator[None]:
    """Errors of the database's client come out as `StoreFailed` in plain words; all others as they are."""
    try:
        yield
    except PairsmithError:
        raise
    except Exception as error:
        words = store.explain(error)
        if words is None:
            raise
        raise StoreFailed(f"{words} Nothing that is live was changed.") from error


def quote_error(error: object) -> str:
    """A client's own words, on one line of at most 300 characters."""
    return " ".join(str(error).split())[:300]


def read_manifest(store: Store, name: str) -> Manifest:
    """The manifest of a version. Raises `NotFound` where there is none, `ReleaseRefused` where it cannot be trusted."""
    text = store.read_manifest_text(name)
    if text is None:
        raise NotFound(f"There is no version {name!r} of {store.alias!r}, or it has no manifest. `pairsmith release status` lists the versions.")
    try:
        manifest = parse_manifest(text)
    except ManifestFault as fault:
        raise ReleaseRefused(f"{name}: {fault}") from fault
    if manifest.name != name:
        raise ReleaseRefused(f"{name} carries the manifest of {manifest.name}: it was copied by hand. Build it again, or go back to another version.")
    return manifest


def read_complete(store: Store, name: str) -> Manifest:
    """The manifest of a finished version. Raises as `read_manifest`, and `ReleaseRefused` for one that was never finished or lost documents since."""
    manifest = read_manifest(store, name)
    if manifest.state != COMPLETE:
        raise ReleaseRefused(f"{name} was never finished (state {manifest.state}). Start the re-index again: it goes on from what is there.")
    count = store.count(name)
    if count != manifest.count:
        raise ReleaseRefused(f"{name} holds {count:,} documents, its manifest says {manifest.count:,}: it was changed since. Build it again.")
    return manifest


def put_manifest(store: Store, manifest: Manifest) -> None:
    """Write a version's manifest."""
    store.put_manifest_text(manifest.name, write_manifest(manifest))


def check_expected(found: str | None, expected: str | None, alias: str) -> None:
    """Raise `ReleaseRefused` where the alias does not point where it did when the work was planned."""
    if found != expected:
        was, now = expected or "nothing", found or "nothing"
        raise ReleaseRefused(
            f"The alias {alias!r} pointed at {was} when this began and points at {now} now: somebody else switched or removed it meanwhile. "
            "Nothing was switched. Look at `pairsmith release status`, then start again."
        )


def list_versions(store: Store) -> list[Version]:
    """Every version, the newest first (by its manifest), those without a manifest to trust last."""
    live = store.read_alias()
    found = []
    for name in store.list_names():
        manifest, fault = None, ""
        try:
            manifest = read_manifest(store, name)
        except PairsmithError as error:
            fault = str(error)
        found.append(Version(name, name == live, manifest, fault, store.count(name), store.measure_bytes(name)))
    return sorted(found, key=lambda item: (-(item.manifest.created_at if item.manifest else 0.0), item.name))


__all__ = [
    "BUILDING",
    "COMPLETE",
    "ReleaseRefused",
    "SizeUnknown",
    "Store",
    "StoreFailed",
    "StoreHeld",
    "Version",
    "check_expected",
    "explaining",
    "list_versions",
    "put_manifest",
    "quote_error",
    "read_complete",
    "read_manifest",
]
