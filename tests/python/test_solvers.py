# SPDX-License-Identifier: Apache-2.0
"""UniPC, DPM-Solver++ and Euler against diffusers' and diffsynth's, on schedules, single steps and whole trajectories."""
import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers' own

STEPS_AND_SHIFTS = [(2, 5.0), (3, 1.0), (5, 3.0), (10, 5.0), (10, 1.0), (14, 8.0), (20, 3.0), (50, 5.0)]
SOLVERS = ["unipc", "unipc-bh1", "dpm++2m"]


def diffusers_scheduler(solver, steps, shift, sigmas=None):
    """The scheduler of diffusers that a solver stands for, its sigmas in double precision."""
    diffusers = pytest.importorskip("diffusers")
    options = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": shift, "solver_order": 2}
    if solver == "dpm++2m":
        scheduler = diffusers.DPMSolverMultistepScheduler(**options)
    else:
        scheduler = diffusers.UniPCMultistepScheduler(**options, solver_type="bh1" if solver.endswith("bh1") else "bh2")
    scheduler.set_timesteps(steps) if sigmas is None else scheduler.set_timesteps(sigmas=sigmas)
    scheduler.set_begin_index(0)  # cut to whole numbers, two timesteps can be equal
    return scheduler


def curved(latents, timestep):
    """A velocity that bends in time and space and differs between the elements."""
    sigma = timestep.to(latents.dtype).reshape(-1, *[1] * (latents.ndim - 1)) / 1000
    return torch.sin(3 * latents + sigma) * (0.3 + sigma**2) + 0.5 * latents.flip(-1) - torch.cos(2 * sigma)


def trajectory(scheduler, noise):
    """Every state of the reference's integration."""
    latents, states = noise, []
    for timestep in scheduler.timesteps:
        velocity = curved(latents, timestep.float().expand(len(latents)))
        latents = scheduler.step(velocity, timestep, latents, return_dict=False)[0]
        states.append(latents)
    return states


def defined_steps(solver, steps):
    """How many steps the reference can make: with bh1 its last one, to sigma 0, is infinity times 0."""
    return steps - 1 if solver == "unipc-bh1" else steps


def after(count, solver, schedule, noise):
    """The latents after some steps of ours."""
    return model.denoise(schedule, curved, noise, solver=solver, progress=lambda step, steps: step < count)


def relative_error(ours, reference):
    return ((ours.double() - reference.double()).abs().max() / reference.double().abs().max()).item()


@pytest.fixture(scope="module")
def noise():
    return model.seeded_noise([2, 3, 4, 5], 0)


@pytest.mark.parametrize("steps, shift", [(1, 5.0), *STEPS_AND_SHIFTS, (999, 1.0)])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.oracle
def test_schedules_equal_diffusers(solver, steps, shift):
    scheduler = diffusers_scheduler(solver, steps, shift)
    schedule = model.FlowMatchSchedule.for_solver(solver, steps, shift, whole_timesteps=True)
    torch.testing.assert_close(schedule.sigmas, scheduler.sigmas[:-1], rtol=1e-6, atol=0)
    torch.testing.assert_close(schedule.timesteps, scheduler.timesteps.float(), rtol=1e-6, atol=0)
    exact = model.FlowMatchSchedule.for_solver(solver, steps, shift)
    torch.testing.assert_close(exact.timesteps, 1000 * exact.sigmas, rtol=1e-6, atol=0)


@pytest.mark.parametrize("steps, shift", STEPS_AND_SHIFTS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.oracle
def test_trajectories_equal_diffusers(solver, steps, shift, noise):
    reference = trajectory(diffusers_scheduler(solver, steps, shift), noise)
    schedule = model.FlowMatchSchedule.for_solver(solver, steps, shift, whole_timesteps=True)
    count = defined_steps(solver, steps)
    assert relative_error(after(count, solver, schedule, noise), reference[count - 1]) <= 1e-5


@pytest.mark.parametrize("steps, shift", STEPS_AND_SHIFTS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.oracle
def test_trajectories_in_double_precision_equal_diffusers(solver, steps, shift, noise):
    scheduler = diffusers_scheduler(solver, steps, shift)
    scheduler.sigmas = scheduler.sigmas.double()
    reference = trajectory(scheduler, noise.double())
    schedule = model.FlowMatchSchedule.for_solver(solver, steps, shift, whole_timesteps=True)
    count = defined_steps(solver, steps)
    # diffusers' DPM-Solver++ brings the latents to float32 in every step.
    tolerance = 1e-6 if solver == "dpm++2m" else 1e-9
    assert relative_error(after(count, solver, schedule, noise.double()), reference[count - 1]) <= tolerance


@pytest.mark.oracle
def test_unipc_on_the_released_noise_levels_equals_diffusers(noise):
    scheduler = diffusers_scheduler("unipc", 10, 5.0, sigmas=torch.linspace(1, 0, 11, dtype=torch.float64)[:-1].numpy())
    scheduler.timesteps = scheduler.sigmas[:-1] * 1000
    schedule = model.FlowMatchSchedule(10, 5.0)
    reference = trajectory(scheduler, noise)[-1]
    assert relative_error(model.denoise(schedule, curved, noise, solver="unipc"), reference) <= 1e-5


@pytest.mark.parametrize("steps, shift", [(1, 5.0), (4, 1.0), (10, 5.0), (50, 5.0)])
@pytest.mark.oracle
def test_euler_trajectories_equal_diffusers(steps, shift, noise):
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=torch.linspace(1, 0, steps + 1)[:-1].tolist())
    reference = trajectory(scheduler, noise)[-1]
    assert relative_error(model.denoise(model.FlowMatchSchedule(steps, shift), curved, noise), reference) <= 1e-6
