"""Writes sample_docs: made-up companies, fixed dates, the same bytes every time."""
