"""diffusers DEISMultistepScheduler."""
from of_diffusers import usual, sigmas_of, dpm_schedule
from reference import LeftOut, first_order

DEIS = "exponential multistep in noise prediction (deis) is not in the library yet"


def rule(case):
    usual(case)
    if case.option("solver_order", 2) > 1:
        raise LeftOut(DEIS)
    return first_order(case, *dpm_schedule(case), sigmas_of(case))
