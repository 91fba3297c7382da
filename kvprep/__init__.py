"""Turns documents into an encrypted store of transformer KV caches."""

__version__ = "0.1.0"
