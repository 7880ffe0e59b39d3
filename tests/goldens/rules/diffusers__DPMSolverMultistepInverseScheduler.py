"""diffusers DPMSolverMultistepInverseScheduler."""
from of_diffusers import dpm_schedule, multistep


def rule(case):
    return multistep(case, *dpm_schedule(case), case.option("algorithm_type", "dpmsolver++"))
