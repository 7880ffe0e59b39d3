"""diffusers UniPCMultistepScheduler."""
from of_diffusers import sigmas_of, dpm_schedule
from reference import unipc_run


def rule(case):
    options = {} if case.option("predict_x0", True) else {"predict": "noise"}
    if case.option("disable_corrector"):
        options["skip"] = case.option("disable_corrector")
    return unipc_run(case, case.option("solver_order", 2), case.option("solver_type", "bh2"), *dpm_schedule(case),
                     sigmas_of(case), lower=case.option("lower_order_final", True), options=options)
