"""What a store was used for, what it saved and what it cost: facts of the index and of the events, and their forms."""
