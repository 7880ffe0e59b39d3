#!/usr/bin/env python3
"""Map reference trajectories to runs of samp: `index.json` + safetensors -> `cases.json` + `COVERAGE.md`.

    python3 map.py               # rebuild cases.json and COVERAGE.md from the files in this folder
    python3 map.py --from DIR    # first rebuild this folder's data from a complete set of goldens in DIR

Each case of a reference sampler that the library can follow becomes one record: either a run (sampler, schedule,
levels, start, noise, and which rows to compare) or the reason why it is left out. Levels, and everything else that is
a number of the reference, are read from the golden file. README.md describes the record, check.py verifies the runs.
"""
import argparse
import collections
import json
import math
import os
import shutil
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))

# The reasons for leaving a case out, or for comparing only a part of it.
DUMMY = "network output `dummy` is not a denoiser"
CLIPS = "clips or thresholds the data prediction"
ORDER_3 = "order 3 is not in the library yet"
EPS_FORM = "noise-prediction form of the solver is not in the library yet"
SINGLE_HEUN = "heun form of the singlestep solver is not in the library yet"
SINGLE_SDE = "singlestep SDE solver is not in the library yet"
SINGLE_R = "midpoints are given by the grid and differ from step to step; `r` of dpmpp_2s is one number"
SINGLE_SHORT = "no second-order pair among its steps"
DEIS = "exponential multistep in noise prediction (deis) is not in the library yet"
NOT_NEXT = "a step's target (t - 1000 div n) is not the level of the next step"
EQUAL = "two neighbouring levels are equal"
MODEL_FIRST = "evaluates the model before the churn noise, at the lower level"
FLOW_SLOPES = "takes its slopes in flow time, not in rho"
FLOW_LOG = "is second order in ln(sigma) of the flow, not in half log-SNR"
FLOW_DOWN = "steps down to another level on flow (euler_ancestral_flow is not in the library yet)"
FLOW_MIDPOINT = "replaces the level midway from pure noise by sigma = 0.9999"
RENOISES = "re-noises from the data prediction alone (lcm is not in the library yet)"
INVERTED = "starts at clean, where the noise prediction is undefined"
CORRECTOR_OFF = "switches the corrector off at some steps"
LMS_START = "starts inside its schedule with the coefficients of a history that it does not have"
ORDER_RANGE = "order above 4"
OWN_CLOCK = "integrates in the clock of its own schedule, not in rho"
ALPHA_RK = "two-stage rule with alpha other than 1"
CHURN_LEVEL = "the level before churn is not in the golden file"
PHI_2 = "exponential Heun with phi_2 weights is not in the library yet"
STOCHASTIC_2 = "stochastic two-stage rule is not in the library yet"
TCD = "steps down to a fraction of the time (tcd is not in the library yet)"
LARGE_LAST = "adds the larger variance at the last step too"
LAST_LEVEL = "the last level is not in the golden file"

ZERO_STEP = "the last step has length zero and is left off"
ORDER_DROPS = "drops to order 1 at a last step that does not reach clean"
ORDER_STAYS = "keeps its full order up to the last step"
PAIRS_ONLY = "its last two single steps of order 1 are left off"


class LeftOut(Exception):
    """Raised by a rule: the library does not follow this case."""


# --------------------------------------------------------------------------------------------------------- files

class Goldens:
    """A folder of goldens: its index, and the tensors of its safetensors files as numpy arrays."""

    TYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}

    def __init__(self, folder):
        self.folder, self.open = folder, {}
        with open(os.path.join(folder, "index.json")) as f:
            self.index = json.load(f)

    def tensor(self, case, key):
        name = case["file"]
        if name not in self.open:
            with open(os.path.join(self.folder, name), "rb") as f:
                data = f.read()
            size = struct.unpack("<Q", data[:8])[0]
            self.open[name] = json.loads(data[8:8 + size]), data[8 + size:]
        header, body = self.open[name]
        entry = header[case["id"] + "/" + key]
        first, last = entry["data_offsets"]
        return np.frombuffer(body[first:last], self.TYPES[entry["dtype"]]).reshape(entry["shape"])


