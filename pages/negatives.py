"""negatives."""

from pages._ui.page import open_page

page = open_page("negatives", ":material/home:")
