"""The one error the recipe raises on purpose; its text is shown to the person as it is."""


class TrainingError(Exception):
    """A sentence saying what was wrong, with which value, and what is allowed."""