class Case(dict):
    """One entry of the index, with access to its tensors."""

    def __init__(self, entry, goldens):
        super().__init__(entry)
        self.goldens = goldens

    def tensor(self, key):
        return self.goldens.tensor(self, key)

    def floats(self, key):
        return [float(v) for v in self.tensor(key).reshape(-1)]

    def option(self, name, default=None):
        """A setting of a diffusers scheduler: constructor, set_timesteps or step."""
        for part in ("config", "set_timesteps", "step_kwargs"):
            if name in self[part]:
                return self[part][name]
        return default

    def kwarg(self, name, default=None):
        return self["kwargs"].get(name, default)


# --------------------------------------------------------------------------------------------------------- records

def expression(name, **options):
    """A samp expression such as `ddim(eta = 0.5)`."""
    if not options:
        return name
    shown = (str(v).lower() if isinstance(v, bool) else v if isinstance(v, str) else repr(v) for v in options.values())
    return name + "(" + ", ".join(f"{k} = {v}" for k, v in zip(options, shown)) + ")"


def run(case, sampler, schedule, coordinate, levels, *, stages=1, noise=None, upto=None, rows=None, final=True,
        partial=None, scale=None):
    """The record of a run.

    `stages`: trajectory rows per step in the golden file. `upto`: the last step index that is compared, where this is
    not the end of the run. `rows`: the pairs, if not the regular ones. `noise`: reference draws, one per `noise()`.
    """
    levels = list(levels)
    steps = len(levels) - 1
    if any(close(a, b) for a, b in zip(levels, levels[1:])):
        raise LeftOut(EQUAL)
    if upto is not None:
        final = False
    if rows is None:
        count = len(case.tensor("traj"))
        whole = steps if upto is None else upto
        rows = [[i, min(i * stages, count - 1)] for i in range(whole + 1)]
    if partial and upto is not None and upto < 1:
        raise LeftOut(partial)
    return {
        "id": case["id"], "project": case["project"], "reference": case["sampler"],
        "sampler": sampler, "schedule": schedule, "coordinate": coordinate, "levels": levels,
        "denoiser": case["toy"], "file": case["file"],
        "init": {"base_x_scale": float(case["x_init_scale"] if scale is None else scale)},
        "noise": noise,
        "compare": "traj" if rows else "final",
        **({"rows": rows, "columns": 1 if case["traj_kind"] == "full" else 16} if rows else {}),
        "final": final,
        "tolerance": 1e-9 * max(1.0, case["final_abs_max"]),
        "f32": None if case.get("f32_unstable") else single(case),
        **({"partial": partial} if partial else {}),
    }


def single(case):
    """What a run in f32 may differ, for each unit of the state: twenty times what the reference's own f32 run does."""
    return 20 * max(case.get("max_abs_f32_vs_f64", 0.0) / max(1.0, case["final_abs_max"]), 1e-6)


