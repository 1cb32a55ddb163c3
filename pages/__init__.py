"""The screens: one a file, each a script of at most 200 lines that opens with the guard `open_page`."""
