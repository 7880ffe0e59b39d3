"""diffusers EDMDPMSolverMultistepScheduler."""
from of_diffusers import multistep


def rule(case):
    return multistep(case, "edm", "rho", case.option("algorithm_type", "dpmsolver++"))
