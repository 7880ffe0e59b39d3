"""diffusers PNDMScheduler. With Runge-Kutta steps the first three take four calls each; without, the first takes two."""
from of_diffusers import table, same_stride
from reference import expression, run, shorten, without_last


def rule(case):
    times = [int(t) for t in case.floats("timesteps")]
    if case.option("skip_prk_steps", False):
        start, times = "heun", times[:1] + times[2:]
        rows = [0] + list(range(2, len(times) + 2))
    else:
        start, times = "runge_kutta", times[:12:4] + times[12:]
        rows = [0, 4, 8, 12] + list(range(13, len(times) + 10))
    times.append("clean" if case.option("set_alpha_to_one", False) else 0)
    same_stride(case, times)
    times, cut = shorten(times)
    average = {"average": "velocity"} if case["prediction_type"] == "v_prediction" else {}
    sampler = expression("pndm", **({"start": start} if start == "heun" else {}), **average)
    return run(case, sampler, table(case), "time", times, rows=[[i, rows[i]] for i in range(len(times))],
               **without_last(times, cut))
