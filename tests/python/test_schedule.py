# SPDX-License-Identifier: Apache-2.0
"""The flow-matching schedule against diffsynth and diffusers."""
import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

CASES = [(1, 5.0), (2, 5.0), (7, 3.0), (16, 5.0), (50, 5.0), (1000, 5.0), (1000, 1.0)]


@pytest.fixture(scope="module")
def flow_match():
    transformers = pytest.importorskip("transformers")
    import transformers.modeling_utils as modeling_utils

    modeling_utils.PretrainedConfig = transformers.PretrainedConfig  # diffsynth imports it from there
    return pytest.importorskip("diffsynth.schedulers.flow_match", exc_type=ImportError).FlowMatchScheduler


@pytest.mark.parametrize("steps, shift", CASES)
@pytest.mark.parametrize("sigma_min, extra", [(0.0, True), (0.1, True), (0.003 / 1.002, False)])
@pytest.mark.oracle
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_tables_equal_diffsynth(flow_match, steps, shift, sigma_min, extra, strength):
    reference = flow_match(shift=shift, sigma_min=sigma_min, extra_one_step=extra)
    reference.set_timesteps(steps, denoising_strength=strength, training=True)
    schedule = model.FlowMatchSchedule(
        steps, shift=shift, sigma_min=sigma_min, extra_one_step=extra, strength=strength)
    torch.testing.assert_close(schedule.sigmas, reference.sigmas, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(schedule.timesteps, reference.timesteps, rtol=1e-6, atol=1e-6)
    weights = reference.linear_timesteps_weights  # not a number where few steps make float32 underflow
    expected = weights if weights.isfinite().all() else torch.ones(steps)
    torch.testing.assert_close(schedule.training_weights, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.oracle
def test_steps_and_noise_equal_diffsynth(flow_match):
    reference = flow_match(shift=5, sigma_min=0.0, extra_one_step=True)
    reference.set_timesteps(20)
    schedule = model.FlowMatchSchedule(20)
    latents, velocity, noise = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0)).unbind()
    for index, timestep in enumerate(reference.timesteps):
        torch.testing.assert_close(
            schedule.step(velocity, index, latents), reference.step(velocity, timestep, latents), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(
            schedule.add_noise(latents, noise, index), reference.add_noise(latents, noise, timestep), rtol=1e-6, atol=1e-6)


@pytest.mark.oracle
def test_sigmas_equal_diffusers_given_the_even_grid():
    diffusers = pytest.importorskip("diffusers")
    reference = diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0)
    reference.set_timesteps(sigmas=torch.linspace(1, 0, 51)[:-1].tolist())
    schedule = model.FlowMatchSchedule(50)
    torch.testing.assert_close(schedule.sigmas, reference.sigmas[:-1], rtol=1e-6, atol=1e-6)


def test_seeded_noise_is_torch_cpu_noise_of_the_seed():
    expected = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(11))
    assert torch.equal(model.seeded_noise([2, 3, 7], 11), expected)


def test_denoise_reaches_the_clean_sample_and_reports_progress():
    noise, clean = model.seeded_noise([2, 3, 4], 0), model.seeded_noise([2, 3, 4], 1)
    schedule, told = model.FlowMatchSchedule(6), []
    keep = torch.zeros(1, 1, 4, dtype=torch.bool)
    keep[..., 0] = True
    result = model.denoise(schedule, lambda latents, timestep: noise - clean, noise, clean, keep,
                           lambda step, steps: told.append((step, steps)))
    torch.testing.assert_close(result, clean, rtol=1e-5, atol=1e-5)
    assert torch.equal(result[..., 0], clean[..., 0])
    assert told == [(step, 6) for step in range(1, 7)]


def test_an_exception_in_a_denoiser_passes_through():
    def broken(latents, timestep):
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        model.denoise(model.FlowMatchSchedule(2), broken, torch.zeros(1, 2))


def test_wrong_arguments_are_value_errors():
    with pytest.raises(ValueError, match="steps: expected at least 1, got 0"):
        model.FlowMatchSchedule(0)
    with pytest.raises(ValueError, match="index: expected 0 to 4, got 5"):
        model.FlowMatchSchedule(5).step(torch.zeros(1), 5, torch.zeros(1))
