"""diffusers LTXEulerAncestralRFScheduler."""
from of_diffusers import usual, sigmas_of
from reference import LeftOut, flow_first_order

FLOW_DOWN = "steps down to another level on flow (euler_ancestral_flow is not in the library yet)"


def rule(case):
    usual(case)
    if case.option("eta", 1.0) > 0:
        raise LeftOut(FLOW_DOWN)
    return flow_first_order(case, sigmas_of(case))
