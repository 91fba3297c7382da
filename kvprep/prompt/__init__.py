"""Stage 3: a document in its model's chat template, as tokens, cut where no continuation can change them."""

from kvprep.prompt.template import PromptTemplate

__all__ = ["PromptTemplate"]
