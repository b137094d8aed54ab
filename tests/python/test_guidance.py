# SPDX-License-Identifier: Apache-2.0
"""Guidance and step caches from Python: any callable is a denoiser, and what they return is one too."""
import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")


@pytest.fixture
def noise():
    return model.seeded_noise([2, 3, 4, 5], 0)


class Counted:
    """A velocity that remembers the timesteps that it was asked for."""

    def __init__(self, factor):
        self.factor, self.timesteps = factor, []

    def __call__(self, latents, timestep):
        self.timesteps.append(timestep[0].item())
        return self.factor * torch.tanh(latents) + timestep.reshape(-1, 1, 1, 1) / 1000


@pytest.mark.parametrize("rescale", [0.0, 0.3, 1.0])
@pytest.mark.oracle
def test_rescaled_guidance_equals_diffusers(rescale):
    stable_diffusion = pytest.importorskip("diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion")
    conditional, unconditional = torch.randn(2, 3, 4, 5, 6, 7, generator=torch.Generator().manual_seed(0)).unbind()
    mixed = model.guide(conditional, unconditional, 7.5)
    expected = stable_diffusion.rescale_noise_cfg(mixed, conditional, rescale)
    torch.testing.assert_close(model.rescale_guided(mixed, conditional, rescale), expected, rtol=1e-5, atol=1e-6)


def test_guidance_on_an_interval_spares_the_unconditional_denoiser(noise):
    conditional, unconditional = Counted(1.0), Counted(-1.0)
    schedule = model.FlowMatchSchedule(10)
    denoiser = model.guided(conditional, unconditional, 5.0, rescale=0.5, interval=(0.5, 0.95))
    model.denoise(schedule, denoiser, noise)
    assert conditional.timesteps == schedule.timesteps.tolist()
    assert unconditional.timesteps == [t for t in conditional.timesteps if 500 <= t <= 950]
    with pytest.raises(ValueError, match="interval: expected 0 <= low <= high <= 1"):
        model.guided(conditional, unconditional, 5.0, interval=(0.5, 1.5))


@pytest.mark.parametrize("solver", ["euler", "unipc", "unipc-bh1", "dpm++2m"])
def test_a_python_denoiser_and_a_cached_one_run_with_every_solver(solver, noise):
    exact, cached = Counted(1.0), Counted(1.0)
    schedule = model.FlowMatchSchedule.for_solver(solver, 20)
    cache = model.StepCache.easy(cached, threshold=0.1)
    expected = model.denoise(schedule, exact, noise, solver=solver)
    result = model.denoise(schedule, cache, noise, solver=solver)
    assert cache.evaluated == len(cached.timesteps) < 20 and cache.evaluated + cache.reused == 20
    assert (result - expected).abs().max() < 0.1 * expected.abs().max()


def test_every_step_cache_counts_and_repeats_itself(noise):
    schedule = model.FlowMatchSchedule(30)
    for make in (model.StepCache.cosine, model.StepCache.easy, model.StepCache.tea):
        cache = make(Counted(1.0))
        first = model.denoise(schedule, cache, noise)
        assert cache.reused > 0 and cache.evaluated + cache.reused == 30
        assert torch.equal(model.denoise(schedule, cache, noise), first)
        assert cache.evaluated + cache.reused == 60


def test_an_indicator_and_a_polynomial_decide_for_teacache(noise):
    asked = []
    cache = model.StepCache.tea(
        Counted(1.0), 1.0, indicator=lambda latents, timestep: asked.append(1) or timestep, polynomial=[0.0])
    model.denoise(model.FlowMatchSchedule(6), cache, noise)
    assert cache.evaluated == 3 and len(asked) == 6


def test_unknown_solvers_and_options_are_value_errors(noise):
    with pytest.raises(ValueError, match=r"solver: expected euler, unipc, unipc-bh1 or dpm\+\+2m, got heun"):
        model.denoise(model.FlowMatchSchedule(2), Counted(1.0), noise, solver="heun")
    with pytest.raises(ValueError, match="threshold: expected a number >= 0, got -1"):
        model.StepCache.easy(Counted(1.0), threshold=-1.0)
    with pytest.raises(ValueError, match="sigmas: expected numbers that fall within"):
        model.FlowMatchSchedule.from_sigmas(torch.tensor([0.2, 0.4]))
