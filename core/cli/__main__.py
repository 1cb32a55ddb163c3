"""`python -m core.cli`: the command line without its installed script."""

from core.cli import main

main()
