"""diffusers IPNDMScheduler: levels are its `betas`, and a network predicts v."""
from reference import run


def rule(case):
    levels = case.floats("model_sigma")
    levels = ["pure" if level == 1 else level for level in levels] + [0.0]
    return run(case, "ipndm_as_shipped", "cosine", "sigma", levels)
