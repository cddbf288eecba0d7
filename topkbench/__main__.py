"""`python -m topkbench`: the command line, for those who start it by the interpreter."""

from topkbench.cli import main

main()