def close(a, b):
    """Two neighbouring levels that are the same but for rounding."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or abs(a - b) <= 1e-7 * max(abs(a), abs(b))


def shorten(levels):
    """`levels` without a last step of length zero, and whether there was one."""
    if len(levels) > 2 and close(levels[-1], levels[-2]):
        return levels[:-1], True
    return levels, False


def without_last(levels, cut):
    """Arguments of `run` for levels that `shorten` has cut."""
    return {"upto": len(levels) - 1, "partial": ZERO_STEP} if cut else {}


# --------------------------------------------------------------------------------------------------------- diffusers

def usual(case):
    """What every diffusers rule refuses."""
    if case["toy"] not in ("gauss", "gmm"):
        raise LeftOut(DUMMY)
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


def ddim(case):
    usual(case)
    one = case.option("set_alpha_to_one", True)
    times = times_of(case, "clean" if one else 0)
    same_stride(case, times)
    coordinate = "time"
    if case.option("rescale_betas_zero_snr"):
        if not one:
            raise LeftOut(LAST_LEVEL)
        coordinate, times = "rho", called(case, 0.0)
    times, cut = shorten(times)
    eta = case.option("eta", 0.0)
    return run(case, expression("ddim", eta=eta) if eta else "ddim", table(case), coordinate, times,
               noise=draws(len(times) - 1) if eta else None,
               **without_last(times, cut))


def cogvideox_ddim(case):
    usual(case)
    times = times_of(case, "clean")
    same_stride(case, times)
    return run(case, "ddim", "scaled_linear", "rho", called(case, 0.0))


def ddpm(case):
    usual(case)
    times = times_of(case, "clean")
    kind = case.option("variance_type", "fixed_small_log" if case["sampler"] == "UnCLIPScheduler" else "fixed_small")
    large = kind == "fixed_large"
    if large and times[-2] > 0:
        raise LeftOut(LARGE_LAST)
    schedule = "cosine_table" if case["sampler"] == "UnCLIPScheduler" else table(case)
    return run(case, expression("ddpm", variance="large") if large else "ddpm", schedule, "time", times,
               noise=draws(len(times) - 1))


def first_order(case, schedule, coordinate, levels, sampler="ddim", **more):
    """Runs of rules that are DDIM, in whatever form. A last step of length zero is left off."""
    levels, cut = shorten(levels)
    return run(case, sampler, schedule, coordinate, levels,
               **without_last(levels, cut), **more)


def euler(case):
    usual(case)
    if case.option("s_churn", 0.0) > 0:
        raise LeftOut(MODEL_FIRST)
    return first_order(case, "edm", "rho", sigmas_of(case), "euler")


def euler_ancestral(case):
    usual(case)
    levels = sigmas_of(case)
    return run(case, "euler_ancestral", "edm", "rho", levels, noise=draws(len(levels) - 1))


def two_stage(name):
    def rule(case):
        usual(case)
        levels, cut = shorten(sigmas_of(case, stages=2))
        return run(case, name, "edm", "rho", levels, stages=2,
                   **without_last(levels, cut))
    return rule


def lms(case):
    usual(case)
    if count_from(case)[1] and case.option("order", 4) > 1:
        raise LeftOut(LMS_START)
    return lms_run(case, case.option("order", 4), sigmas_of(case), "integral")


def lms_run(case, order, levels, end):
    levels, cut = shorten(levels)
    options = {**({"order": order} if order != 4 else {}), **({"end": end} if end != "integral" else {})}
    return run(case, expression("lms", **options), "edm", "rho", levels, **without_last(levels, cut))


def dpm_schedule(case):
    """Schedule and coordinate of the DPM-Solver family: a VP state, or a flow one."""
    if case.option("use_flow_sigmas"):
        return "flow", "sigma"
    return table(case), "rho"


def dpm_multistep(case):
    usual(case)
    return multistep(case, *dpm_schedule(case), case.option("algorithm_type", "dpmsolver++"))


def edm_multistep(case):
    usual(case)
    return multistep(case, "edm", "rho", case.option("algorithm_type", "dpmsolver++"))


def cosine_multistep(case):
    usual(case)
    return multistep(case, "edm", "rho", "sde-dpmsolver++")


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


def dpm_singlestep(case):
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


def dpm_inverse(case):
    usual(case)
    return multistep(case, *dpm_schedule(case), case.option("algorithm_type", "dpmsolver++"))


def deis(case):
    usual(case)
    if case.option("solver_order", 2) > 1:
        raise LeftOut(DEIS)
    return first_order(case, *dpm_schedule(case), sigmas_of(case))


def unipc(case):
    usual(case)
    if not case.option("predict_x0", True):
        raise LeftOut(EPS_FORM)
    if case.option("disable_corrector"):
        raise LeftOut(CORRECTOR_OFF)
    return unipc_run(case, case.option("solver_order", 2), case.option("solver_type", "bh2"), *dpm_schedule(case),
                     sigmas_of(case), lower=case.option("lower_order_final", True))


def unipc_run(case, order, b, schedule, coordinate, levels, lower=True, **more):
    if order > 4:
        raise LeftOut(ORDER_RANGE)
    levels, cut = shorten(levels)
    steps = len(levels) - 1
    sampler = expression("unipc", order=order, **({"b": b} if b != "bh2" else {}))
    # The last step index up to which both agree, and why not further.
    upto, why = steps, None
    if cut:
        why = ZERO_STEP
        # The run without its last step lowers the order one step too early.
        if order > 1 and steps > 1:
            upto = max(1, min(steps, steps - order + 1))
    elif not lower and order > 1 and levels[-1] != 0:
        upto, why = max(1, steps - order + 1), ORDER_STAYS
    if why and more.get("rows") is not None:
        raise LeftOut(why)
    part = {"upto": upto, "partial": why} if why else {}
    return run(case, sampler, schedule, coordinate, levels, **part, **more)


def flow_euler(case):
    usual(case)
    if case.option("stochastic_sampling"):
        raise LeftOut(RENOISES)
    levels = sigmas_of(case)
    if levels[0] == 0:
        raise LeftOut(INVERTED)
    return flow_first_order(case, levels)


def flow_first_order(case, levels):
    return first_order(case, "flow", "sigma", levels, "euler")


def flow_heun(case):
    usual(case)
    raise LeftOut(FLOW_SLOPES)


def ltx(case):
    usual(case)
    if case.option("eta", 1.0) > 0:
        raise LeftOut(FLOW_DOWN)
    return flow_first_order(case, sigmas_of(case))


def consistency(case):
    usual(case)
    return run(case, "consistency", "edm", "rho", sigmas_of(case),
               noise=draws(case["step_calls"]) if case["stochastic"] else None)


def tcd(case):
    usual(case)
    if case.option("eta", 0.3) > 0:
        raise LeftOut(TCD)
    times, cut = shorten(times_of(case, 0))
    return run(case, "ddim", table(case, "scaled_linear", 0.00085, 0.012), "time", times,
               **without_last(times, cut))


def kdpm2_ancestral(case):
    usual(case)
    levels = sigmas_of(case, stages=2)
    return run(case, expression("ancestral", base="dpm_2"), "edm", "rho", levels, stages=2,
               noise=draws(len(levels) - 1))


# ------------------------------------------------------------------------------------- k-diffusion, ComfyUI, NVlabs/edm

def draws(count):
    """Every `noise()` reads the reference's draw of the same number."""
    return list(range(count))


