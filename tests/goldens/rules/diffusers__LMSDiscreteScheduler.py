"""diffusers LMSDiscreteScheduler."""
from of_diffusers import count_from, sigmas_of
from reference import LeftOut, lms_run

LMS_START = "starts inside its schedule with the coefficients of a history that it does not have"


def rule(case):
    if count_from(case)[1] and case.option("order", 4) > 1:
        raise LeftOut(LMS_START)
    return lms_run(case, case.option("order", 4), sigmas_of(case), "integral")
