"""diffusers DPMSolverMultistepInverseScheduler."""
from of_diffusers import usual, dpm_schedule, multistep


def rule(case):
    usual(case)
    return multistep(case, *dpm_schedule(case), case.option("algorithm_type", "dpmsolver++"))
