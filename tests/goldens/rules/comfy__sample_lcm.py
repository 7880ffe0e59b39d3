"""ComfyUI sample_lcm."""
from of_k_diffusion import sigmas
from reference import draws, run


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    return run(case, "lcm", schedule, coordinate, levels, noise=draws(len(levels) - 1))
