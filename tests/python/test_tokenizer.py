# SPDX-License-Identifier: Apache-2.0
"""The tokenizer against the sentencepiece package."""
import importlib.util
import pathlib

import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

ROOT = pathlib.Path(__file__).parents[2]
PATH = ROOT / "python/action_images/models/embedded/tokenizer.model"
PROMPTS = ["reach the red block", "pick up a yellow cube", "go to the box.", "slide it 3 cm, slowly!", "", "\u00fcber"]


def tokenizer(**options):
    try:
        return model.Tokenizer(PATH, **options)
    except ValueError as error:
        if "without SentencePiece" in str(error):
            pytest.skip(str(error))
        raise


def training_script():
    spec = importlib.util.spec_from_file_location("train_tokenizer", ROOT / "scripts/train_tokenizer.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_ids_equal_the_sentencepiece_package():
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(PATH))
    ids, mask = tokenizer().encode(PROMPTS, 40)
    for row, prompt in enumerate(PROMPTS):
        expected = processor.encode(prompt) + [processor.eos_id()]
        assert ids[row].tolist() == expected + [processor.pad_id()] * (40 - len(expected))
        assert mask[row].tolist() == [1] * len(expected) + [0] * (40 - len(expected))


def test_every_colour_is_one_token():
    for colour in ("red", "green", "blue", "yellow"):
        assert tokenizer().pieces(colour) == [f"\u2581{colour}"]


def test_an_over_long_prompt_is_refused_or_cut():
    with pytest.raises(ValueError, match="prompt: expected at most 4 tokens with the end of sentence, got 5"):
        tokenizer().encode("reach the red block", 4)
    ids, mask = tokenizer(truncate=True).encode("reach the red block", 4)
    assert ids[0, -1] == 1 and mask.sum() == 4


def test_capitals_are_lowered_on_request():
    lowered, _ = tokenizer(lower_case=True).encode("Reach the RED block", 8)
    assert torch.equal(lowered, tokenizer().encode("reach the red block", 8)[0])


def test_the_embedded_tokenizer_is_what_its_script_trains():
    pytest.importorskip("sentencepiece")
    script = training_script()
    trained = script.check(script.train())
    kept = tokenizer()
    assert trained.get_piece_size() == kept.vocab
    for prompt in PROMPTS:
        assert trained.encode(prompt, out_type=str) == kept.pieces(prompt)


def test_a_file_that_is_no_model_is_a_value_error(tmp_path):
    (tmp_path / "tokenizer.model").write_text("this is text")
    with pytest.raises(ValueError, match="a SentencePiece model|without SentencePiece"):
        model.Tokenizer(tmp_path / "tokenizer.model")