def sigmas(case):
    """Schedule, coordinate and levels of a k-diffusion or ComfyUI case."""
    levels = case.floats("sigmas")
    first = case.floats("model_sigma")[0]
    if case["param"] == "flow":
        return "flow", "sigma", [first] + levels[1:]         # some rules move sigma = 1 down to where alpha > 0
    return "edm", "rho", levels


def on_flow(case, why):
    if case["param"] == "flow":
        raise LeftOut(why)


def k_churn(base, why=None):
    """Euler, Heun, DPM2: without churn the rule alone, with churn inside `edm`."""
    def rule(case):
        schedule, coordinate, levels = sigmas(case)
        if why:
            on_flow(case, why)
        churn = case.kwarg("s_churn", 0.0)
        if not churn and schedule == "flow":
            return flow_first_order(case, levels)
        if not churn:
            return run(case, base, schedule, coordinate, levels)
        return churned(case, base, levels, churn, case.kwarg("s_tmin", 0.0), case.kwarg("s_tmax", math.inf),
                       case.kwarg("s_noise", 1.0))
    return rule


def churned(case, base, levels, churn, low, high, s_noise, **more):
    """`edm` draws only where it adds noise; the references draw at every step."""
    hit = [low <= s <= high and churn > 0 for s in levels[:-1]]
    sampler = expression("edm", churn=churn, s_min=low, s_max=min(high, 1e6), s_noise=s_noise,
                         **({"base": base} if base != "heun" else {}))
    if "rows" not in more:                                   # rows hold x after the churn noise
        more["rows"] = [[i, i] for i, churns in enumerate(hit + [False]) if not churns]
    return run(case, sampler, "edm", "rho", levels, noise=[i for i, churns in enumerate(hit) if churns], **more)


