"""Stage 5: sealed bytes on disk. Knows bytes, never tensors."""
