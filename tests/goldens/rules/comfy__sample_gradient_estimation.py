"""ComfyUI sample_gradient_estimation."""
from of_k_diffusion import sigmas, frame
from reference import expression, run


def rule(case):
    sampler = expression("gradient_estimation", gamma=case.kwarg("ge_gamma", 2.0), **frame(case))
    return run(case, sampler, *sigmas(case))