def k_euler_ancestral(case):
    schedule, coordinate, levels = sigmas(case)
    eta, s_noise = case.kwarg("eta", 1.0), case.kwarg("s_noise", 1.0)
    if schedule == "flow":
        if eta > 0:
            raise LeftOut(FLOW_DOWN)
        return flow_first_order(case, levels)
    return run(case, expression("euler_ancestral", eta=eta, s_noise=s_noise), schedule, coordinate, levels,
               noise=draws(len(levels) - 1) if eta else None)


def k_ancestral(base):
    def rule(case):
        schedule, coordinate, levels = sigmas(case)
        eta, s_noise = case.kwarg("eta", 1.0), case.kwarg("s_noise", 1.0)
        if schedule == "flow":
            raise LeftOut(FLOW_DOWN if eta > 0 else FLOW_MIDPOINT if base == "dpmpp_2s" else FLOW_SLOPES)
        return run(case, expression("ancestral", base=base, eta=eta, s_noise=s_noise), schedule, coordinate, levels,
                   noise=draws(len(levels) - 2) if eta else None)
    return rule


def k_ddpm(case):
    schedule, coordinate, levels = sigmas(case)
    return run(case, "ddpm", schedule, coordinate, levels, noise=draws(len(levels) - 1))


def k_lms(end):
    def rule(case):
        on_flow(case, FLOW_SLOPES)
        return lms_run(case, case.kwarg("order", 4), sigmas(case)[2], end)
    return rule


def k_dpmpp_2m(case):
    return run(case, "dpmpp_2m", *sigmas(case))


def k_dpmpp_2m_sde(form):
    def rule(case):
        schedule, coordinate, levels = sigmas(case)
        eta, kind = case.kwarg("eta", 1.0), case.kwarg("solver_type", form)
        options = {"eta": eta, "form": kind} if kind != "midpoint" else {"eta": eta}
        return run(case, expression("dpmpp_2m_sde", **options), schedule, coordinate, levels,
                   noise=draws(len(levels) - 2) if eta else None)
    return rule


def k_singlestep(r):
    """dpmpp_sde and SEEDS-2 without noise are DPM-Solver++(2S)."""
    def rule(case):
        if case.kwarg("eta", 1.0) > 0:
            raise LeftOut(STOCHASTIC_2)
        fraction = case.kwarg("r", r)
        return run(case, "dpmpp_2s" if fraction == 0.5 else expression("dpmpp_2s", r=fraction), *sigmas(case))
    return rule


def k_exp_heun(case):
    """Exponential Heun with phi_1 weights is DPM-Solver++(2S) with r = 1."""
    if case.kwarg("solver_type") != "phi_1":
        raise LeftOut(PHI_2)
    return run(case, expression("dpmpp_2s", r=1.0), *sigmas(case))


def k_res_multistep(case):
    """RES-2M is the heun form of DPM-Solver++(2M)."""
    on_flow(case, FLOW_LOG)
    return run(case, expression("dpmpp_2m", form="heun"), *sigmas(case))


def k_unipc(b):
    """ComfyUI's UniPC ends at rho = 0.001 and returns x / alpha. Its rows are corrected
    samples, which a run does not return: only the end counts.
    """
    def rule(case):
        levels = case.floats("sigmas")
        levels[-1] = levels[-1] or 0.001
        order = min(3, len(levels) - 2)
        return unipc_run(case, order, b, "edm", "rho", levels, rows=[])
    return rule


