"""What the rules of k-diffusion, ComfyUI and NVlabs/edm samplers share."""
import math

from reference import LeftOut, expression, draws, run, flow_first_order, lms_run, unipc_run

CHURN_LEVEL = "the level before churn is not in the golden file"
FLOW_MIDPOINT = "replaces the level midway from pure noise by sigma = 0.9999"
OWN_CLOCK = "integrates in the clock of its own schedule, not in rho"
STOCHASTIC_2 = "stochastic two-stage rule is not in the library yet"


def sigmas(case):
    """Schedule, coordinate and levels of a k-diffusion or ComfyUI case."""
    levels = case.floats("sigmas")
    first = case.floats("model_sigma")[0]
    if case["param"] == "flow":
        return "flow", "sigma", [first] + levels[1:]         # some rules move sigma = 1 down to where alpha > 0
    return "edm", "rho", levels


def frame(case):
    """The option of rules that are written in one of two frames."""
    return {"frame": "flow"} if case["param"] == "flow" else {}


def k_churn(base):
    """Euler, Heun, DPM2: without churn the rule alone, with churn inside `edm`."""
    def rule(case):
        schedule, coordinate, levels = sigmas(case)
        churn = case.kwarg("s_churn", 0.0)
        if not churn and schedule == "flow":
            return run(case, "euler" if base == "euler" else base + "_flow", schedule, coordinate, levels)
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


def k_ancestral(base):
    def rule(case):
        schedule, coordinate, levels = sigmas(case)
        eta, s_noise = case.kwarg("eta", 1.0), case.kwarg("s_noise", 1.0)
        inner = base
        if schedule == "flow" and base == "dpm_2":
            inner = "dpm_2_flow"
        if schedule == "flow" and base == "dpmpp_2s" and levels[0] == 1:
            raise LeftOut(FLOW_MIDPOINT)
        return run(case, expression("ancestral", base=inner, eta=eta, s_noise=s_noise, **frame(case)), schedule,
                   coordinate, levels, noise=draws(len(levels) - 2) if eta else None)
    return rule


def k_lms(end):
    def rule(case):
        if case["param"] == "flow":
            return run(case, expression("lms_flow", points=case.kwarg("order", 4)), *sigmas(case))
        return lms_run(case, case.kwarg("order", 4), sigmas(case)[2], end)
    return rule


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


def k_euler_ancestral(case):
    schedule, coordinate, levels = sigmas(case)
    if schedule == "flow":
        return k_ancestral("euler")(case)
    eta, s_noise = case.kwarg("eta", 1.0), case.kwarg("s_noise", 1.0)
    return run(case, expression("euler_ancestral", eta=eta, s_noise=s_noise), schedule, coordinate, levels,
               noise=draws(len(levels) - 1) if eta else None)


def k_dpmpp_2m(case):
    return run(case, "dpmpp_2m", *sigmas(case))


def nv_edm(case):
    solver = case.kwarg("solver", "heun")
    calls = case.floats("model_sigma")
    n = case["n"]
    if case["sampler"] == "ablation_sampler":
        if case.kwarg("schedule") != "linear" or case.kwarg("scaling") != "none":
            raise LeftOut(OWN_CLOCK)
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
    share = case.kwarg("alpha", 1)
    sampler = "euler" if stages == 1 else "heun" if share == 1 else expression("heun", share=share)
    return run(case, sampler, "edm", "rho", calls[::stages] + [0.0], rows=rows,
               scale=calls[0])
