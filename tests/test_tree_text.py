"""The tree in the terminal shows every branch that left the text, with its reason."""

from __future__ import annotations

from oracle import Walk, play, toy_pair

from explorer.randomness import Seeded
from explorer.trace import Fold
from explorer.trace.segments import segments
from explorer.tree_text import tree_lines


def folded(method, params=None, seed=0, length=8):
    events = []
    pair = toy_pair(seed)
    randomness = Walk() if method == "beam_search" else Seeded(seed)
    play(method, params or {}, pair, randomness, length, record=events).end()
    return Fold().feed_all(events), pair["target"].token_text


def test_segments_hold_every_node_once():
    for step in (None, 0, 2):
        fold, _ = folded("beam_search", {"num_beams": 3})
        root, stack, seen = segments(fold, step), [], []
        stack.append(root)
        while stack:
            segment = stack.pop()
            seen += segment.nodes
            stack += segment.below
        assert sorted(seen) == [n.id for n in fold.nodes if step is None or n.born <= step]
        assert root.size == len(seen)


def test_the_text_runs_down_the_left_edge():
    fold, token_text = folded("beam_search", {"num_beams": 3}, seed=2)
    lines = tree_lines(fold, "ab", token_text)
    text = "".join(line[2:].split("  [")[0] for line in lines[1:] if line.startswith("●"))
    assert text == "".join(token_text(fold.nodes[n].token) for n in fold.text_at())


def test_pruned_beams_stand_with_reason_and_margin():
    fold, token_text = folded("beam_search", {"num_beams": 4}, seed=1)
    assert any("outranked, margin" in line for line in tree_lines(fold, "ab", token_text))


def test_rejected_guesses_stand_with_p_and_q():
    lines = []
    for seed in range(6):
        fold, token_text = folded("speculative_sampling", {}, seed)
        lines += tree_lines(fold, "ab", token_text)
    assert any("✗" in line and "p " in line and "ratio" in line for line in lines)


def test_hostile_tokens_cannot_reach_the_terminal():
    fold, _ = folded("greedy")
    lines = tree_lines(fold, "a\x1b[31m", lambda token: "\x1b[2J\n\u202e")
    assert all(character.isprintable() for line in lines for character in line)


def test_no_line_is_wider_than_asked():
    fold, _ = folded("beam_search", {"num_beams": 4}, seed=1)
    for line in tree_lines(fold, "ab" * 200, lambda token: "word" * 30, width=80):
        assert len(line) <= 80
