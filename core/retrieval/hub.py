"""A model of the hub, fetched into the hub's own cache: with progress in bytes, and failures in words that say what to do. No torch here.

Refuses what the hub does not give. Invariants: a fetch that was stopped leaves no half file, and a file that came whole is not fetched again; while no hub
answers, what the cache has whole is used. `find_fetched` alone asks no hub.
"""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.model import PairsmithError

SKIPPED = ["*.onnx", "*.bin", "*.h5", "*.ot", "*.msgpack", "openvino/*", "onnx/*"]
"""The same weights in forms that nothing here reads."""
MEGABYTE = 10**6
_CONFIG = "config.json"
_FULL = (errno.ENOSPC, errno.EDQUOT)

OnBytes = Callable[[int, int], None]
"""Called with the bytes there are and the bytes of all files; may raise to stop."""


def tell_megabytes(report: Callable[[int, int, str], None]) -> OnBytes:
    """What hears bytes and reports megabytes, begun ones counted."""
    return lambda done, total: report(math.ceil(done / MEGABYTE), math.ceil(total / MEGABYTE), "Fetching from the hub, in MB")


def fetch_model(reference: str, *, instead: str, on_bytes: OnBytes | None = None, check: Callable[[Path], None] | None = None) -> Path:
    """The folder of the hub's model `reference`, with what the cache lacks of it fetched.

    `instead`: what to use where it cannot be had, for the message. `check`: called with the folder when `config.json` has come and the weights have not; may
    raise. Raises `PairsmithError` where the model cannot be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError

    try:
        if on_bytes or check:  # else the library's own call is enough, and asks the hub less
            _fetch_files(reference, on_bytes or (lambda *_: None), check or (lambda _: None))
        return Path(snapshot_download(reference, ignore_patterns=SKIPPED))
    except (HTTPError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        raise PairsmithError(f"The model {reference!r} cannot be fetched: {_explain(error)} {instead}") from error


def find_fetched(reference: str) -> Path | None:
    """The folder of the hub's model `reference` in the cache; None where it, or its weights, did not come yet. Asks no hub, so a page may call it."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(reference, ignore_patterns=SKIPPED, local_files_only=True))
    except (OSError, ValueError):
        return None
    return folder if has_weights(folder) else None


def has_weights(folder: Path) -> bool:
    """Whether the weights of the model itself came whole, every piece of them; those of a layer on top of it (`2_Dense`) are not it."""
    index = next(folder.glob("*.safetensors.index.json"), None)
    if index is not None:
        return all((folder / name).exists() for name in set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    return any("_Dense" not in path.parent.name for path in folder.rglob("*.safetensors"))


def _fetch_files(reference: str, on_bytes: OnBytes, check: Callable[[Path], None]) -> None:
    """Fetch file by file in this thread, the configuration first and then the small ones; nothing where no hub answers."""
    from huggingface_hub import HfApi, constants, hf_hub_download
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

    constants.HF_HUB_DISABLE_XET = True  # its transfers go on in the background and heed no order to stop
    try:
        found = HfApi().model_info(reference, files_metadata=True)
    except (HTTPError, OfflineModeIsEnabled):
        return  # the cache may have it; where not, the library's own call says why
    sizes = {item.rfilename: int(item.size or 0) for item in found.siblings or [] if not any(fnmatch(item.rfilename, pattern) for pattern in SKIPPED)}
    total, done = sum(sizes.values()), 0

    def hear(received: int) -> None:
        on_bytes(min(done + received, total), total)

    for name in sorted(sizes, key=lambda name: (name != _CONFIG, sizes[name], name)):
        path = hf_hub_download(reference, name, revision=found.sha, tqdm_class=_make_bar(hear))
        done += sizes[name]
        hear(0)
        if name == _CONFIG:
            check(Path(path).parent)


def _make_bar(hear: Callable[[int], None]) -> type[Any]:
    """A progress bar that draws nothing and tells the bytes of its file so far."""

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **values: Any) -> None:
            super().__init__(*args, **(values | {"disable": True}))
            self.received = int(values.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.received += int(n or 0)
            hear(self.received)

    return Bar


def _explain(error: Exception) -> str:
    """What kept the hub from giving the model."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError

    if isinstance(error, HFValidationError):
        return "that is no name of a model on the hub, which has the form owner/name."
    if isinstance(error, GatedRepoError):
        return "its owner gives it only to those who accepted the terms. Accept them on its page on the hub, put a token into HF_TOKEN, and try again."
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no model of that name, or it is private. Look at the spelling; for a private one, put a token into HF_TOKEN."
    if constants.HF_HUB_OFFLINE or isinstance(error.__cause__, OfflineModeIsEnabled):
        return "no model hub answers, as HF_HUB_OFFLINE is set here, and it is not in the local cache."
    return f"no model hub answers at {constants.ENDPOINT}, and it is not in the local cache. Look at the network, and try again."
