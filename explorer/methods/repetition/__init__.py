"""Weigh against each candidate what stands in the text already."""