def nv_edm(case):
    solver = case.kwarg("solver", "heun")
    calls = case.floats("model_sigma")
    n = case["n"]
    if case["sampler"] == "ablation_sampler":
        if case.kwarg("schedule") != "linear" or case.kwarg("scaling") != "none":
            raise LeftOut(OWN_CLOCK)
        if solver == "heun" and case.kwarg("alpha", 1) != 1:
            raise LeftOut(ALPHA_RK)
    stages = 2 if solver == "heun" else 1
    churn = case.kwarg("S_churn", 0)
    if churn:
        # The first call of a step sees the level after churn, the second call that of the next step.
        levels = [calls[0]] + calls[1::2] + [0.0]
        low, high = case.kwarg("S_min", 0.0), case.kwarg("S_max", math.inf)
        if stages != 2 or low <= levels[0] <= high:
            raise LeftOut(CHURN_LEVEL)
        return churned(case, "heun", levels, churn, low, high, case.kwarg("S_noise", 1.0), rows=[], scale=levels[0])
    rows = [[i, i * stages] for i in range(n)]               # the network's inputs; `final` is not among them
    return run(case, "heun" if stages == 2 else "euler", "edm", "rho", calls[::stages] + [0.0], rows=rows,
               scale=calls[0])


# The rule for a reference sampler, and the sampler of the library that the cases it leaves out would need most.
RULES = {
    ("kdiffusion", "sample_euler"): ("euler", k_churn("euler")),
    ("kdiffusion", "sample_heun"): ("heun", k_churn("heun")),
    ("kdiffusion", "sample_dpm_2"): ("dpm_2", k_churn("dpm_2")),
    ("kdiffusion", "sample_lms"): ("lms", k_lms("integral")),
    ("kdiffusion", "sample_euler_ancestral"): ("euler_ancestral", k_euler_ancestral),
    ("kdiffusion", "sample_dpmpp_2s_ancestral"): ("ancestral", k_ancestral("dpmpp_2s")),
    ("kdiffusion", "sample_dpmpp_2m"): ("dpmpp_2m", k_dpmpp_2m),
    ("kdiffusion", "sample_dpmpp_2m_sde"): ("dpmpp_2m_sde", k_dpmpp_2m_sde("midpoint")),
    ("kdiffusion", "sample_dpmpp_sde"): ("dpmpp_2s", k_singlestep(0.5)),
    ("comfy", "sample_euler"): ("euler", k_churn("euler")),
    ("comfy", "sample_heun"): ("heun", k_churn("heun", FLOW_SLOPES)),
    ("comfy", "sample_dpm_2"): ("dpm_2", k_churn("dpm_2", FLOW_SLOPES)),
    ("comfy", "sample_lms"): ("lms", k_lms("jump")),
    ("comfy", "sample_euler_ancestral"): ("euler_ancestral", k_euler_ancestral),
    ("comfy", "sample_dpm_2_ancestral"): ("ancestral", k_ancestral("dpm_2")),
    ("comfy", "sample_dpmpp_2s_ancestral"): ("ancestral", k_ancestral("dpmpp_2s")),
    ("comfy", "sample_ddpm"): ("ddpm", k_ddpm),
    ("comfy", "sample_dpmpp_2m"): ("dpmpp_2m", k_dpmpp_2m),
    ("comfy", "sample_dpmpp_2m_sde"): ("dpmpp_2m_sde", k_dpmpp_2m_sde("midpoint")),
    ("comfy", "sample_dpmpp_2m_sde_heun"): ("dpmpp_2m_sde", k_dpmpp_2m_sde("heun")),
    ("comfy", "sample_dpmpp_sde"): ("dpmpp_2s", k_singlestep(0.5)),
    ("comfy", "sample_seeds_2"): ("dpmpp_2s", k_singlestep(0.5)),
    ("comfy", "sample_exp_heun_2_x0"): ("dpmpp_2s", k_exp_heun),
    ("comfy", "sample_res_multistep"): ("dpmpp_2m", k_res_multistep),
    ("comfy", "uni_pc"): ("unipc", k_unipc("bh1")),
    ("comfy", "uni_pc_bh2"): ("unipc", k_unipc("bh2")),
    ("nvedm", "edm_sampler"): ("heun", nv_edm),
    ("nvedm", "ablation_sampler"): ("heun", nv_edm),
    ("diffusers", "DDIMScheduler"): ("ddim", ddim),
    ("diffusers", "DDIMParallelScheduler"): ("ddim", ddim),
    ("diffusers", "CogVideoXDDIMScheduler"): ("ddim", cogvideox_ddim),
    ("diffusers", "DDPMScheduler"): ("ddpm", ddpm),
    ("diffusers", "UnCLIPScheduler"): ("ddpm", ddpm),
    ("diffusers", "EulerDiscreteScheduler"): ("euler", euler),
    ("diffusers", "EDMEulerScheduler"): ("euler", euler),
    ("diffusers", "EulerAncestralDiscreteScheduler"): ("euler_ancestral", euler_ancestral),
    ("diffusers", "HeunDiscreteScheduler"): ("heun", two_stage("heun")),
    ("diffusers", "KDPM2DiscreteScheduler"): ("dpm_2", two_stage("dpm_2")),
    ("diffusers", "KDPM2AncestralDiscreteScheduler"): ("ancestral", kdpm2_ancestral),
    ("diffusers", "LMSDiscreteScheduler"): ("lms", lms),
    ("diffusers", "DPMSolverMultistepScheduler"): ("dpmpp_2m", dpm_multistep),
    ("diffusers", "DPMSolverMultistepInverseScheduler"): ("dpmpp_2m", dpm_inverse),
    ("diffusers", "DPMSolverSinglestepScheduler"): ("dpmpp_2s", dpm_singlestep),
    ("diffusers", "EDMDPMSolverMultistepScheduler"): ("dpmpp_2m", edm_multistep),
    ("diffusers", "CosineDPMSolverMultistepScheduler"): ("dpmpp_2m_sde", cosine_multistep),
    ("diffusers", "DEISMultistepScheduler"): ("ddim", deis),
    ("diffusers", "UniPCMultistepScheduler"): ("unipc", unipc),
    ("diffusers", "FlowMatchEulerDiscreteScheduler"): ("euler", flow_euler),
    ("diffusers", "FlowMatchHeunDiscreteScheduler"): ("heun", flow_heun),
    ("diffusers", "LTXEulerAncestralRFScheduler"): ("euler", ltx),
    ("diffusers", "CMStochasticIterativeScheduler"): ("consistency", consistency),
    ("diffusers", "TCDScheduler"): ("ddim", tcd),
}


