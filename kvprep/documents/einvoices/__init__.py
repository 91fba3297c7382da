"""Electronic invoices: read as labelled lines, and checked against what a page prints."""
