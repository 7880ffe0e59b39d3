"""ComfyUI sample_ipndm. Its callback gets the first sample every time: only the end counts."""
from of_k_diffusion import sigmas, frame
from reference import expression, run


def rule(case, name="ipndm"):
    schedule, coordinate, levels = sigmas(case)
    sampler = expression(name, points=case.kwarg("max_order", 4), **frame(case))
    return run(case, sampler, schedule, coordinate, levels, rows=[])
