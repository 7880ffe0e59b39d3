"""diffusers FlowMatchHeunDiscreteScheduler."""
from of_diffusers import sigmas_of
from reference import run


def rule(case):
    return run(case, "heun_flow", "flow", "sigma", sigmas_of(case, stages=2), stages=2)
