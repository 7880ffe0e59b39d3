"""The denoiser of a network that answers its input times t / (t + 1): D = k x, with a factor k for each level."""

VE = {"EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler",
      "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler"}
EDM = {"EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "CosineDPMSolverMultistepScheduler"}


def linear(case):
    """The record's field `denoiser`: pairs of a level, as sigma / (alpha + sigma), and its factor."""
    times = case.floats("model_t" if case.has("model_t") else "timesteps")
    calls = list(zip(case.floats("model_alpha"), case.floats("model_sigma"), strict=True))
    factors = {}
    for (a, s), t in zip(calls, times[-len(calls):]):
        factors.setdefault(s / (a + s), factor(case, a, s, t / (t + 1)))
    return {"linear": sorted(factors.items())}


def factor(case, a, s, answer):
    """k, where the network returns `answer` times its input."""
    cosine = case["sampler"] == "CosineDPMSolverMultistepScheduler"
    kind = case.option("prediction_type", "v_prediction" if cosine else case.get("prediction_type", "epsilon"))
    if case["sampler"] == "IPNDMScheduler":
        kind = "v_prediction"
    if case["sampler"] in EDM:
        data = case.option("sigma_data", 1.0 if cosine else 0.5)
        total = s * s + data * data
        out = s * data / total * answer if case.get("scaled_input", True) else s * data / total ** 0.5 * answer
        return data * data / total + (-out if kind == "v_prediction" else out)
    if case["sampler"] == "CMStochasticIterativeScheduler":
        sigma, data, low = s / a, 0.5, case.option("sigma_min")
        skip = data * data / ((sigma - low) ** 2 + data * data)
        return skip + (sigma - low) * data / (sigma * sigma + data * data) * answer
    if case.get("fed_back") and kind == "v_prediction":      # what the input, taken for the sample, says of the noise
        return 1 - a * (1 - a * a) - s * a * answer
    if case["sampler"] in VE:                                # the input is alpha times the sample
        return {"epsilon": 1 - s * answer, "v_prediction": a * a - s * a * answer, "sample": a * answer}[kind]
    if "flow" in kind or case["sampler"].startswith("Flow"):
        return 1 - s * answer
    return {"epsilon": (1 - s * answer) / a if a else 0.0, "v_prediction": a - s * answer, "sample": answer}[kind]
