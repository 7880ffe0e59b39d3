"""diffusers EulerDiscreteScheduler."""
from of_diffusers import usual, sigmas_of
from reference import LeftOut, first_order

MODEL_FIRST = "evaluates the model before the churn noise, at the lower level"


def rule(case):
    usual(case)
    if case.option("s_churn", 0.0) > 0:
        raise LeftOut(MODEL_FIRST)
    return first_order(case, "edm", "rho", sigmas_of(case), "euler")
