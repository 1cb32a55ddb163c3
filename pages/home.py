"""Home."""

from pages._ui.page import open_page

page = open_page("Pairsmith", ":material/home:", needs_project=False)
