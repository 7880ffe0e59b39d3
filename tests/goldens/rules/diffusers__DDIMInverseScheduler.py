"""diffusers DDIMInverseScheduler: steps up, from the entry one stride below."""
from of_diffusers import table
from reference import LeftOut, clipping, expression, run

STRIDE = "a step does not begin where the one before ended"


def rule(case):
    times = [int(t) for t in case.floats("timesteps")]
    stride = 1000 // case["num_inference_steps"]
    if any(b - a != stride for a, b in zip(times, times[1:])):
        raise LeftOut(STRIDE)
    first = times[0] - stride
    levels = [first if first >= 0 else "clean" if case.option("set_alpha_to_one", True) else 0] + times
    kind = {"epsilon": "noise", "v_prediction": "velocity", "sample": "data"}[case["prediction_type"]]
    if kind == "data" and levels[0] == "clean":
        raise LeftOut("takes the noise from the data at clean")
    skipped = int(levels[0] == levels[1])                    # a step of length zero changes nothing
    bound = {"bound": inside["high"]} if (inside := clipping(case)) else {}
    sampler = expression("ddim_inverse_as_shipped", **({"predict": kind} if kind != "noise" else {}), **bound)
    return run(case, sampler, table(case), "time", levels[skipped:], guided=False,
               rows=[[i, i + skipped] for i in range(len(levels) - skipped)])
