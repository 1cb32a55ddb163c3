"""corpus."""

from pages._ui.page import open_page

page = open_page("corpus", ":material/home:")
