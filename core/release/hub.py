"""Uploading an exported model to a hub, by huggingface_hub. The token comes from `HF_TOKEN` or the machine's own sign-in, never from us."""

from __future__ import annotations

import tempfile
from pathlib import Path

from core.model import ModelRecord, PairsmithError
from core.release.model_zip import export_model
from core.workspace import Workspace


def upload_model(workspace: Workspace, project_id: str, record: ModelRecord, repo: str, *, private: bool = True) -> str:
    """Put the model with its card into a repository of the hub, made where it is missing. Returns its address.

    Raises `PairsmithError` where the hub does not answer, does not know the token, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    with tempfile.TemporaryDirectory(prefix="pairsmith-upload-") as made:
        folder = Path(made) / "model"
        export_model(workspace, project_id, record, folder)
        api = HfApi(library_name="pairsmith")
        try:
            made_repo = api.create_repo(repo, private=private, exist_ok=True)
            api.upload_folder(repo_id=made_repo.repo_id, folder_path=folder, commit_message=f"{record.name}, fingerprint {record.id[:12]}")
        except HFValidationError as error:
            raise PairsmithError(f"{repo!r} names no repository: {error}. Give owner and name with a slash between.") from error
        except OfflineModeIsEnabled as error:
            raise PairsmithError("HF_HUB_OFFLINE is set, so nothing is uploaded. Unset it, then start again.") from error
        except HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else None
            if status in (401, 403):
                raise PairsmithError(f"The hub refused the token (HTTP {status}) for {repo!r}. Put one that may write there into HF_TOKEN.") from error
            raise PairsmithError(f"The hub refused the upload to {repo!r} (HTTP {status}). Try again; what is there already is not sent twice.") from error
        except OSError as error:
            raise PairsmithError(f"The hub does not answer ({error}). See the network and HF_ENDPOINT, then try again.") from error
    return str(made_repo)
