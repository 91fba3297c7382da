"""`make bench-peers`: kvprep beside other ways to keep a KV cache, on the same tokens and in one run."""
