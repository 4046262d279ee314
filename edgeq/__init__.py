"""Float network in, verified integer-only C library for one board out."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("edgeq")
except PackageNotFoundError:  # run from a tree that was never installed
    __version__ = "0+unknown"
