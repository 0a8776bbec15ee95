"""Language models behind one interface: transformers networks and the toy table."""
