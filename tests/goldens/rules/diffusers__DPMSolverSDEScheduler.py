"""diffusers DPMSolverSDEScheduler: two stages a step, a draw in each."""
from of_diffusers import sigmas_of
from reference import draws, run


def rule(case):
    levels = sigmas_of(case, stages=2)
    return run(case, "dpmpp_sde", "edm", "rho", levels, stages=2, noise=draws(2 * (len(levels) - 2)))
