"""diffusers FlowMatchHeunDiscreteScheduler."""
from of_diffusers import usual
from reference import LeftOut

FLOW_SLOPES = "takes its slopes in flow time, not in rho"


def rule(case):
    usual(case)
    raise LeftOut(FLOW_SLOPES)
