"""Answers about a document: from the cache where it may be used, cold where not, and always with what happened."""

from kvprep.answers.assistant import Answer, Assistant
from kvprep.answers.report import AnswerReport

__all__ = ["Answer", "AnswerReport", "Assistant"]