# --------------------------------------------------------------------------------------------------------- output

def records(goldens):
    """One record per case of a covered reference sampler, in the order of the index."""
    out = []
    for entry in goldens.index["cases"]:
        if (entry["project"], entry["sampler"]) not in RULES:
            continue
        nearest, rule = RULES[entry["project"], entry["sampler"]]
        try:
            out.append(rule(Case(entry, goldens)))
        except LeftOut as why:
            out.append({"id": entry["id"], "project": entry["project"], "reference": entry["sampler"],
                        "nearest": nearest, "left_out": str(why)})
    return out


KEPT = ("id", "project", "sampler", "file", "config", "set_timesteps", "step_kwargs", "kwargs", "num_inference_steps",
        "n", "step_calls", "toy", "prediction_type", "param", "sched", "model_sampling", "x_init_scale", "stochastic",
        "traj_kind", "final_abs_max", "max_abs_f32_vs_f64", "f32_unstable")


def adopt(source):
    """Fill this folder from a complete set of goldens: the files that runs need, and a short index."""
    goldens = Goldens(source)
    needed = sorted({r["file"] for r in records(goldens) if "file" in r})
    for name in os.listdir(HERE):
        if name.endswith(".safetensors") and name not in needed:
            os.remove(os.path.join(HERE, name))
    for name in needed:
        shutil.copyfile(os.path.join(source, name), os.path.join(HERE, name))
    sums = {f["name"]: f["sha256"] for f in goldens.index["files"]}
    others = collections.Counter((c["project"], c["sampler"]) for c in goldens.index["cases"])
    cases = [{k: c[k] for k in KEPT if k in c} for c in goldens.index["cases"] if (c["project"], c["sampler"]) in RULES]
    head = {"versions": goldens.index["versions"], "generated": goldens.index["generated"],
            "files": {name: sums[name] for name in needed},
            "without_rule": [[p, s, n] for (p, s), n in sorted(others.items()) if (p, s) not in RULES]}
    write_lines(os.path.join(HERE, "index.json"), head, cases)


