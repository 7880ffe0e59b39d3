"""diffusers UniPCMultistepScheduler."""
from of_diffusers import usual, sigmas_of, dpm_schedule
from reference import LeftOut, unipc_run

CORRECTOR_OFF = "switches the corrector off at some steps"
EPS_FORM = "noise-prediction form of the solver is not in the library yet"


def rule(case):
    usual(case)
    if not case.option("predict_x0", True):
        raise LeftOut(EPS_FORM)
    if case.option("disable_corrector"):
        raise LeftOut(CORRECTOR_OFF)
    return unipc_run(case, case.option("solver_order", 2), case.option("solver_type", "bh2"), *dpm_schedule(case),
                     sigmas_of(case), lower=case.option("lower_order_final", True))
