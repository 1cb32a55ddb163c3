"""One settings object, read from the environment: the only place that reads it.

Every variable begins with `PAIRSMITH_`; `docs/operating.md` lists them all, and a test holds the two together.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where Pairsmith keeps its state and how its processes behave."""

    model_config = SettingsConfigDict(env_prefix="PAIRSMITH_", frozen=True)

    home: Path = Field(default=Path.home() / ".pairsmith", description="Folder that holds all state: database, vectors, models, logs.")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty means SQLite inside the home folder.")
    base_model: str = Field(
        default="embedded:all-MiniLM-L6-v2",
        description="Base model of new projects: the embedded default, a hub id or a local folder.",
    )
    require_sign_in: bool = Field(default=False, description="Ask for a sign-in (OIDC, see the operating guide) before any page shows anything.")
    allowed_emails: str = Field(
        default="", description="With sign-in: who is let in, comma-separated addresses or @domains; empty lets in every account the provider vouches for."
    )
    lead_emails: str = Field(
        default="", description="With sign-in: who leads, comma-separated addresses or @domains: writes guidelines, takes records over; empty: everybody."
    )
    start_worker: bool = Field(default=True, description="The launcher starts a worker when none is alive; false where the worker is a service of its own.")
    lease_s: float = Field(default=30.0, gt=0, description="A run whose process has not reported for this long is taken over.")
    cancel_grace_s: float = Field(
        default=600.0, ge=0, description="Between a polite stop and a kill of a cancelled run: longer than its longest step, so that it can keep its best."
    )
    poll_s: float = Field(default=0.5, gt=0, description="How often a worker looks for work.")
    attempts: int = Field(default=3, ge=1, description="How often a run that dies is started again before it counts as failed.")
    guard_folder: Path | None = Field(
        default=None, description="A BEIR folder that takes the place of the bundled guard set of general questions; it must never be trained on."
    )
    openvino: bool = Field(default=True, description="Encode many texts by OpenVINO where the extra `fast` is installed.")
    embeddings_url: str = Field(
        default="https://api.openai.com/v1", description="Where vectors from outside are asked for: a service that speaks OpenAI's embeddings API."
    )
    embeddings_key: SecretStr = Field(default=SecretStr(""), description="The key for it; never stored, shown or logged.")
    embeddings_price: float | None = Field(default=None, ge=0, description="Dollars a million tokens there; known for OpenAI's own models.")
    release_key: SecretStr = Field(default=SecretStr(""), description="API key or password of the vector database; never written to disk.")
    threads: int = Field(default=0, ge=0, description="Threads a model may use; 0 leaves it to the library.")

    @property
    def url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'pairsmith.db'}"


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The process's settings, read once. A home that is relative is taken from the working folder."""
    settings = Settings()
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})
