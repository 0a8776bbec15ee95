"""Do the lossless methods write the greedy text? `python -m benchmarks.lossless`.

Every method that claims to be lossless continues held-out prompts at temperature 0 with the
bundled pair in float32, and must give the tokens of greedy decoding. A prompt on which two tokens
are ever as good as equally probable is left out: there rounding decides. One JSON line a method.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.measure import emit, environment
from explorer.decoding import decode, default_library
from explorer.registry import all_methods
from explorer.tree import ROOT, TokenTree
from training.tasks import TASKS, example
from training.world import HELD_OUT_SEEDS

NEAR_TIE = 1e-5  # nats
ALREADY = 20_000  # held-out seeds below are used by other benchmarks
OPENINGS = (
    "Once upon a time there was a", "The king had three", "In the middle of the forest stood a",
    "Early the next morning the", "The old woman looked at the", "There lived by the sea a",
    "When winter came, the", "“Who is there?” said the", "Far away, behind the mountains, the",
    "Nobody knew why the",
)  # fmt: skip


def prompts(count: int) -> list[str]:
    """Openings of tales and tasks of the small world, in turn; none was trained on."""
    kinds = list(TASKS)
    end = default_library().get("target").token_text(0)
    found = list(OPENINGS)
    for i in range(max(0, count - len(found))):
        task = example(kinds[i % len(kinds)], HELD_OUT_SEEDS + ALREADY + i)
        found.append(f"{end}{task.prompt}")
    return found[:count]


def greedy_text(prompt: str, tokens: int) -> list[int] | None:
    """The greedy tokens; None where two tokens were nearly equally probable."""
    trace = decode("target", prompt, "greedy", max_new_tokens=tokens)
    tree = TokenTree()
    places = [ROOT, *tree.extend(ROOT, trace.token_ids)[:-1]]
    view = default_library().get("target").open(tree, trace.header.prompt_ids, "alone")
    best, second = view(places).topk(2).values.unbind(1)
    return trace.token_ids if float((best - second).min()) > NEAR_TIE else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--methods", nargs="*", default=[])
    given = parser.parse_args()
    print(json.dumps(environment()), flush=True)
    texts = {prompt: greedy_text(prompt, given.tokens) for prompt in prompts(given.prompts)}
    clear = {prompt: text for prompt, text in texts.items() if text is not None}
    for method in all_methods().values():
        if "lossless" not in method.claims or (given.methods and method.id not in given.methods):
            continue
        equal = rounds = tokens = 0
        for prompt, text in clear.items():
            trace = decode(
                "target", prompt, method.id, max_new_tokens=given.tokens, filters="temperature=0"
            )
            equal += trace.token_ids == text
            tokens += len(trace.token_ids)
            rounds += trace.done.totals["steps"]
        emit("lossless", method=method.id, prompts=len(clear), left_out=len(texts) - len(clear),
             equal=equal, tokens_a_round=tokens / rounds)  # fmt: skip


if __name__ == "__main__":
    main()
