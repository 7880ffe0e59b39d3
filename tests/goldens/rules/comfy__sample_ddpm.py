"""ComfyUI sample_ddpm."""
from of_k_diffusion import sigmas
from reference import draws, run


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    return run(case, "ddpm", schedule, coordinate, levels, noise=draws(len(levels) - 1))
