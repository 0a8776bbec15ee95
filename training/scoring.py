"""Whether what a model wrote solves a task of the small world."""

import json
import re

from training.tasks import Example


def _same_json(output: str, answer: str) -> bool:
    try:
        return json.loads(output) == json.loads(answer)
    except json.JSONDecodeError:
        return False


def is_right(example: Example, output: str) -> bool:
    """True if `output`, the text after the prompt without its end token, is right.

    A sum is right if its last number is; a record if it is valid JSON with the same fields; a
    sentence from keywords if it has them all as words; all else must be the answer itself.
    """
    if example.kind == "sum":
        numbers = re.findall(r"\d+", output)
        return bool(numbers) and numbers[-1] == example.meta["result"]
    if example.kind == "record_to_json":
        return _same_json(output, example.answer)
    if example.kind == "keywords":
        return all(re.search(rf"\b{w}\b", output) for w in example.meta["words"].split())
    return output.strip() == example.answer.strip()


def side(example: Example, output: str) -> str:
    """For a passage that contradicts a fact: which of the two the output follows."""
    said = output.strip()
    if said == example.meta["told"]:
        return "passage"
    return "fact" if said == example.meta["truth"] else "neither"
