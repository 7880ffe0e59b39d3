"""ComfyUI sample_heunpp2."""
from of_k_diffusion import sigmas
from reference import run


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    return run(case, "heunpp2_flow" if schedule == "flow" else "heunpp2(weights = shipped)", schedule, coordinate, levels)
