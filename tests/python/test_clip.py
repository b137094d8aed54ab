# SPDX-License-Identifier: Apache-2.0
"""The CLIP image encoder of Wan 2.1 I2V against diffsynth and transformers, on random weights."""
import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

CONFIGS = [
    dict(image_size=28, patch_size=7, dim=24, ffn_dim=96, num_heads=3, num_layers=3, eps=1e-5),
    dict(image_size=32, patch_size=4, dim=40, ffn_dim=160, num_heads=2, num_layers=2, eps=1e-5),
    dict(image_size=224, patch_size=14, dim=64, ffn_dim=256, num_heads=4, num_layers=5, eps=1e-5),
]
SIZES = [(28, 28), (45, 61), (300, 17)]  # of the pictures, for each config


def images(config, batch=2):
    size = SIZES[CONFIGS.index(config)]
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(3)) * 2 - 1


def randomise(module):
    """Weights large enough for every term to matter."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            scale = 0.3 if "norm" in name or "lay" in name and noise.dim() == 1 else max(parameter[0].numel(), 1) ** -0.5
            parameter.copy_(noise * scale + ("norm" in name and name.endswith("weight")))
    return module.eval()


def relative_error(got, reference):
    return float((got - reference).abs().max() / reference.abs().max())


def import_diffsynth():
    transformers = pytest.importorskip("transformers")
    import transformers.modeling_utils as modeling_utils

    modeling_utils.PretrainedConfig = transformers.PretrainedConfig  # diffsynth imports it from there
    return pytest.importorskip("diffsynth.models.wan_video_image_encoder", exc_type=ImportError)


def diffsynth_encoder(config):
    """Its encoder, made for one size only, around a vision transformer of this config."""
    module = import_diffsynth()
    vision = module.VisionTransformer(
        image_size=config["image_size"], patch_size=config["patch_size"], dim=config["dim"],
        mlp_ratio=config["ffn_dim"] / config["dim"], out_dim=16, num_heads=config["num_heads"],
        num_layers=config["num_layers"], activation="gelu", norm_eps=config["eps"])
    encoder = module.WanImageEncoder.__new__(module.WanImageEncoder)
    torch.nn.Module.__init__(encoder)
    encoder.model = torch.nn.Module()
    encoder.model.visual, encoder.model.image_size = vision, config["image_size"]
    from torchvision import transforms

    encoder.transforms = transforms.Compose(
        [transforms.Normalize([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])])
    return randomise(encoder)


def transformers_encoder(config):
    transformers = pytest.importorskip("transformers")
    return randomise(transformers.CLIPVisionModel(transformers.CLIPVisionConfig(
        hidden_size=config["dim"], intermediate_size=config["ffn_dim"], num_hidden_layers=config["num_layers"],
        num_attention_heads=config["num_heads"], image_size=config["image_size"], patch_size=config["patch_size"],
        hidden_act="gelu", layer_norm_eps=config["eps"])))


def encoder_with(config, state):
    encoder = model.WanImageEncoder(config)
    encoder.load_state_dict(state)
    return encoder


@pytest.mark.oracle
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"dim{config['dim']}")
def test_tokens_equal_diffsynth(config):
    reference = diffsynth_encoder(config)
    pictures = images(config)
    with torch.no_grad():
        expected = reference.encode_image([picture[None].clone() for picture in pictures])
    tokens = encoder_with(config, reference.state_dict())(pictures)
    assert tokens.shape == expected.shape
    assert relative_error(tokens, expected) < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"dim{config['dim']}")
def test_tokens_equal_the_penultimate_states_of_transformers(config):
    reference = transformers_encoder(config)
    pixels = model.clip_pixels(images(config), config["image_size"])
    with torch.no_grad():
        expected = reference(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
    assert relative_error(encoder_with(config, reference.state_dict())(images(config)), expected) < 1e-5


@pytest.mark.oracle
def test_pixels_equal_torchvision_and_interpolate():
    transforms = pytest.importorskip("torchvision.transforms")
    pictures = images(CONFIGS[1])
    square = torch.nn.functional.interpolate(pictures, size=(32, 32), mode="bicubic", align_corners=False)
    normalise = transforms.Normalize([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    torch.testing.assert_close(model.clip_pixels(pictures, 32), normalise(square * 0.5 + 0.5), rtol=1e-6, atol=1e-6)


@pytest.mark.oracle
def test_bfloat16_errs_no_more_than_diffsynth():
    config = CONFIGS[2]
    reference = diffsynth_encoder(config)
    exact = encoder_with(config, reference.state_dict())(images(config))
    rough = encoder_with(config, reference.state_dict()).to(torch.bfloat16)(images(config))
    with torch.no_grad():
        theirs = reference.to(torch.bfloat16).encode_image([picture[None].clone() for picture in images(config)])
    ours = float((rough.float() - exact).norm())
    assert ours <= 1.05 * float((theirs.float() - exact).norm())


@pytest.mark.oracle
@pytest.mark.slow
def test_names_and_shapes_are_those_of_the_published_network():
    module = import_diffsynth()
    with torch.device("meta"):
        vision = module.VisionTransformer(
            image_size=224, patch_size=14, dim=1280, out_dim=1024, num_heads=16, num_layers=32, activation="gelu")
    published = {f"visual.{name}": tensor for name, tensor in vision.state_dict().items()}
    used = model.WanImageEncoder().state_dict()
    assert {name: used[name].shape for name in used} == {name: published[name].shape for name in used}
    assert all(name.startswith(("visual.transformer.31.", "visual.post_norm.", "visual.head"))
               for name in set(published) - set(used))


def test_a_state_of_its_own_and_wrong_states():
    config = CONFIGS[0]
    encoder = model.WanImageEncoder(config)
    encoder.initialize(1)
    state = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    assert torch.equal(encoder_with(config, state)(images(config)), encoder(images(config)))
    state["extra"] = state.pop("visual.cls_embedding")
    with pytest.raises(ValueError, match="(?s)missing.*visual.cls_embedding.*unexpected.*extra"):
        encoder.load_state_dict(state)
