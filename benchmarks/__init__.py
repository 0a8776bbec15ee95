"""Measurements: scripts that print one JSON line a row; what they printed is in results/."""
