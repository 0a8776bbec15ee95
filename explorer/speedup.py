"""What speculation gains by the formula: expected tokens of a round against what it costs.

Acceptance α is the chance that a guess stands, every guess alike and independent; γ the guesses of
a round; costs are counted in passes of the target over one token, so c is a draft's step. A pass of
the target over n tokens costs t(n), 1 by default: then it does not matter how many there are.

Sources: Leviathan et al. 2022, https://arxiv.org/abs/2211.17192 (expected tokens, gain, extra
operations); Yan et al. 2024, https://arxiv.org/abs/2402.01528 (break-even cost of a draft).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Cost = Callable[[int], float]  # tokens of a pass -> its cost in passes over one token


def flat(n: int) -> float:
    """Hardware on which a pass over any number of tokens costs the same."""
    return 1.0


def rising(slope: float) -> Cost:
    """Hardware on which each further token of a pass costs `slope` of the first."""
    return lambda n: 1.0 + slope * (n - 1)


def expected_tokens(alpha: float, gamma: int) -> float:
    """Tokens that a round commits: (1 - α^(γ+1)) / (1 - α), the target's own counted."""
    return gamma + 1.0 if alpha >= 1 else (1 - alpha ** (gamma + 1)) / (1 - alpha)


def speed_up(alpha: float, gamma: int, c: float, t: Cost = flat) -> float:
    """How many times faster than one token a pass: tokens of a round by its cost."""
    return expected_tokens(alpha, gamma) * t(1) / (gamma * c + t(gamma + 1))


def best_length(alpha: float, c: float, t: Cost = flat, most: int = 32) -> int:
    """The γ up to `most` that promises the largest gain; 0 where none promises any."""
    return max(range(most + 1), key=lambda gamma: speed_up(alpha, gamma, c, t))


def break_even(tokens: float, gamma: float, verify: float = 1.0) -> float:
    """The draft's cost c at which rounds of γ guesses that commit so many tokens gain nothing.

    `verify` is the cost of the target's pass over them.
    """
    return (tokens - verify) / gamma if gamma > 0 else 0.0


def virtual_time(target_passes: Iterable[int], draft_steps: int, c: float, t: Cost = flat) -> float:
    """What a recorded run would have taken, in the target's passes over one token.

    `target_passes` are the tokens of each pass of the target, `draft_steps` the draft's passes.
    """
    return sum(map(t, target_passes)) + draft_steps * c
