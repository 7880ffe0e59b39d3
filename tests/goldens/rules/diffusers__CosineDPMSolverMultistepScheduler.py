"""diffusers CosineDPMSolverMultistepScheduler."""
from of_diffusers import usual, multistep


def rule(case):
    usual(case)
    return multistep(case, "edm", "rho", "sde-dpmsolver++")
