#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the embedded model's tokenizer: a tiny SentencePiece model over the words of tabletop instructions.

Every word of the list becomes one token, and every other word falls apart into letters, so that any prompt of a-z, digits
and the usual punctuation has tokens. Text is expected in small letters (the embedded model's config says lower_case). The
output depends on this file and on the version of the sentencepiece package only.

    python scripts/train_tokenizer.py [OUTPUT]
"""
import io
import itertools
import os
import pathlib
import string
import sys

import sentencepiece

VERBS = ("reach", "grasp", "pick up", "grab", "touch", "move to", "go to", "take", "approach", "push", "close to")
ARTICLES = ("the", "a", "")
COLOURS = ("red", "green", "blue", "yellow")
NOUNS = ("block", "cube", "object", "brick", "box")
CHARACTERS = string.ascii_lowercase + string.digits + ".,!?'-"
VOCABULARY = 160
DEFAULT_OUTPUT = pathlib.Path(__file__).parents[1] / "python/action_images/models/embedded/tokenizer.model"


def words():
    """The words that must be single tokens, sorted."""
    return sorted({word for text in VERBS + ARTICLES + COLOURS + NOUNS for word in text.split()})


def corpus():
    """Every instruction once, and every word often enough to be merged into one token."""
    instructions = (" ".join(part for part in parts if part)
                    for parts in itertools.product(VERBS, ARTICLES, COLOURS, NOUNS))
    return [*instructions, *words() * 100]


def train():
    """The model as bytes."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, model_type="bpe", vocab_size=VOCABULARY,
        hard_vocab_limit=False, normalization_rule_name="identity", required_chars=CHARACTERS, character_coverage=1.0,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, num_threads=1, minloglevel=2)
    return model.getvalue()


def check(model):
    """Refuses a model that splits a word of the list."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    split = [word for word in words() if len(processor.encode(word)) != 1]
    if split:
        raise SystemExit(f"these words are not single tokens: {', '.join(split)}")
    return processor


def main(output=DEFAULT_OUTPUT):
    model = train()
    processor = check(model)
    output = pathlib.Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        file.write(model)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(output)
    print(f"{output}: {processor.get_piece_size()} tokens, {len(model)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:2])
