"""Choose one token at a time."""
