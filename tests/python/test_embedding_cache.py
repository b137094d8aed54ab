# SPDX-License-Identifier: Apache-2.0
"""Prompt embeddings on disk: the text encoder is loaded for what is missing, used, and freed."""
import hashlib
import threading

import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

CONFIG = dict(vocab=64, dim=16, dim_attn=16, dim_ffn=32, num_heads=2, num_layers=1)


class TextEncoder:
    """Counts how often a text encoder is made and what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, prompts):
        self.asked.append(prompts)
        encoder = model.UMT5Encoder(CONFIG)
        encoder.initialize(1)
        ids = torch.tensor([[ord(c) % 64 for c in prompt[:8].ljust(8)] for prompt in prompts])
        mask = torch.tensor([[int(i < len(prompt)) for i in range(8)] for prompt in prompts])
        return encoder(ids, mask)


@pytest.fixture
def cache(tmp_path):
    return model.EmbeddingCache(tmp_path / "cache", encoder="tiny", length=8)


def test_the_second_time_no_encoder_is_made(cache, tmp_path):
    encode = TextEncoder()
    states = cache.embed(["red", "", "red"], encode)
    assert states.shape == (3, 8, 16) and encode.asked == [["red", ""]]
    again = model.EmbeddingCache(tmp_path / "cache", encoder="tiny", length=8)
    assert torch.equal(again.embed(["", "red"], encode), states[[1, 2]])
    assert len(encode.asked) == 1
    assert torch.equal(again.find("red"), states[0]) and again.find("blue") is None


def test_files_are_named_by_the_sha1_of_their_content(cache):
    content = "tiny\nwhitespace\n8\nred & blue"
    assert cache.path(" red &amp; blue").name == hashlib.sha1(content.encode()).hexdigest() + ".safetensors"


def test_a_damaged_file_is_a_warning_and_computed_again(cache):
    encode = TextEncoder()
    states = cache.embed(["red"], encode)
    cache.path("red").write_bytes(cache.path("red").read_bytes()[:-1])
    with pytest.warns(RuntimeWarning, match="a damaged prompt embedding is computed again"):
        assert torch.equal(cache.embed(["red"], encode), states)
    assert torch.equal(cache.embed(["red"], encode), states) and len(encode.asked) == 2


def test_errors_of_the_encoder_reach_the_caller(cache):
    def fail(prompts):
        raise KeyError(prompts[0])

    with pytest.raises(KeyError, match="red"):
        cache.embed(["red"], fail)
    with pytest.raises(ValueError, match=r"encode: expected \(1, 8, dim\), got \(1, 7, 16\)"):
        cache.embed(["red"], lambda prompts: torch.zeros(1, 7, 16))


def test_threads_share_a_folder(cache):
    encode = TextEncoder()
    expected = encode([str(i) for i in range(10)])
    results = {}

    def work(name):
        results[name] = cache.embed([str(i) for i in range(10)], encode)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(torch.equal(results[name], expected) for name in range(4))


def test_a_fingerprint_names_contents_and_not_the_file(tmp_path):
    (tmp_path / "a").write_bytes(b"weights")
    (tmp_path / "b").write_bytes(b"weights")
    (tmp_path / "c").write_bytes(b"weight!")
    one, same, other = (model.file_fingerprint(tmp_path / name) for name in "abc")
    assert one == same != other
