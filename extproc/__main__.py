"""`python -m extproc` is `kt`."""

from extproc.cli import main

main(prog_name="kt")
