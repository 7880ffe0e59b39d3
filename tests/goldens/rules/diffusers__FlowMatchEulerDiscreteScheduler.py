"""diffusers FlowMatchEulerDiscreteScheduler."""
from of_diffusers import usual, sigmas_of
from reference import LeftOut, flow_first_order

INVERTED = "starts at clean, where the noise prediction is undefined"
RENOISES = "re-noises from the data prediction alone (lcm is not in the library yet)"


def rule(case):
    usual(case)
    if case.option("stochastic_sampling"):
        raise LeftOut(RENOISES)
    levels = sigmas_of(case)
    if levels[0] == 0:
        raise LeftOut(INVERTED)
    return flow_first_order(case, levels)
