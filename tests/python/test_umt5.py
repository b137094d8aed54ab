# SPDX-License-Identifier: Apache-2.0
"""The UMT5 encoder against transformers and diffsynth, on random weights and padded batches."""
import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

CONFIGS = [
    dict(vocab=64, dim=32, dim_attn=32, dim_ffn=64, num_heads=4, num_layers=2, num_buckets=32, shared_pos=False),
    dict(vocab=100, dim=48, dim_attn=24, dim_ffn=80, num_heads=3, num_layers=3, num_buckets=16, shared_pos=False),
    dict(vocab=37, dim=64, dim_attn=128, dim_ffn=40, num_heads=8, num_layers=4, num_buckets=8, shared_pos=False),
]
LENGTHS = (300, 1, 17, 120)  # of the rows of a batch; 300 reaches the farthest bucket


def batch(vocab):
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(0, vocab, (len(LENGTHS), max(LENGTHS) + 4), generator=generator)
    mask = torch.arange(ids.shape[1]) < torch.tensor(LENGTHS)[:, None]
    return ids, mask.long()


def random_weights(encoder):
    """Weights large enough for scores and biases to matter."""
    generator = torch.Generator().manual_seed(1)

    def fill(name, tensor):
        noise = torch.randn(tensor.shape, generator=generator)
        if "norm" in name:
            return 1 + 0.3 * noise
        return noise if "embedding" in name else noise * 0.7 * tensor.shape[-1] ** -0.5

    return {name: fill(name, tensor) for name, tensor in encoder.state_dict().items()}


def relative_error(states, reference, mask):
    difference = (states - reference)[mask.bool()]
    return float(difference.abs().max() / reference[mask.bool()].abs().max())


def transformers_name(name):
    for ours, theirs in (("attn", "layer.0.SelfAttention"), ("norm1", "layer.0.layer_norm"),
                         ("pos_embedding.embedding", "layer.0.SelfAttention.relative_attention_bias"),
                         ("norm2", "layer.1.layer_norm"), ("ffn.gate.0", "layer.1.DenseReluDense.wi_0"),
                         ("ffn.fc1", "layer.1.DenseReluDense.wi_1"), ("ffn.fc2", "layer.1.DenseReluDense.wo")):
        block, _, rest = name.partition(ours + ".")
        if block.startswith("blocks.") and rest:
            return f"encoder.{block.replace('blocks', 'block')}{theirs}.{rest}"
    return {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}[name]


def transformers_encoder(config, weights):
    transformers = pytest.importorskip("transformers")
    reference = transformers.UMT5EncoderModel(transformers.UMT5Config(
        vocab_size=config["vocab"], d_model=config["dim"], d_kv=config["dim_attn"] // config["num_heads"],
        d_ff=config["dim_ffn"], num_heads=config["num_heads"], num_layers=config["num_layers"],
        relative_attention_num_buckets=config["num_buckets"], feed_forward_proj="gated-gelu",
        dropout_rate=0.0)).eval()
    state = {transformers_name(name): tensor for name, tensor in weights.items()}
    missing, unexpected = reference.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"encoder.embed_tokens.weight"}
    return lambda ids, mask: reference(input_ids=ids, attention_mask=mask).last_hidden_state


def diffsynth_encoder(config, weights):
    transformers = pytest.importorskip("transformers")
    import transformers.modeling_utils as modeling_utils

    modeling_utils.PretrainedConfig = transformers.PretrainedConfig  # diffsynth imports it from there
    module = pytest.importorskip("diffsynth.models.wan_video_text_encoder", exc_type=ImportError)
    reference = module.WanTextEncoder(**config, dropout=0.0).eval()
    reference.load_state_dict(weights)
    return reference


@pytest.mark.oracle
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"dim{config['dim']}")
@pytest.mark.parametrize("reference", [transformers_encoder, diffsynth_encoder])
def test_states_of_a_padded_batch_equal_the_reference(config, reference):
    encoder = model.UMT5Encoder(config)
    weights = random_weights(encoder)
    encoder.load_state_dict(weights)
    ids, mask = batch(config["vocab"])
    with torch.no_grad():
        expected = reference(config, weights)(ids, mask)
    assert relative_error(encoder(ids, mask), expected, mask) < 1e-5


@pytest.mark.oracle
def test_shared_position_biases_equal_diffsynth():
    config = {**CONFIGS[0], "shared_pos": True}
    encoder = model.UMT5Encoder(config)
    weights = random_weights(encoder)
    encoder.load_state_dict(weights)
    ids, mask = batch(config["vocab"])
    with torch.no_grad():
        expected = diffsynth_encoder(config, weights)(ids, mask)
    assert relative_error(encoder(ids, mask), expected, mask) < 1e-5


