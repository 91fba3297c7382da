"""The only stage that knows torch: models, and what they compute."""
