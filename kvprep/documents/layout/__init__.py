"""Pages rebuilt from where pieces of text stand, whatever order they were drawn in. Pure geometry.

Two programs that print the same invoice draw it in different pieces, in different orders, with different fonts. What
they agree on is which words share a base line, and what stands left of what.
"""
