"""Stage 2: which sources show the same document. Nothing is ever merged on similarity."""
