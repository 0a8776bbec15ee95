"""Speculation with the bundled pair against plain decoding of the same target, side by side.

γ is chosen before anything is timed: acceptance α is expected from the two models' laws on other
prompts, costs are measured, and of all γ the one is taken at which the formula promises most
(Leviathan et al. 2022). A guess costs what a token of the draft costs in plain decoding, choice and
record included; a round as many tokens of the target as its pass takes passes over one.
Times are of the new tokens: both models know the prompt.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence

import torch

from benchmarks.phenomena import laws_apart, stretches
from explorer.decoding import make_request, run_request
from explorer.trace import DoneEvent
from explorer.tree import ROOT, TokenTree
from explorer.view import LanguageModel
from training.corpus import Book
from training.tasks import TASKS, example
from training.world import HELD_OUT_SEEDS

GAMMAS = range(1, 11)
NEW_TOKENS = 48
WARM_TOKENS = 4
PROMPT_TOKENS = 32
CALIBRATION_SEEDS = HELD_OUT_SEEDS + 10_000  # other tasks than those that are timed
PASSES = 15
RUNS = 7
TEMPERATURES = (0, 1)
PLAIN = {0: ("greedy", {}), 1: ("sample", {"filters": "none"})}

Pair = Mapping[str, LanguageModel]


def speed_up(alpha: float, gamma: int, target_ms: Sequence[float], draft_ms: float) -> float:
    """Expected gain of speculation: tokens a round by what a round costs in plain tokens.

    `target_ms[n]` is a round of the target over n tokens, a plain one if n is 1.
    """
    tokens = gamma + 1 if alpha >= 1 else (1 - alpha ** (gamma + 1)) / (1 - alpha)
    return tokens * target_ms[1] / (target_ms[gamma + 1] + gamma * draft_ms)


def pass_ms(model: LanguageModel, prompt: Sequence[int], most: int) -> list[float]:
    """Median milliseconds of a pass over a chain of n tokens, for n from 0 to `most`.

    Lengths take turns, so that what disturbs a machine for a while disturbs them alike.
    """
    took: list[list[float]] = [[] for _ in range(most + 1)]
    for _ in range(PASSES):
        for tokens in range(1, most + 1):
            tree = TokenTree()
            view = model.open(tree, list(prompt), "timed")
            view([ROOT])
            chain = tree.extend(ROOT, [prompt[i % len(prompt)] for i in range(tokens)])
            started = time.perf_counter()
            view(chain)
            took[tokens].append(1000 * (time.perf_counter() - started))
    return [0.0, *(statistics.median(times) for times in took[1:])]


def token_ms(model: LanguageModel, prompt: str) -> float:
    """Median milliseconds of a token in plain decoding: its pass, its choice, its record."""
    took = []
    for _ in range(RUNS):
        seconds, done = decode({"target": model}, prompt, 0, None, 0)
        took.append(1000 * seconds / len(done.outputs[0].token_ids))
    return statistics.median(took)


def decode(
    pair: Pair,
    prompt: str,
    temperature: int,
    gamma: int | None,
    seed: int,
    tokens: int = NEW_TOKENS,
) -> tuple[float, DoneEvent]:
    """Seconds of a run and its end; without γ plain decoding."""
    if gamma is None:
        name, params = PLAIN[temperature]
        roles = ("target",)
    else:
        name, roles = "speculative_sampling", ("target", "draft")
        params = {"gamma": gamma, "filters": "temperature=0" if temperature == 0 else "none"}
    request, method, params = make_request(
        method=name, prompt=prompt, params=params, seed=seed, max_new_tokens=tokens
    )
    models = {role: pair[role] for role in roles}
    started = time.perf_counter()
    trace = run_request(request, method, params, models, record=False)
    return time.perf_counter() - started, trace.events[-1]


@torch.no_grad()
def expected_acceptance(pair: Pair, prompts: Sequence[str], temperature: int) -> float:
    """α on what the target writes behind the prompts, from both models' laws."""
    p, q = [], []
    for seed, prompt in enumerate(prompts):
        _, done = decode(pair, prompt, temperature, None, seed)
        before = pair["target"].encode(prompt)
        ids = torch.tensor([[*before, *done.outputs[0].token_ids]])
        for model, laws in ((pair["target"], p), (pair["draft"], q)):
            logits = model.net(input_ids=ids).logits[0]
            laws.append(logits[len(before) - 1 : -1].float())
    return laws_apart(torch.cat(p), torch.cat(q), temperature)


