"""What computing and keeping cost, and when keeping pays. Pure functions; seconds, bytes, tokens and money."""
