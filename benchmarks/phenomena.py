"""What decoding is known to do, on the bundled target: repetition, the beam curse, acceptance."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch

from explorer.decoding import make_request, run_request
from explorer.ngrams import repeated_share
from explorer.view import LanguageModel
from training.corpus import Book
from training.moods import MOOD_TAGS
from training.tasks import example
from training.world import HELD_OUT_SEEDS

REPETITION_TOKENS = 200
PROMPT_TOKENS = 48
BEAMS = (1, 2, 4, 8, 16)
SENTENCE_TOKENS = 48
PASSAGE_TOKENS = 96
# What may be written behind these ends sooner or later. What has one answer, like a sentence from
# three words, is one and the same under any number of beams.
PASSAGES = tuple(MOOD_TAGS.values())
TEMPERATURES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
WINDOW = 512


def stretches(books: Sequence[Book], tokenizer, length: int, count: int) -> list[list[int]]:
    """Stretches of held-out documents, books in turns: the beginnings, then what follows them."""
    held_out = [b.documents for b in books if b.held_out]
    documents = (d for row in itertools.zip_longest(*held_out) for d in row if d)
    texts = [tokenizer(d, verbose=False)["input_ids"] for d in documents]
    starts = range(0, max(map(len, texts)), length)
    rows = (ids[start : start + length] for start in starts for ids in texts)
    return list(itertools.islice((row for row in rows if len(row) == length), count))


@torch.no_grad()
def repetition(model, tokenizer, books: Sequence[Book], count: int) -> Iterator[dict]:
    """Repeated 4-grams in 200 tokens: greedy, ten beams, top-p 0.9, and the human text itself."""
    rows = stretches(books, tokenizer, PROMPT_TOKENS + REPETITION_TOKENS, count)
    prompts = torch.tensor(rows)[:, :PROMPT_TOKENS]
    ways = {
        "greedy": {"do_sample": False},
        "beam_10": {"do_sample": False, "num_beams": 10},
        "top_p_0.9": {"do_sample": True, "top_p": 0.9, "top_k": 0},
    }
    texts = {"human": [row[PROMPT_TOKENS:] for row in rows]}
    for way, options in ways.items():
        torch.manual_seed(0)
        out = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=REPETITION_TOKENS,
            min_new_tokens=REPETITION_TOKENS,
            pad_token_id=tokenizer.pad_token_id,
            **options,
        )
        texts[way] = out[:, PROMPT_TOKENS:].tolist()
    for way, written in texts.items():
        shares = [repeated_share(ids) for ids in written]
        yield {
            "measure": "repeated_4grams",
            "model": "human" if way == "human" else "target",
            "way": way,
            "n": len(shares),
            "value": sum(shares) / len(shares),
        }


def sentence_prompts(count: int) -> list[str]:
    """Sentences to write from three words: they end within SENTENCE_TOKENS, if they may."""
    return [example("keywords", HELD_OUT_SEEDS + i).prompt for i in range(count)]


def beams(
    target: LanguageModel, prompts: Sequence[str], widths: Sequence[int] = BEAMS
) -> Iterator[dict]:
    """Length and log-probability of the most probable finished text as beams grow.

    No length penalty: the search finds ever more probable texts, and they are ever shorter.
    """
    for width in widths:
        lengths, nats = [], []
        for prompt in prompts:
            request, method, params = make_request(
                method="beam_search",
                prompt=prompt,
                params={"num_beams": width, "length_penalty": 0.0},
                max_new_tokens=PASSAGE_TOKENS,
            )
            trace = run_request(request, method, params, {"target": target}, record=False)
            best = trace.events[-1].outputs[0]
            lengths.append(len(best.token_ids))
            nats.append(best.score)
        common = {"model": "target", "beams": width, "n": len(prompts)}
        yield {"measure": "beam_length_tokens", **common, "value": sum(lengths) / len(lengths)}
        yield {"measure": "beam_log_probability", **common, "value": sum(nats) / len(nats)}


def laws_apart(p_logits: torch.Tensor, q_logits: torch.Tensor, temperature: float) -> float:
    """The mean of Σ min(p, q) at this temperature: the chance that a guess stands; (n, V) both."""
    if temperature == 0:
        return float((p_logits.argmax(-1) == q_logits.argmax(-1)).float().mean())
    p, q = ((logits / temperature).softmax(-1) for logits in (p_logits, q_logits))
    return float(torch.minimum(p, q).sum(-1).mean())


@torch.no_grad()
def acceptance(target, draft, tokenizer, books: Sequence[Book], count: int) -> Iterator[dict]:
    """Expected acceptance of one guess on held-out human text, over temperature."""
    ids = torch.tensor(stretches(books, tokenizer, WINDOW, count))
    p, q = (model(input_ids=ids).logits.flatten(0, 1).float() for model in (target, draft))
    for temperature in TEMPERATURES:
        yield {
            "measure": "acceptance",
            "model": "target+draft",
            "temperature": temperature,
            "n": len(p),
            "value": laws_apart(p, q, temperature),
        }
