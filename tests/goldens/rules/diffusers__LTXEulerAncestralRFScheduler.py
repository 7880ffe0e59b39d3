"""diffusers LTXEulerAncestralRFScheduler."""
from of_diffusers import sigmas_of
from reference import draws, expression, flow_first_order, run


def rule(case):
    eta, levels = case.option("eta", 1.0), sigmas_of(case)
    if not eta:
        return flow_first_order(case, levels)
    sampler = expression("ancestral", eta=eta, s_noise=case.option("s_noise", 1.0), frame="flow")
    return run(case, sampler, "flow", "sigma", levels, noise=draws(len(levels) - 2))
