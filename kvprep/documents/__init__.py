"""Stage 1: the bytes of a file become a canonical document."""
