"""What the rules of k-diffusion, ComfyUI and NVlabs/edm samplers share."""
import math

from reference import LeftOut, expression, draws, run, flow_first_order, lms_run, unipc_run

ROUNDING = "draws noise without churn, by the root of what rounding its level to time and back leaves"
CHURN_LEVEL = "the level before churn is not in the golden file"


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
            inner = expression("dpmpp_2s", from_pure="two_calls")
        return run(case, expression("ancestral", base=inner, eta=eta, s_noise=s_noise, **frame(case)), schedule,
                   coordinate, levels, noise=draws(len(levels) - 2) if eta else None)
    return rule


def cfgpp(base):
    """Rules that carry on the noise of the unconditional prediction."""
    return "cfgpp" if base == "euler" else f"cfgpp(base = {base})"


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


def k_singlestep(name, **defaults):
    """Rules of two stages that draw twice in every step but the last, unless `eta` is 0."""
    def rule(case):
        schedule, coordinate, levels = sigmas(case)
        given = {"eta": 1.0, "s_noise": 1.0, **defaults, "form": case.kwarg("solver_type"), **case["kwargs"]}
        given.pop("solver_type", None)
        options = {name: value for name, value in given.items() if value is not None}
        return run(case, expression(name, **options), schedule, coordinate, levels,
                   noise=draws(2 * (len(levels) - 2)) if options["eta"] else None)
    return rule


def k_sa_solver(case, **more):
    """The strength of the noise is that at the level a step goes to, and a draw is made where it is not 0."""
    schedule, coordinate, levels = sigmas(case)
    strength, on = case.kwarg("tau_func"), [False] * (len(levels) - 2)
    if strength == "constant 1":
        on = [True] * len(on)
    if strength is None:
        high, low = (percent_to_sigma(case["model_sampling"], percent) for percent in (0.2, 0.8))
        on = [high >= level >= low for level in levels[1:-1]]
    counts = [sum(on[:i]) for i in range(len(on))]
    options = {"predictor": case.kwarg("predictor_order", 3), "corrector": case.kwarg("corrector_order", 4),
               **tau(levels, on, schedule), "taper": "early", "simple": case.kwarg("simple_order_2", False), **more}
    return run(case, expression("sa_solver", **options), schedule, coordinate, levels, noise=counts if any(on) else None)


def tau(levels, on, schedule="edm"):
    """Options of `sa_solver` for a strength of 1 in the steps that are `on`, which are neighbours."""
    if not any(on):
        return {"tau": 0.0}
    rho = [level / (1 - level) if schedule == "flow" else level for level in levels[1:]]
    hit = [r for r, is_on in zip(rho, on) if is_on]
    return {"tau": 1.0, "tau_from": min(hit) * (1 - 1e-9), "tau_to": max(hit) * (1 + 1e-9)}


def percent_to_sigma(sampling, percent):
    """How far a run of the model has come, as a level."""
    if sampling == "sd":
        betas = [(a * (1 - k / 999) + b * k / 999) ** 2 for k in range(1000)
                 for a, b in [(math.sqrt(0.00085), math.sqrt(0.012))]]
        bar, at = 0.0, (1 - percent) * 999
        logs = []
        for beta in betas:
            bar += math.log1p(-beta)
            logs.append(0.5 * math.log(math.expm1(-bar)))
        low = int(at)
        return math.exp(logs[low] + (at - low) * (logs[min(low + 1, 999)] - logs[low]))
    shift, time = float(sampling.removeprefix("flow")), 1 - percent
    return shift * time / (1 + (shift - 1) * time)


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
    stages = 2 if solver == "heun" else 1
    churn = case.kwarg("S_churn", 0)
    share = case.kwarg("alpha", 1)
    base = "euler" if stages == 1 else "heun" if share == 1 else expression("heun", share=share)
    clock = in_clock(case) if case["sampler"] == "ablation_sampler" else {}
    if clock.get("clock") == "vp" and case.kwarg("discretization") == "ve" and case["n"] == 18:
        raise LeftOut(ROUNDING)
    if clock:
        base = expression("heun_in_clock", **clock, **({"corrector": False} if stages == 1 else {"share": share}))
    if churn:
        # The first call of a step sees the level after churn, the second call that of the next step.
        levels = [calls[0]] + calls[1::2] + [0.0]
        low, high = case.kwarg("S_min", 0.0), case.kwarg("S_max", math.inf)
        if stages != 2 or share != 1 or low <= levels[0] <= high:
            raise LeftOut(CHURN_LEVEL)
        return churned(case, base, levels, churn, low, high, case.kwarg("S_noise", 1.0), rows=[], scale=levels[0])
    rows = [[i, i * stages] for i in range(n)]               # the network's inputs; `final` is not among them
    return run(case, base, "edm", "rho", calls[::stages] + [0.0], rows=rows, scale=calls[0])


def in_clock(case):
    """Options of `heun_in_clock` for a clock and a scaling that are not EDM's own."""
    schedule, scaled = case.kwarg("schedule"), case.kwarg("scaling") == "vp"
    clock = {"linear": "linear", "ve": "root", "vp": "vp"}[schedule]
    if clock == "linear" and not scaled:
        return {}
    options = {"clock": clock, **({"scaled": True} if scaled else {})}
    if clock == "vp":
        # The rate of VP that reaches the ends of the discretisation's sigmas at times 0.001 and 1.
        at = lambda time: math.sqrt(math.expm1(19.9 * time ** 2 / 2 + 0.1 * time))
        low, high = {"vp": (at(1e-3), at(1.0)), "ve": (0.02, 100.0), "iddpm": (0.002, 81.0),
                     "edm": (0.002, 80.0)}[case.kwarg("discretization")]
        low, high = math.log1p(low ** 2), math.log1p(high ** 2)
        options["beta_range"] = 2 * (low / 1e-3 - high) / (1e-3 - 1)
        options["beta_min"] = high - options["beta_range"] / 2
    return options
