"""Combine two readings into one law."""
