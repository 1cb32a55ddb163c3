"""compare."""

from pages._ui.page import open_page

page = open_page("compare", ":material/home:")
