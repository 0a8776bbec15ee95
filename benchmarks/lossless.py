"""Do the lossless methods write the greedy text? `python -m benchmarks.lossless FILE`.

Every method that claims to be lossless, and those that are at temperature 0 alone, continue
held-out prompts at temperature 0 with the bundled pair in float32, and must give the tokens of
greedy decoding. A prompt on which two tokens are ever as good as equally probable makes
room for another: there rounding decides.

FILE gets one JSON line a prompt, the target's own text, and one a method. What stands in it already
is not done again, unless it is of other models, versions, or lengths: then it is begun anew.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.measure import environment
from explorer.decoding import default_library, find_models, make_request, run_request
from explorer.registry import Method, all_methods
from explorer.trace import Trace
from explorer.tree import ROOT, TokenTree
from training.tasks import TASKS, example
from training.world import HELD_OUT_SEEDS

NEAR_TIE = 1e-5  # nats
SPARE = 20  # prompts that stand in for those with a near-tie, and for those that came before
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


def plain(method: Method, prompt: str, tokens: int, **params: Any) -> Trace:
    """A run of which only the end is recorded."""
    request, _, parsed = make_request(
        method=method.id, prompt=prompt, models={}, params=params, max_new_tokens=tokens
    )
    models = find_models(request, method, default_library())
    return run_request(request, method, parsed, models, record=False)


def greedy_text(prompt: str, tokens: int) -> dict[str, Any]:
    """The greedy tokens, and by how many nats at least the best one was ahead."""
    trace = plain(all_methods()["greedy"], prompt, tokens)
    tree = TokenTree()
    places = [ROOT, *tree.extend(ROOT, trace.token_ids)[:-1]]
    view = default_library().get("target").open(tree, trace.header.prompt_ids, "alone")
    best, second = view(places).topk(2).values.unbind(1)
    return {"row": "text", "prompt": prompt, "tokens": trace.token_ids,
            "gap_nats": float((best - second).min())}  # fmt: skip


def held_to(method: Method, texts: dict[str, list[int]], tokens: int) -> dict[str, Any]:
    """On how many prompts the method wrote what greedy decoding did, and in how many rounds."""
    filters = {"filters": "temperature=0"} if "filters" in method.params.model_fields else {}
    ends = {prompt: plain(method, prompt, tokens, **filters) for prompt in texts}
    wrong = [prompt for prompt, trace in ends.items() if trace.token_ids != texts[prompt]]
    written = sum(len(trace.token_ids) for trace in ends.values())
    rounds = sum(trace.done.totals["steps"] for trace in ends.values())
    return {"row": "lossless", "method": method.id, "prompts": len(texts),
            "equal": len(texts) - len(wrong), "tokens_a_round": round(written / rounds, 3),
            **({"wrong": wrong} if wrong else {})}  # fmt: skip


def about(prompts: int, tokens: int) -> dict[str, Any]:
    """What rows must share to stand in one file."""
    models = {name: default_library().get(name).describe()["revision"]
              for name in ("target", "draft")}  # fmt: skip
    return environment() | models | {"prompts": prompts, "tokens": tokens}


def begun(file: Path, first: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that stand in the file under the same first row; else it is begun anew."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = [json.loads(line) for line in lines]
    if rows and rows[0] == first:
        return rows
    file.write_text(json.dumps(first) + "\n", encoding="utf-8")
    return [first]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--methods", nargs="*", default=[])
    given = parser.parse_args()
    rows = begun(given.file, about(given.prompts, given.tokens))

    def add(row: dict[str, Any]) -> None:
        rows.append(row)
        with given.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")

    known = {row["prompt"]: row for row in rows if row["row"] == "text"}
    texts: dict[str, list[int]] = {}
    for prompt in prompts(given.prompts + SPARE):
        if len(texts) == given.prompts:
            break
        if prompt not in known:
            known[prompt] = greedy_text(prompt, given.tokens)
            add(known[prompt])
        if known[prompt]["gap_nats"] > NEAR_TIE:
            texts[prompt] = known[prompt]["tokens"]
    over = {row["method"] for row in rows if row["row"] == "lossless"}
    for method in all_methods().values():
        wanted = not given.methods or method.id in given.methods
        if method.claims & {"lossless", "greedy"} and wanted and method.id not in over:
            add(held_to(method, texts, given.tokens))


if __name__ == "__main__":
    main()
