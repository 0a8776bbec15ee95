"""Greedy takes the argmax at every step, and nothing else."""

from oracle import Walk, most_probable, play, text_logp, toy_pair


def generated(run):
    return tuple(run.tree.tokens(run.head))


def naive_greedy(table, prompt, length):
    text = ()
    while len(text) < length and (not text or text[-1] != 0):
        text = (*text, int(table.logits((*prompt, *text)).argmax()))
    return text


def test_greedy_takes_the_argmax_at_every_step():
    for seed in range(20):
        pair = toy_pair(seed)
        run = play("greedy", {}, pair, Walk(), length=4)
        assert generated(run) == naive_greedy(pair["target"], (1, 2), 4)


def test_greedy_asks_for_no_randomness():
    walk = Walk()
    play("greedy", {}, toy_pair(), walk, length=4)
    assert walk.taken == []


def test_greedy_is_never_more_probable_than_the_best_text_and_sometimes_less():
    strict = 0
    for seed in range(20):
        table = toy_pair(seed)["target"]
        run = play("greedy", {}, {"target": table}, Walk(), length=4)
        best = most_probable(table, 4)
        assert text_logp(table, generated(run)) <= text_logp(table, best) + 1e-9
        strict += generated(run) != best
    assert strict > 0


def test_a_repetition_penalty_changes_what_greedy_takes():
    changed = 0
    for seed in range(20):
        pair = toy_pair(seed)
        plain = play("greedy", {}, pair, Walk(), length=4)
        penalised = play("greedy", {"filters": "repetition_penalty=3"}, pair, Walk(), length=4)
        changed += generated(plain) != generated(penalised)
    assert changed > 0
