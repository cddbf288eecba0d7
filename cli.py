"""Run topkbench from a clone: `python cli.py train …`."""

from topkbench.cli import main

main()
