"""Tiny tokenizers and folders as a trained model's would be, and what is said of bad ones."""

import json

import pytest
import torch
import transformers as hf
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from explorer.errors import ModelError
from explorer.models.loading import load_model

TEXTS = ["once upon a time there was a miller who had a mill"] * 3
CHAT = (
    "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant:{% endif %}"
)
WIDTHS = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}


def byte_level(begin: bool = False, end: bool = False, **options) -> hf.PreTrainedTokenizerFast:
    """Byte-level BPE with <s>, </s> and a plain added token; `begin` and `end` are put around."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        TEXTS,
        BpeTrainer(
            vocab_size=300,
            special_tokens=["<s>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    bpe.add_tokens([AddedToken("two  spaces", normalized=False)])
    single = ["<s>"] * begin + ["$A"] + ["</s>"] * end
    bpe.post_processor = TemplateProcessing(
        single=" ".join(single), special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", **options
    )


def sentencepiece_like() -> hf.PreTrainedTokenizerFast:
    """Pieces with ▁ for the space and bytes as <0xE2>, as in Llama 2."""
    pieces = ["<unk>", "<s>", "</s>", *[f"<0x{i:02X}>" for i in range(256)], "▁", *"abcdeht"]
    pieces += ["▁t", "▁th", "▁the"]
    merges = [("▁", "t"), ("▁t", "h"), ("▁th", "e")]
    bpe = Tokenizer(
        models.BPE(
            {piece: i for i, piece in enumerate(pieces)},
            merges,
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    bpe.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def llama(tokenizer, **changes) -> hf.LlamaForCausalLM:
    """A random Llama with as many tokens as the tokenizer has."""
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "eos_token_id": 1}
    return hf.LlamaForCausalLM(
        hf.LlamaConfig(**({"vocab_size": len(tokenizer)} | WIDTHS | ends | changes))
    )


def t5(tokenizer) -> hf.T5ForConditionalGeneration:
    """A random T5 with as many tokens as the tokenizer has."""
    torch.manual_seed(0)
    return hf.T5ForConditionalGeneration(
        hf.T5Config(
            vocab_size=len(tokenizer),
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            eos_token_id=1,
            pad_token_id=0,
            decoder_start_token_id=0,
        )
    )


def save(folder, net, tokenizer, **options):
    """A folder as `from_pretrained` reads it."""
    net.save_pretrained(folder, **options)
    tokenizer.save_pretrained(folder)
    return folder


def change(path, **changes):
    """Sets fields of a JSON file; None takes one out."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def sentence(model_id, kind=ModelError, **options):
    """What is said when this model is asked for: one line, no traceback's words."""
    with pytest.raises(kind) as caught:
        load_model(str(model_id), **options)
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert "Traceback" not in said
    return said
