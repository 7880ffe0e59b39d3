"""What the rules of diffusers schedulers share."""
from reference import LeftOut, expression, draws, run, shorten, without_last, first_order, LOWER

NOT_NEXT = "a step ends at t - 1000 div n, and the next one takes its sample for one of the next time step"
EPS_SDE_END = "ends the noise-prediction SDE solver with a step of first order"
SDE_3 = "has the wrong sign in the third-order term of the SDE form: its variance grows with the number of steps"


def table(case, kind="linear", first=1e-4, last=0.02):
    """The VP schedule of a diffusers configuration, as a samp expression. (A rescaling of it is not part of it.)"""
    kind = case.option("beta_schedule", kind)
    first, last = case.option("beta_start", first), case.option("beta_end", last)
    if kind == "squaredcos_cap_v2":
        return "cosine_table"
    name, defaults = {"linear": ("linear", (1e-4, 0.02)), "scaled_linear": ("scaled_linear", (0.00085, 0.012))}[kind]
    return name if (first, last) == defaults else expression(name, beta_first=first, beta_last=last)


def count_from(case):
    """Steps and the first one, for the schedulers that keep `sigmas` with one entry per step."""
    return case["step_calls"], case["set_timesteps"].get("_start", 0)


def sigmas_of(case, stages=1):
    """The levels of a run: `sigmas` of the scheduler, without the repetitions of two-stage rules."""
    calls, start = count_from(case)
    sigmas = case.floats("sigmas")
    if stages == 2:
        sigmas = [sigmas[0]] + sigmas[1::2]
        calls = (calls + 1) // 2
    return sigmas[start:start + calls + 1]


def times_of(case, last):
    """The whole time steps of a run, then the level `last`."""
    times = [int(t) for t in case.floats("timesteps")]
    return times[case["set_timesteps"].get("_start", 0):] + [last]


def called(case, last):
    """The levels of the model calls, as rho, then `last`: for tables that no schedule of the library gives."""
    pairs = zip(case.floats("model_alpha"), case.floats("model_sigma"))
    return [s / a if a > 0 else "pure" for a, s in pairs] + [last]


def same_stride(case, times):
    """DDIM steps from t to t - 1000 div n, whatever the next time step is."""
    if not is_same_stride(case, times):
        raise LeftOut(NOT_NEXT)


def is_same_stride(case, times):
    stride = 1000 // case["num_inference_steps"]
    return all(a - b == stride for a, b in zip(times[:-2], times[1:-1])) and times[-2] - stride < 0


def strided(case, times, sampler):
    """`sampler`, or where steps do not aim at the next time step, it with the stride they have."""
    if is_same_stride(case, times):
        return sampler
    return expression("fixed_stride", base=sampler, stride=1000 // case["num_inference_steps"])


def two_stage(name):
    def rule(case):
        levels, cut = shorten(sigmas_of(case, stages=2))
        return run(case, name, "edm", "rho", levels, stages=2,
                   **without_last(levels, cut))
    return rule


def dpm_schedule(case):
    """Schedule and coordinate of the DPM-Solver family: a VP state, or a flow one."""
    if case.option("use_flow_sigmas"):
        return "flow", "sigma"
    return table(case), "rho"


def multistep(case, schedule, coordinate, algorithm):
    """Runs of the multistep DPM-Solvers. Lower orders at the end: `taper`."""
    order, form = case.option("solver_order", 2), case.option("solver_type", "midpoint")
    levels, cut = shorten(sigmas_of(case))
    steps = len(levels) - 1
    sde = algorithm.startswith("sde")
    if order == 1 and algorithm != "sde-dpmsolver":
        return first_order(case, schedule, coordinate, sigmas_of(case), expression("ddim", eta=1.0) if sde else "ddim",
                           noise=draws(steps) if sde else None)
    if sde and order == 3:
        raise LeftOut(SDE_3)
    if algorithm == "sde-dpmsolver":
        if not cut and levels[-1] == 0:
            raise LeftOut(EPS_SDE_END)
        few = not cut and order == 2 and len(case.tensor("timesteps")) < 15
        options = {**({"points": 1} if order == 1 else {}), **({"form": form} if form != "midpoint" else {}),
                   **({"taper": True} if few else {})}
        return run(case, expression("dpm_solver_sde", **options), schedule, coordinate, levels, noise=draws(steps),
                   **without_last(levels, cut))
    few = case.option("lower_order_final", True) and len(case.tensor("timesteps")) < 15
    taper = 0 if cut else min(2 if few else int(case.option("euler_at_final", False)), order - 1)
    options = {"form": form} if form != "midpoint" else {}
    if taper:
        options["taper"] = taper if order == 3 or algorithm == "dpmsolver" else True
    if algorithm == "dpmsolver":
        name = "dpm_solver_multistep"
        options |= {"order": order, **({"third": "as_shipped"} if order == 3 else {})}
    else:
        name = "dpmpp_3m_as_shipped" if order == 3 else "dpmpp_2m_sde" if sde else "dpmpp_2m"
    return run(case, expression(name, **options), schedule, coordinate, levels,
               noise=draws(steps - (levels[-1] == 0)) if sde else draws(steps) if order == 3 else None,
               **without_two(levels, cut, few and order == 3))


def without_two(levels, cut, lower):
    """A run without its last step, of length zero, and without the one before where that is of lower order."""
    part = without_last(levels, cut)
    if cut and lower:
        part |= {"upto": part["upto"] - 1, "partial": LOWER}
    return part