@pytest.mark.oracle
def test_gradients_equal_diffsynth():
    config = CONFIGS[0]
    encoder = model.UMT5Encoder(config)
    weights = random_weights(encoder)
    encoder.load_state_dict(weights)
    encoder.requires_grad_()
    reference = diffsynth_encoder(config, weights)
    ids, mask = batch(config["vocab"])
    weighting = torch.randn(*ids.shape, config["dim"], generator=torch.Generator().manual_seed(2)) * mask[..., None]
    (encoder(ids, mask) * weighting).sum().backward()
    (reference(ids, mask) * weighting).sum().backward()
    expected = dict(reference.named_parameters())
    for name, parameter in encoder.named_parameters():
        scale = expected[name].grad.abs().max()
        assert float((parameter.grad - expected[name].grad).abs().max() / scale) < 1e-4, name


def test_the_network_can_compute_with_tensors_that_python_owns():
    config = CONFIGS[1]
    weights = random_weights(model.UMT5Encoder(config))
    leaf = weights["blocks.0.attn.q.weight"].requires_grad_()
    ids, mask = batch(config["vocab"])
    model.UMT5Encoder(config, tensors=weights)(ids, mask).sum().backward()
    assert leaf.grad is not None and leaf.grad.abs().max() > 0


@pytest.mark.oracle
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"dim{config['dim']}")
def test_bfloat16_errs_no_more_than_diffsynth(config):
    encoder = model.UMT5Encoder(config)
    weights = random_weights(encoder)
    encoder.load_state_dict(weights)
    ids, mask = batch(config["vocab"])
    states = encoder(ids, mask)
    rough = encoder.to(torch.bfloat16)(ids, mask)
    with torch.no_grad():
        theirs = diffsynth_encoder(config, weights).to(torch.bfloat16)(ids, mask)
    assert rough.dtype == torch.bfloat16
    real = mask.bool()
    assert (rough.float() - states)[real].norm() <= (theirs.float() - states)[real].norm()


def test_a_row_with_a_hole_and_one_without_tokens_disturb_nobody():
    config = CONFIGS[0]
    encoder = model.UMT5Encoder(config)
    encoder.load_state_dict(random_weights(encoder))
    ids, mask = batch(config["vocab"])
    states = encoder(ids, mask)
    others = mask.clone()
    others[1] = 0
    others[2, 5] = 0
    changed = encoder(ids, others)
    torch.testing.assert_close(changed[[0, 3]], states[[0, 3]], rtol=1e-5, atol=1e-5)
    assert not changed[1].any() and not changed[2, 5].any() and changed.isfinite().all()


@pytest.mark.oracle
def test_a_state_with_the_names_of_transformers_is_loaded():
    config = CONFIGS[1]
    encoder = model.UMT5Encoder(config)
    weights = random_weights(encoder)
    renamed = {transformers_name(name): tensor for name, tensor in weights.items()}
    renamed["encoder.embed_tokens.weight"] = renamed["shared.weight"]
    encoder.load_state_dict(renamed)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in encoder.state_dict().items())


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("reference", [transformers_encoder, diffsynth_encoder])
def test_a_layer_of_full_width_equals_the_reference(reference):
    config = dict(vocab=300, dim=4096, dim_attn=4096, dim_ffn=10240, num_heads=64, num_layers=1, num_buckets=32,
                  shared_pos=False)
    encoder = model.UMT5Encoder(config)
    weights = random_weights(encoder)
    encoder.load_state_dict(weights)
    ids, mask = batch(config["vocab"])
    ids, mask = ids[:2], torch.stack([mask[3], mask[2]])
    with torch.no_grad():
        expected = reference(config, weights)(ids, mask)
    assert relative_error(encoder(ids, mask), expected, mask) < 1e-4


@pytest.mark.oracle
@pytest.mark.slow
def test_names_and_shapes_are_those_of_the_published_network():
    reference_class = type(diffsynth_encoder(CONFIGS[0], random_weights(model.UMT5Encoder(CONFIGS[0]))))
    with torch.device("meta"):
        published = reference_class().state_dict()
    config = dict(vocab=256384, dim=4096, dim_attn=4096, dim_ffn=10240, num_heads=64, num_layers=24, num_buckets=32,
                  shared_pos=False)
    meta = {name: torch.empty(tensor.shape, device="meta") for name, tensor in published.items()}
    encoder = model.UMT5Encoder(config, tensors=meta)
    assert {name: tensor.shape for name, tensor in encoder.named_parameters()} == \
        {name: tensor.shape for name, tensor in published.items()}


def test_loading_names_everything_that_does_not_fit():
    encoder = model.UMT5Encoder(CONFIGS[0])
    state = encoder.state_dict()
    del state["norm.weight"]
    state["extra"] = torch.zeros(1)
    with pytest.raises(ValueError, match="(?s)norm.weight.*extra|extra.*norm.weight"):
        encoder.load_state_dict(state)


def test_wrong_configs_and_inputs_are_value_errors():
    with pytest.raises(ValueError, match="dim_attn: expected a multiple of num_heads = 3, got 32"):
        model.UMT5Encoder({**CONFIGS[0], "num_heads": 3})
    with pytest.raises(ValueError, match="ids: expected 0 to 63, got 64"):
        model.UMT5Encoder(CONFIGS[0])(torch.tensor([[64]]))
