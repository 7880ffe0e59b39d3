"""ComfyUI sample_er_sde: integrals are sums of 200 terms."""
from of_k_diffusion import sigmas
from reference import draws, expression, run


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    s_noise = case.kwarg("s_noise", 1.0)
    sampler = expression("er_sde", points=case.kwarg("max_stage", 3), sums=200, s_noise=s_noise)
    return run(case, sampler, schedule, coordinate, levels, noise=draws(len(levels) - 2) if s_noise else None)