def write_lines(path, head, cases):
    """JSON with one case a line, so that changes can be read."""
    with open(path, "w") as f:
        f.write("{\n")
        for key, value in head.items():
            f.write(f"{json.dumps(key)}: {json.dumps(value)},\n")
        f.write('"cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")


def coverage(runs, without_rule):
    """COVERAGE.md: what is compared, and why the rest is not."""
    groups = collections.defaultdict(list)
    for r in runs:
        groups[r["project"], r["reference"]].append(r)
    mapped = [r for r in runs if "sampler" in r]
    whole = [r for r in mapped if "partial" not in r]
    text = ["# Coverage of the reference samplers", "", "Generated by `map.py`.", "",
            f"{len(runs)} cases of {len(groups)} reference samplers: {len(mapped)} are compared "
            f"({len(whole)} to the end, {len(mapped) - len(whole)} in part), {len(runs) - len(mapped)} are left out.",
            "", "| project | reference sampler | cases | to the end | in part | left out |",
            "|---|---|---|---|---|---|"]
    for (project, name), rs in sorted(groups.items()):
        part = sum("partial" in r for r in rs)
        out = sum("left_out" in r for r in rs)
        text.append(f"| {project} | {name} | {len(rs)} | {len(rs) - part - out} | {part} | {out} |")
    for title, key in (("Left out", "left_out"), ("Compared in part", "partial")):
        text += ["", f"## {title}", "", "| reason | cases | where |", "|---|---|---|"]
        for why, n in collections.Counter(r[key] for r in runs if key in r).most_common():
            where = collections.Counter(r["project"] + " " + r["reference"] for r in runs if r.get(key) == why)
            text.append(f"| {why} | {n} | " + ", ".join(f"{w} {k}" for w, k in sorted(where.items())) + " |")
    text += ["", "## By sampler of the library", "",
             "| sampler | cases | stochastic | expressions |", "|---|---|---|---|"]
    names = collections.defaultdict(list)
    for r in mapped:
        names[r["sampler"].split("(")[0]].append(r)
    for name, rs in sorted(names.items()):
        kinds = len({r["sampler"] for r in rs})
        text.append(f"| {name} | {len(rs)} | {sum(bool(r['noise']) for r in rs)} | {kinds} |")
    text += ["", "## Reference samplers without a counterpart yet", "", "| project | reference sampler | cases |",
             "|---|---|---|"]
    text += [f"| {p} | {s} | {n} |" for p, s, n in without_rule]
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--from", dest="source", metavar="DIR", help="a complete set of goldens to take the data from")
    source = parser.parse_args().source
    if source:
        adopt(source)
    goldens = Goldens(HERE)
    runs = records(goldens)
    write_lines(os.path.join(HERE, "cases.json"), {}, runs)
    text = coverage(runs, goldens.index["without_rule"])
    with open(os.path.join(HERE, "COVERAGE.md"), "w") as f:
        f.write(text)
    print(text.split("\n")[4])


if __name__ == "__main__":
    main()
