"""Pages under test: the real router on a real store in a home of its own, its process-wide caches emptied before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.settings import load_settings
from core.workspace import Workspace
from pages._ui.page import get_workspace

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"


@pytest.fixture
def app_home(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of `workspace` as the app's own: pages read and write what the test reads and writes."""
    monkeypatch.setenv("PAIRSMITH_HOME", str(workspace.home))
    monkeypatch.setenv("PAIRSMITH_START_WORKER", "false")
    monkeypatch.delenv("PAIRSMITH_DATABASE_URL", raising=False)
    load_settings.cache_clear()
    st.cache_data.clear()
    st.cache_resource.clear()
    yield workspace.home
    get_workspace().store.close()
    st.cache_data.clear()
    st.cache_resource.clear()
    load_settings.cache_clear()


@pytest.fixture
def open_screen(app_home: Path) -> Callable[..., AppTest]:
    """Opens a screen by its name through the router, as a visitor does: `open_screen("corpus")`; query parameters by name."""

    def open_named(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(ROUTER), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        return app if name == "home" else app.switch_page(f"{name}.py").run()

    return open_named
