"""diffusers FlowMatchEulerDiscreteScheduler."""
from of_diffusers import sigmas_of
from reference import LeftOut, draws, flow_first_order, run

INVERTED = "starts at clean, where the noise prediction is undefined"


def rule(case):
    levels = sigmas_of(case)
    if case.option("stochastic_sampling"):
        return run(case, "lcm", "flow", "sigma", levels, noise=draws(len(levels) - 1))
    if levels[0] == 0:
        raise LeftOut(INVERTED)
    return flow_first_order(case, levels)