def prompts_of(kind: str, books: Sequence[Book], tokenizer, first: int, count: int) -> list[str]:
    """Held-out prompts of prose or of a task; `first` leaves out those used for something else."""
    if kind == "prose":
        rows = stretches(books, tokenizer, PROMPT_TOKENS, first + count)[first:]
        return [tokenizer.decode(row) for row in rows]
    seed = CALIBRATION_SEEDS if first == 0 else HELD_OUT_SEEDS
    return [f"{tokenizer.eos_token}{example(kind, seed + i).prompt}" for i in range(count)]


def speculation(
    pair: Pair, tokenizer, books: Sequence[Book], count: int, repeats: int
) -> Iterator[dict]:
    """Costs of passes, then for each kind of text and temperature α, γ, and the gain in time."""
    known = "Once upon a time there was a miller who had three sons and a cat"
    passes_ms = pass_ms(pair["target"], pair["target"].encode(known), GAMMAS[-1] + 1)
    plain_ms = token_ms(pair["target"], known)
    target_ms = [plain_ms * ms / passes_ms[1] for ms in passes_ms]
    draft_ms = token_ms(pair["draft"], known)
    yield {"measure": "draft_cost", "model": "target+draft", "value": draft_ms / plain_ms}
    for n in (1, 4, 8):
        yield {"measure": "target_pass_ms", "model": "target", "tokens": n, "value": passes_ms[n]}
    together: dict[int, list[float]] = {t: [0.0, 0.0] for t in TEMPERATURES}
    for kind in ("prose", *TASKS):
        calibration = prompts_of(kind, books, tokenizer, 0, 2)
        prompts = prompts_of(kind, books, tokenizer, 2, count)
        for temperature in TEMPERATURES:
            alpha = expected_acceptance(pair, calibration, temperature)
            gamma = max(GAMMAS, key=lambda g: speed_up(alpha, g, target_ms, draft_ms))
            seconds, tokens, passes = {None: 0.0, gamma: 0.0}, {None: 0, gamma: 0}, 0
            # Both models keep the prompts they have read, so reading them is in neither time.
            for prompt in prompts:
                decode(pair, prompt, temperature, gamma, 0, WARM_TOKENS)
            for seed in range(repeats):
                for prompt in prompts:
                    for way in (None, gamma):
                        took, done = decode(pair, prompt, temperature, way, seed)
                        seconds[way] += took
                        tokens[way] += len(done.outputs[0].token_ids)
                        passes += done.totals["target_passes"] if way else 0
            common = {
                "model": "target+draft", "text": kind, "temperature": temperature, "gamma": gamma,
                "n": tokens[gamma],
            }  # fmt: skip
            plain, fast = (seconds[way] / tokens[way] for way in (None, gamma))
            together[temperature][0] += plain
            together[temperature][1] += fast
            expected = speed_up(alpha, gamma, target_ms, draft_ms)
            yield {"measure": "expected_acceptance", **common, "value": alpha}
            yield {"measure": "expected_speed_up", **common, "value": expected}
            yield {"measure": "tokens_per_pass", **common, "value": tokens[gamma] / passes}
            yield {"measure": "speed_up", **common, "value": plain / fast}
    for temperature, (plain, fast) in together.items():
        yield {"measure": "speed_up", "model": "target+draft", "text": "all kinds alike",
               "temperature": temperature, "value": plain / fast}  # fmt: skip
