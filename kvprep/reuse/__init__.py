"""The read path: look up, check, load, continue."""

from kvprep.reuse.load import load, reason_of, replay
from kvprep.reuse.lookup import Hit, Miss, document_at, document_state, find_document, look_up, look_up_tokens

__all__ = [
    "Hit",
    "Miss",
    "document_at",
    "document_state",
    "find_document",
    "load",
    "look_up",
    "look_up_tokens",
    "reason_of",
    "replay",
]
