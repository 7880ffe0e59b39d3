"""diffusers FlowMatchLCMScheduler."""
from of_diffusers import sigmas_of
from reference import draws, run


def rule(case):
    levels = sigmas_of(case)
    return run(case, "lcm", "flow", "sigma", levels, noise=draws(len(levels) - 1))
