"""A network opens views: prompts computed once, hidden states, precisions."""

import pytest
import torch
from families import (
    BLOCKS,
    CONFIGS,
    CONTEXT,
    DECODER_START,
    PROMPT,
    TOLERANCE,
    VOCABULARY,
    apart,
    build,
    each_alone,
    grow,
    network,
    passes_of,
    random_tree,
    wrapped,
)

from explorer.errors import InputError, MethodError
from explorer.models.network import KEPT_PROMPTS
from explorer.tree import ROOT, TokenTree


@pytest.mark.parametrize("name", ["Llama", "GPT-2", "Qwen 3"])
def test_the_logits_are_the_products_of_the_last_state_with_the_keys(name):
    loaded = wrapped(build(name))
    view = loaded.open(TokenTree(), PROMPT, "target", hidden=[BLOCKS])
    logits, state = view([ROOT])[0], view.hidden([ROOT], BLOCKS)[0]
    assert torch.allclose(loaded.keys() @ state, logits, atol=TOLERANCE)


# Prompts that were computed before ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["Llama", "Llama, lean in torch", "Llama, not lean"])
def test_the_second_view_on_a_prompt_computes_no_prompt_and_gives_the_same_bits(name):
    loaded = wrapped(build("Llama"), name=name)
    passes = passes_of(loaded)
    tree = random_tree(20)
    first = loaded.open(tree, PROMPT, "first")
    answers = [first([1, 2, 3]), first(range(4, 20))]
    assert passes == [len(PROMPT), 3, 16]
    passes.clear()
    second = loaded.open(tree, PROMPT, "second")
    again = [second([1, 2, 3]), second(range(4, 20))]
    assert passes == [3, 16]
    assert all(map(torch.equal, answers, again))
    assert torch.equal(first([ROOT]), second([ROOT]))
    assert first.work() == second.work()


def test_an_encoder_reads_a_prompt_once():
    net = build("T5")
    loaded = wrapped(net)
    encoded = []
    net.get_encoder().register_forward_hook(lambda *call: encoded.append(1))
    tree = random_tree(20)
    answers = [loaded.open(tree, PROMPT, "view")(range(20)) for _ in range(2)]
    assert encoded == [1]
    assert torch.equal(*answers)


@pytest.mark.parametrize("name", ["Llama", "T5", "BART"])
def test_other_prompts_are_not_taken_for_this_one(name):
    """Longer, shorter, one token changed; and the views do not write into each other's prompt."""
    net = network(name)
    tree = random_tree(12)
    prompts = [PROMPT, PROMPT[:-1], [*PROMPT, 7], [*PROMPT[:-1], 7], [4, *PROMPT[1:]], PROMPT]
    views = [net.open(tree, prompt, "view") for prompt in prompts]
    for nodes in (range(6), range(12)):
        for prompt, view in zip(prompts, views, strict=True):
            want = each_alone(net.net, tree, nodes, prompt)
            assert apart(view(nodes), want) < TOLERANCE


def test_a_prompt_is_kept_after_a_variant_came_first(llama):
    """The rows of a variant's own reading of the prompt are not taken for the full one's."""
    loaded = wrapped(llama.net)
    tree = random_tree(12)
    for _ in range(2):
        view = loaded.open(tree, PROMPT, "view")
        view.variant(upto=1, shared=False)(range(6))
        assert apart(view(range(12)), each_alone(llama.net, tree, range(12))) < TOLERANCE


def test_what_was_not_used_for_longest_is_computed_anew():
    loaded = wrapped(build("Llama"))
    passes = passes_of(loaded)
    for last in range(KEPT_PROMPTS + 1):
        loaded.open(TokenTree(), [1, 2, last], "view")([ROOT])
    passes.clear()
    loaded.open(TokenTree(), [1, 2, 1], "view")([ROOT])
    assert 3 not in passes
    loaded.open(TokenTree(), [1, 2, 0], "view")([ROOT])
    assert 3 in passes


def test_a_prompt_without_declared_layers_does_not_answer_for_one_with(llama):
    loaded = wrapped(llama.net)
    loaded.open(TokenTree(), PROMPT, "plain")([ROOT])
    one = loaded.open(TokenTree(), PROMPT, "one", hidden=(1,))
    other = loaded.open(TokenTree(), PROMPT, "other", hidden=(2,))
    assert apart(one.hidden([ROOT], 1), hf_hidden(llama.net, [])[1][None]) < TOLERANCE
    assert apart(other.hidden([ROOT], 2), hf_hidden(llama.net, [])[2][None]) < TOLERANCE
    with pytest.raises(MethodError, match="Layer 1 was not declared"):
        other.hidden([ROOT], 1)


@pytest.mark.parametrize("count", [0, CONTEXT])
def test_a_prompt_that_cannot_be_read_is_a_sentence(llama, count):
    with pytest.raises(InputError, match=r"The prompt (is empty|has 512 tokens)"):
        llama.open(TokenTree(), [1] * count, "view")


