"""Follow several hypotheses and keep the best."""
