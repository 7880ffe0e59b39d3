"""k-diffusion sample_dpmpp_3m_sde."""
from of_k_diffusion import sigmas
from reference import draws, expression, run


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    eta = case.kwarg("eta", 1.0)
    sampler = expression("dpmpp_3m_as_shipped", eta=eta, form="heun")
    return run(case, sampler, schedule, coordinate, levels, noise=draws(len(levels) - 2))
