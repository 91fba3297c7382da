"""Is what is stored, and what was answered from it, what the model computes?"""
