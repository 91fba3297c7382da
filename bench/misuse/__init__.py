"""`make bench-misuse`: what becomes of a stored KV cache when it is used wrongly, in kvprep and beside it."""
