"""diffusers DPMSolverSinglestepScheduler."""
import math

from of_diffusers import usual, count_from, sigmas_of, dpm_schedule
from reference import LeftOut, expression, draws, run, close, shorten, first_order, ZERO_STEP

EPS_FORM = "noise-prediction form of the solver is not in the library yet"
ORDER_3 = "order 3 is not in the library yet"
ORDER_DROPS = "drops to order 1 at a last step that does not reach clean"
PAIRS_ONLY = "its last two single steps of order 1 are left off"
SINGLE_HEUN = "heun form of the singlestep solver is not in the library yet"
SINGLE_R = "midpoints are given by the grid and differ from step to step; `r` of dpmpp_2s is one number"
SINGLE_SDE = "singlestep SDE solver is not in the library yet"
SINGLE_SHORT = "no second-order pair among its steps"


def rule(case):
    """Pairs of single steps are one step of dpmpp_2s, if the level between them is midway in half log-SNR."""
    usual(case)
    order, algorithm = case.option("solver_order", 2), case.option("algorithm_type", "dpmsolver++")
    schedule, coordinate = dpm_schedule(case)
    levels = sigmas_of(case)
    if order == 1 and algorithm in ("dpmsolver++", "dpmsolver"):
        return first_order(case, schedule, coordinate, levels)
    if order == 3:
        raise LeftOut(ORDER_3)
    if algorithm == "sde-dpmsolver++" and order == 1:
        return first_order(case, schedule, coordinate, levels, expression("ddim", eta=1.0),
                           noise=draws(len(levels) - 1))
    if algorithm == "sde-dpmsolver++":
        raise LeftOut(SINGLE_SDE)
    if algorithm != "dpmsolver++":
        raise LeftOut(EPS_FORM)
    if case.option("solver_type", "midpoint") == "heun":
        raise LeftOut(SINGLE_HEUN)
    # Orders of the single steps: 1, 2, 1, 2, .. and, with lower_order_final, 1 at the end (1, 1 for an even number).
    calls, start = count_from(case)
    if start % 2:
        raise LeftOut(SINGLE_R)
    final = case.option("lower_order_final", False) or levels[-1] == 0 or (calls + start) % 2
    whole = 2 * ((calls - 1) // 2) if final else 2 * (calls // 2)
    if whole and close(levels[whole - 1], levels[whole]):
        whole -= 2
    parts = [math.log(a / m) / math.log(a / b)
             for a, m, b in zip(levels[:whole:2], levels[1:whole:2], levels[2:whole + 1:2])]
    if not parts:
        raise LeftOut(SINGLE_SHORT)
    if any(abs(p - parts[0]) > 1e-11 for p in parts):
        raise LeftOut(SINGLE_R)
    r = 0.5 if abs(parts[0] - 0.5) < 1e-11 else parts[0]
    sampler = "dpmpp_2s" if r == 0.5 else expression("dpmpp_2s", r=r)
    pairs = levels[:whole + 1:2]
    if calls - whole == 1 and levels[-1] == 0:
        rows = [[i, 2 * i] for i in range(len(pairs))] + [[len(pairs), calls]]
        return run(case, sampler, schedule, coordinate, pairs + [0.0], rows=rows)
    rows = [[i, 2 * i] for i in range(len(pairs))]
    if whole == calls:
        return run(case, sampler, schedule, coordinate, pairs, rows=rows)
    why = ZERO_STEP if shorten(levels)[1] else ORDER_DROPS if calls - whole == 1 else PAIRS_ONLY
    return run(case, sampler, schedule, coordinate, pairs, rows=rows, final=False, partial=why)
