"""The tokenizer: byte-level BPE of 4,096 tokens, trained on the books that are not held out.

No normaliser and no prefix space: any Unicode text comes back exactly as it was. Digits stand
alone, so that sums can be worked digit by digit. `<|end|>` closes every document and is also the
BOS token, because in training every document follows the end of another one; it is not added
automatically, so that the ids of a text are those of the text and nothing else.
"""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from training.corpus import Book

VOCAB_SIZE = 4096
CONTEXT = 1024

END = "<|end|>"
PAD = "<|pad|>"
# Each task of the small world opens with its own tag; `<|answer|>` stands where the answer begins.
TASK_TAGS = (
    "<|answer|>",
    "<|fact|>",
    "<|passage|>",
    "<|question|>",
    "<|sum|>",
    "<|record|>",
    "<|json|>",
    "<|lookup|>",
    "<|keywords|>",
    "<|correct|>",
    "<|dialogue|>",
    "<|user|>",
    "<|bot|>",
    "<|story|>",
    "<|cheerful|>",
    "<|gloomy|>",
)
SPECIAL_TOKENS = (END, PAD, *TASK_TAGS)

# Words with their leading space, single digits, runs of punctuation, line breaks; as in GPT-2, but
# with digits apart and with runs of line breaks kept whole.
PIECES = Regex(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\n+|\s+(?!\S)|\s+")


def train_tokenizer(
    texts: Iterable[str], vocab_size: int = VOCAB_SIZE, context: int = CONTEXT
) -> PreTrainedTokenizerFast:
    """Train byte-level BPE (Sennrich et al. 2016; bytes as in GPT-2) on `texts`."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        # All 256 bytes are tokens, so nothing is ever unknown.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=END,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(TASK_TAGS),
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


def training_texts(books: Iterable[Book]) -> Iterable[str]:
    """The documents the tokenizer may see: those of the books that are not held out."""
    return (text for book in books if not book.held_out for text in book.documents)
