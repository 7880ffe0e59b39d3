"""k-diffusion sample_dpm_fast: equal steps of half log-SNR."""
import math

from reference import expression, draws, run


def rule(case):
    budget, eta = case["nfe"], case.kwarg("eta", 0.0)
    steps = budget // 3 + 1
    high, low = -math.log(case["sigma_max"]), -math.log(case["sigma_min"])
    levels = [math.exp(-(high + (low - high) * k / steps)) for k in range(steps + 1)]
    # The last step ends at its own level, and draws nothing.
    return run(case, expression("dpm_fast", rest=budget % 3, **({"eta": eta} if eta else {})), "edm", "rho", levels,
               noise=draws(steps - 1) if eta else None)
