"""diffusers EulerDiscreteScheduler and EDMEulerScheduler."""
import math

from of_diffusers import sigmas_of
from reference import draws, expression, first_order, run


def rule(case):
    churn, levels = case.option("s_churn", 0.0), sigmas_of(case)
    if not churn:
        return first_order(case, "edm", "rho", levels, "euler")
    low, high = case.option("s_tmin", 0.0), case.option("s_tmax", math.inf)
    hits = sum(low <= level <= high for level in levels[:-1])
    sampler = expression("euler_churn_as_shipped", churn=churn, s_min=low, s_max=min(high, 1e6),
                         s_noise=case.option("s_noise", 1.0), **({"keep": "raw"} if "EDM" in case["sampler"] else {}))
    part = {"upto": len(levels) - 2, "partial": "adds noise at the last step too, and keeps it"}
    last = low <= levels[-2] <= high
    return run(case, sampler, "edm", "rho", levels, noise=draws(hits - last), **(part if last else {}))
