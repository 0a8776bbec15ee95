"""Planted mistakes in verification that any oracle of a lossless method must notice."""

from explorer.verification import Verdict


def believing(run, law, guesses):
    """Takes the first guess unseen: right only where there is none."""
    if guesses:
        run.accept(guesses[0].node)
        return Verdict(accepted=guesses[0])
    return Verdict(token=run.choose(law))
