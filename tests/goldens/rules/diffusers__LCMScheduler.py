"""diffusers LCMScheduler: its boundary condition is part of the denoiser."""
from of_diffusers import table, times_of
from reference import draws, run


def rule(case):
    times = times_of(case, "clean")
    scaled = [t * case.option("timestep_scaling", 10.0) for t in times[:-1]]
    skips = [(0.25 / (t * t + 0.25), t / (t * t + 0.25) ** 0.5) for t in scaled]
    return run(case, "lcm", table(case, "scaled_linear", 0.00085, 0.012), "time", times, noise=draws(len(times) - 1),
               boundary=skips)
