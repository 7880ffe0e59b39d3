"""What the rules of diffusers schedulers share."""
from reference import LeftOut, expression, draws, run, shorten, without_last, first_order, ZERO_STEP

CLIPS = "clips or thresholds the data prediction"
EPS_FORM = "noise-prediction form of the solver is not in the library yet"
NOT_NEXT = "a step's target (t - 1000 div n) is not the level of the next step"
ORDER_3 = "order 3 is not in the library yet"
ORDER_DROPS = "drops to order 1 at a last step that does not reach clean"


def usual(case):
    """What every diffusers rule refuses."""
    if case.option("clip_sample", CLIP_BY_DEFAULT.get(case["sampler"], False)) or case.option("thresholding", False) \
            or case.option("clip_denoised", False):
        raise LeftOut(CLIPS)


CLIP_BY_DEFAULT = {"DDIMScheduler": True, "DDIMParallelScheduler": True, "DDPMScheduler": True,
                   "UnCLIPScheduler": True, "CogVideoXDDIMScheduler": True}


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
    stride = 1000 // case["num_inference_steps"]
    if any(a - b != stride for a, b in zip(times[:-2], times[1:-1])) or times[-2] - stride >= 0:
        raise LeftOut(NOT_NEXT)


def two_stage(name):
    def rule(case):
        usual(case)
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
    order, form = case.option("solver_order", 2), case.option("solver_type", "midpoint")
    levels, cut = shorten(sigmas_of(case))
    steps = len(levels) - 1
    if order == 3:
        raise LeftOut(ORDER_3)
    if algorithm == "sde-dpmsolver" or (algorithm == "dpmsolver" and order > 1):
        raise LeftOut(EPS_FORM)
    sde = algorithm == "sde-dpmsolver++"
    noise = draws(steps - (levels[-1] == 0 and order > 1)) if sde else None
    if order == 1:
        return first_order(case, schedule, coordinate, sigmas_of(case),
                           expression("ddim", eta=1.0) if sde else "ddim", noise=noise)
    options = {"form": form} if form != "midpoint" else {}
    sampler = expression("dpmpp_2m_sde" if sde else "dpmpp_2m", **options)
    part = {}
    if cut:
        part = {"upto": steps, "partial": ZERO_STEP}
    elif levels[-1] != 0 and steps > 1 and (
            case.option("euler_at_final", False)
            or case.option("lower_order_final", True) and len(case.tensor("timesteps")) < 15):
        part = {"upto": steps - 1, "partial": ORDER_DROPS}
    return run(case, sampler, schedule, coordinate, levels, noise=noise, **part)
