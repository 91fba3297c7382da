"""kvprep: documents as an encrypted, versioned KV cache on disk."""

__version__ = "0.1.0"
