"""How the bundled models were made: from a folder of public-domain texts to `assets/models/`."""
