"""tune."""

from pages._ui.page import open_page

page = open_page("tune", ":material/home:")
