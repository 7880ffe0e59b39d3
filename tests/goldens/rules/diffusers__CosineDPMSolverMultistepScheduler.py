"""diffusers CosineDPMSolverMultistepScheduler."""
from of_diffusers import multistep


def rule(case):
    return multistep(case, "edm", "rho", "sde-dpmsolver++")
