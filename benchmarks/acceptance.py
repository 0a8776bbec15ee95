"""How often guesses stand, by the size of the draft and the temperature of both laws.

`python -m benchmarks.acceptance` draws texts of the target and reads each by the target with some
of its blocks left out, evenly spread as in unified layer skipping, and by the draft. A guess drawn
from q stands with the chance Σ min(p, q), so no guess has to be drawn. What it finds is written to
`assets/acceptance.json`, from where the page shows it beside runs of these very weights.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor

from benchmarks.lossless import plain, prompts
from explorer.acceptance import RECORD
from explorer.decoding import default_library
from explorer.methods.speculation.unified_layer_skipping import kept_blocks
from explorer.registry import get_method
from explorer.tree import ROOT, TokenTree

TEMPERATURES = (0.0, 0.5, 1.0, 1.5)
BLOCKS = (2, 4, 6, 8, 10)


def law(logits: Tensor, temperature: float) -> Tensor:
    """The law at a temperature; at 0 the most probable token has all; (n, V)."""
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).double()
    return (logits.double() / temperature).softmax(-1)


def stands(p: Tensor, q: Tensor) -> Tensor:
    """The chance that a guess drawn from q is accepted under p, of each row; (n,)."""
    return torch.minimum(p, q).sum(-1)


def readings(prompt: str, tokens: Sequence[int], blocks: Sequence[int]) -> dict[str, Tensor]:
    """The logits (n, V) along a text, by the target, parts of it, and the draft."""
    library = default_library()
    target = library.get("target")
    tree = TokenTree()
    places = [ROOT, *tree.extend(ROOT, list(tokens))[:-1]]
    ids = target.encode(prompt)
    whole = target.open(tree, ids, "target")
    found = {"target": whole(places)}
    for count in blocks:
        kept = kept_blocks(target.depth, target.depth / count)
        skip = tuple(str(i) for i in range(target.depth) if i not in kept)
        found[f"{count} of {target.depth} blocks"] = whole.variant(skip=skip)(places)
    found["draft"] = library.get("draft").open(tree, ids, "draft")(places)
    return found


def measured(texts: int, tokens: int, blocks: Sequence[int]) -> list[dict[str, Any]]:
    """For each draft and temperature the mean chance over all places, and its error over texts."""
    rows = []
    for temperature in TEMPERATURES:
        chances: dict[str, list[Tensor]] = {}
        for prompt in prompts(texts):
            chain = f"temperature={temperature:g}"
            trace = plain(get_method("sample"), prompt, tokens, filters=chain)
            found = readings(prompt, trace.token_ids, blocks)
            p = law(found.pop("target"), temperature)
            for name, logits in found.items():
                chances.setdefault(name, []).append(stands(p, law(logits, temperature)))
        for name, each in chances.items():
            means = [float(chance.mean()) for chance in each]
            every = torch.cat(each)
            rows.append({
                "draft": name, "temperature": temperature, "acceptance": round(fmean(means), 4),
                "error": round(stdev(means) / len(means) ** 0.5, 4), "places": len(every),
            })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=48)
    given = parser.parse_args()
    target, draft = (default_library().get(name) for name in ("target", "draft"))
    about = {model.model_id: model.describe() for model in (target, draft)}
    sizes = {model: float(str(told["parameters"])) for model, told in about.items()}
    drafts = [
        {"name": f"{count} of {target.depth} blocks", "share": round(count / target.depth, 4)}
        for count in BLOCKS
    ] + [{"name": "draft", "share": round(sizes["draft"] / sizes["target"], 4),
          "revision": about["draft"]["revision"]}]  # fmt: skip
    found = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "texts": given.texts,
        "target": about["target"]["revision"],
        "drafts": drafts,
        "rows": measured(given.texts, given.tokens, BLOCKS),
    }
    lines = ",\n  ".join(json.dumps(row) for row in found.pop("rows"))
    RECORD.write_text(f'{json.dumps(found)[:-1]}, "rows": [\n  {lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
