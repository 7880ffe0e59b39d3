"""diffusers KDPM2AncestralDiscreteScheduler."""
from of_diffusers import sigmas_of
from reference import expression, draws, run


def rule(case):
    levels = sigmas_of(case, stages=2)
    return run(case, expression("ancestral", base="dpm_2"), "edm", "rho", levels, stages=2,
               noise=draws(len(levels) - 1))
