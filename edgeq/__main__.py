"""`python -m edgeq` is the command `edgeq`."""

from edgeq.cli import main

main()
