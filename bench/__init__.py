"""Measures kvprep on this machine: `python -m bench`. Not part of the package."""