def test_a_prompt_of_one_token_is_enough(llama):
    tree = random_tree(12)
    view = llama.open(tree, [5], "view")
    assert apart(view(range(12)), each_alone(llama.net, tree, range(12), [5])) < TOLERANCE
    own = view.variant(upto=BLOCKS, shared=False)
    assert apart(own(range(12)), view(range(12))) < TOLERANCE


# Hidden states -----------------------------------------------------------------------------------


@torch.no_grad()
def hf_hidden(net, path):
    """Hidden states of the last token, one `(d,)` a layer, by a plain call."""
    told = {"use_cache": False, "output_hidden_states": True}
    if net.config.is_encoder_decoder:
        target = torch.tensor([[DECODER_START, *path]])
        out = net(input_ids=torch.tensor([PROMPT]), decoder_input_ids=target, **told)
        return [states[0, -1] for states in out.decoder_hidden_states]
    out = net(input_ids=torch.tensor([[*PROMPT, *path]]), **told)
    return [states[0, -1] for states in out.hidden_states]


@torch.no_grad()
def hf_prompt(net, layer):
    """Hidden states `(P, d)` of all that stands before the tree, by a plain call."""
    told = {"use_cache": False, "output_hidden_states": True}
    if net.config.is_encoder_decoder:
        return hf_hidden(net, [])[layer][None]
    return net(input_ids=torch.tensor([PROMPT]), **told).hidden_states[layer][0]


@pytest.mark.parametrize("name", CONFIGS)
def test_hidden_states_are_those_of_transformers(name):
    """Of every layer, from the embedding to behind the final norm; asked for before the logits."""
    net = network(name)
    tree = random_tree(12)
    layers = range(BLOCKS + 1)
    for _ in range(2):  # the second view takes the prompt over from the first
        view = net.open(tree, PROMPT, "view", hidden=tuple(layers))
        for node in (ROOT, 11, 5):
            want = hf_hidden(net.net, tree.tokens(node))
            assert len(want) == len(layers)
            for layer in layers:
                got = view.hidden([node, node], layer)
                assert apart(got, torch.stack([want[layer]] * 2)) < TOLERANCE
        for layer in layers:
            assert apart(view.prompt_hidden(layer), hf_prompt(net.net, layer)) < TOLERANCE
        assert apart(view(range(12)), each_alone(net.net, tree, range(12))) < TOLERANCE


@pytest.mark.parametrize("name", ["Llama", "Mamba"])
def test_what_was_not_declared_is_a_sentence(name):
    view = network(name).open(TokenTree(), PROMPT, "view", hidden=(0, 2))
    assert view.hidden([ROOT], 2).shape == (1, 32)
    with pytest.raises(MethodError, match="Layer 1 was not declared when 'view' was opened"):
        view.hidden([ROOT], 1)
    with pytest.raises(MethodError, match="no node at all"):
        view.hidden([], 2)
    with pytest.raises(InputError, match="There is no layer 5: from 0 to 4"):
        network(name).open(TokenTree(), PROMPT, "view", hidden=(BLOCKS + 1,))


# Precision and attention -------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ["Llama", "GPT-2", "Gemma 3", "Mixtral"])
def test_eager_attention_reads_trees_as_sdpa_does(name, attention):
    """Eager attention adds its mask: a boolean one would be silently wrong."""
    net = build(name, attention)
    assert net.config._attn_implementation == attention
    tree = random_tree(20)
    view = wrapped(net).open(tree, PROMPT, "view")
    want = each_alone(network(name).net, tree, range(20))
    assert apart(torch.cat([view(range(9)), view(range(9, 20))]), want) < TOLERANCE


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ["Llama", "Gemma 3"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_are_right_within_their_precision(name, attention, dtype):
    net = build(name, attention).to(dtype)
    tree = random_tree(20)
    view = wrapped(net).open(tree, PROMPT, "view")
    got = torch.cat([view(range(9)), view(range(9, 20))])
    want = each_alone(net, tree, range(20)).float()
    assert got.dtype == torch.float32
    assert torch.isfinite(got).all()
    # A wrong mask is off by as much as the logits spread.
    assert apart(got, want) < 0.1 * float(want.std())


def test_a_network_says_what_it_is(llama):
    told = llama.describe()
    assert told["class"] == "LlamaForCausalLM"
    assert (told["dtype"], told["device"], told["reading"]) == ("float32", "cpu", "tree")
    assert told["attention"] == "sdpa"
    assert (llama.vocab_size, llama.context_length) == (VOCABULARY, CONTEXT)


def test_two_trees_are_two_texts(llama):
    """Views share the prompt and nothing else."""
    trees = [random_tree(10, seed) for seed in (1, 2)]
    views = [llama.open(tree, PROMPT, "view") for tree in trees]
    for size in (10, 15):
        for tree, view in zip(trees, views, strict=True):
            grow(tree, size, seed=size)
            assert apart(view(range(size)), each_alone(llama.net, tree, range(size))) < TOLERANCE
