"""Who is let in: the list of addresses, accounts without a name, the way out, and what is said where no sign-in is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from pages._ui.sign_in import is_allowed, is_loopback
from tests.pages.conftest import ROUTER

ANN = {"is_logged_in": True, "email": "Ann@Firm.example", "sub": "1234"}
LIST = "ann@firm.example, @partner.example"


def open_as(user: dict[str, Any]) -> AppTest:
    """Home as the provider's account `user` sees it."""
    app = AppTest.from_file(str(ROUTER), default_timeout=60)
    app.user = dict(user)
    return app.run()


@pytest.fixture
def signed(app_home: Path, small_project: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A server that asks for a sign-in."""
    monkeypatch.setenv("PAIRSMITH_REQUIRE_SIGN_IN", "true")
    return monkeypatch


@pytest.fixture
def address() -> Iterator[Any]:
    """Sets the address the server listens on for one test."""
    before = config.get_option("server.address")
    yield lambda value: config.set_option("server.address", value)
    config.set_option("server.address", before)


def said(app: AppTest) -> str:
    return " ".join(item.value for kind in (app.title, app.text, app.caption, app.error, app.warning, app.markdown) for item in kind)


@pytest.mark.parametrize("allowed", ["", LIST])
def test_an_account_that_may_come_in_sees_its_name_and_a_way_out(signed: pytest.MonkeyPatch, allowed: str) -> None:
    signed.setenv("PAIRSMITH_ALLOWED_EMAILS", allowed)
    app = open_as(ANN)
    assert not app.exception
    assert app.title[0].value == "Pairsmith"
    assert [item.value for item in app.sidebar.text] == ["Signed in as Ann@Firm.example"]
    assert "no sign-in" not in said(app)
    app.button(key="sign_out").click().run()
    assert not app.exception
    assert app.title[0].value == "Sign in"


@pytest.mark.parametrize(
    "user",
    [
        {"is_logged_in": True, "email": "eve@elsewhere.example", "sub": "9"},
        {"is_logged_in": True, "email": "ann@firm.example", "email_verified": False, "sub": "9"},
        {"is_logged_in": True, "sub": "ann@firm.example"},
    ],
    ids=["another address", "an address nobody checked", "no address"],
)
def test_an_account_that_is_not_on_the_list_is_refused_with_words_and_sees_nothing(signed: pytest.MonkeyPatch, user: dict[str, Any]) -> None:
    signed.setenv("PAIRSMITH_ALLOWED_EMAILS", LIST)
    app = open_as(user)
    assert not app.exception
    assert app.title[0].value == "No entry"
    assert "not among those that this Pairsmith lets in" in app.error[0].value
    assert "Small project" not in said(app)
    assert [button.label for button in app.button] == ["Sign out"]


def test_an_account_without_a_name_of_its_own_is_refused(signed: pytest.MonkeyPatch) -> None:
    app = open_as({"is_logged_in": True, "name": "Somebody"})
    assert app.title[0].value == "No entry"
    assert "neither an e-mail address nor an id" in app.error[0].value
    assert "Small project" not in said(app)


def test_without_a_list_an_account_known_by_its_id_alone_comes_in(signed: pytest.MonkeyPatch) -> None:
    assert [item.value for item in open_as({"is_logged_in": True, "sub": "1234"}).sidebar.text] == ["Signed in as 1234"]


@pytest.mark.usefixtures("app_home", "small_project")
def test_only_a_loopback_address_is_called_one_persons(address: Any) -> None:
    address("127.0.0.1")
    assert "One person on this machine, no sign-in." in said(open_as({}))
    address("0.0.0.0")
    app = open_as({})
    assert "One person on this machine" not in said(app)
    assert "everyone who reaches this address can see and change everything" in app.sidebar.warning[0].value


@pytest.mark.parametrize(
    ("email", "allowed", "expected"),
    [
        ("ann@firm.example", "", True),
        ("", "", True),
        ("", " , ", True),
        ("ANN@firm.EXAMPLE", "ann@FIRM.example", True),
        ("bob@partner.example", LIST, True),
        ("bob@sub.partner.example", LIST, False),
        ("bob@notpartner.example", LIST, False),
        ("bob@firm.example", LIST, False),
        ("ann@firm.example.evil", LIST, False),
        ("@partner.example", LIST, False),
        ("partner.example", LIST, False),
        ("", LIST, False),
        ("x@", "@", False),
    ],
)
def test_the_list_lets_in_its_addresses_and_domains_and_nobody_else(email: str, allowed: str, expected: bool) -> None:
    assert is_allowed(email, allowed) is expected


def test_loopback_addresses_are_told_from_all_others() -> None:
    assert [is_loopback(item) for item in ("127.0.0.1", "127.8.8.8", "::1", "localhost")] == [True] * 4
    assert [is_loopback(item) for item in (None, "", "0.0.0.0", "::", "192.168.1.4", "app.example")] == [False] * 6
