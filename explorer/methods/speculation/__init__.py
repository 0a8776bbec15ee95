"""Guess several tokens, check them in one pass."""
