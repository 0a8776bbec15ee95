"""Decoding methods: one file each, grouped by family. The registry finds them."""
