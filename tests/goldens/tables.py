#!/usr/bin/env python3
"""Tables of other projects' schedules and grids: `tables/tables.json` and `.safetensors` to `tables/cases.json`.

    python3 tables.py               # rebuild tables/cases.json
    python3 tables.py --from DIR    # first take the data from a complete set of goldens in DIR

A table is a list of alpha^2, of time steps, or of noise levels. The rules below say which schedule and grid of samp must
give it, or why there is none.
"""
import json
import os

import numpy as np

from reference import LeftOut, Tensors, expression, place, rebuild, source_of, write_lines, write_tensors

SOLVERS = ("DPMSolverMultistep", "UniPCMultistep", "DEISMultistep", "SASolver", "DPMSolverSinglestep")
TWO_CALLS = ("HeunDiscrete", "KDPM2Discrete", "FlowMatchHeunDiscrete")
ON_TABLES = ("EulerDiscrete", "EulerAncestralDiscrete", "LMSDiscrete", "HeunDiscrete", "KDPM2Discrete")
RESPACED = {"use_karras_sigmas": "karras", "use_exponential_sigmas": "exponential", "use_beta_sigmas": "beta_sigmas",
            "use_lu_lambdas": "exponential"}
CLEANEST = "uniform(high = cleanest)"                       # of one step, `linspace` begins at its other end


DROPPED = ("length", "finite", "init_noise_sigma", "prediction_type")


def schedule(entry):
    kind, first, last = (entry.get(k) for k in ("beta_schedule", "beta_start", "beta_end"))
    named = {"squaredcos_cap_v2": "cosine_table", "laplace": "laplace_table_as_shipped", "exp": "exp_table"}
    name = named.get(kind) or expression(kind, beta_first=first, beta_last=last)
    if entry["cls"].startswith("CogVideoX"):
        name = expression("snr_shift", base=name)
    if not entry.get("rescale_betas_zero_snr"):
        return name
    if entry["cls"] != "EulerDiscreteScheduler":
        return expression("zero_terminal_snr", base=name)
    if kind == "linear":
        raise LeftOut("pins the last level to one that is cleaner than the one before")
    # It keeps a little data at the last level, because it divides by alpha.
    return f"zero_terminal_snr(base = {name}, pin = 2^(-12))"


def diffusers(entry, values):
    """What must give a table of diffusers: schedule, grid and steps, and the values in their order."""
    cls, what, n = entry["cls"].removesuffix("Scheduler"), entry["what"], entry.get("n")
    if n is None:
        at = list(range(0, len(values), 37))                # 27 x 37 is the last
        if what == "betas":                                 # each is told by its entry and the one before
            pairs = [0] + [k for last in at[1:] for k in (last - 1, last)]
            return {"schedule": schedule(entry), "times": pairs, "what": "beta", "take": at}
        return {"schedule": schedule(entry), "times": at, "what": "alpha2", "take": at}
    take = list(range(len(values)))
    if cls == "DDIMInverse":                                # rises
        take.reverse()
    if cls == "PNDM":                                       # Runge-Kutta steps list a time for each of their calls
        take = [0, 3, 7, 11] + take[13:]
    if cls in TWO_CALLS:                                    # two calls of one step are listed twice
        take = [at for at in take if at == 0 or values[at] != values[at - 1]]
    if what == "sigmas" and values[-1] != 0:
        take = take[:-1]                                    # the last level is one of its own
    given, grid, read_as = of_diffusers(entry, cls, what, n)
    stages = {"between": spaced(entry, cls, "sigmas", n)} if cls == "KDPM2Discrete" and what == "timesteps" else {}
    return {"schedule": given, "grid": grid, **stages, "steps": n, "what": read_as, "take": take}


def of_diffusers(entry, cls, what, n):
    if cls.startswith("FlowMatch"):
        return "flow(smallest = 1e-6)", flow(entry), "sigma" if what == "sigmas" else "thousand"
    if cls.startswith(("EDM", "Cosine")):
        ends = {"smallest": 0.3, "largest": 500.0} if cls.startswith("Cosine") else {"smallest": 0.002, "largest": 80.0}
        told = "angle" if cls.startswith("Cosine") else "quarter_log"
        return expression("edm", **ends), entry["sigma_schedule"], "rho" if what == "sigmas" else told
    if entry.get("use_flow_sigmas"):
        grid = expression("shift", base="uniform_open", by=entry["flow_shift"])
        read_as = "sigma" if what == "sigmas" else "whole_thousand"
        if cls == "UniPCMultistep":
            return "flow", expression("off_pure", base=grid), read_as
        return "flow(smallest = 0, largest = 0.999)", grid, read_as
    read_as = "rho" if what == "sigmas" else "time"
    respaced = next((grid for flag, grid in RESPACED.items() if entry.get(flag)), None)
    if respaced:
        if n == 1:
            raise LeftOut("respaces one step between ends that are the same")
        if read_as == "time" and cls in SOLVERS:
            read_as = "whole_time" if respaced == "beta_sigmas" or entry.get("use_exponential_sigmas") else "rounded_time"
        return schedule(entry), respaced, read_as
    if cls in ("LCM", "TCD"):
        return schedule(entry), "lcm_skip", read_as
    if cls == "IPNDM":
        return "sine_squared", "uniform_open", "angle"
    return schedule(entry), spaced(entry, cls, what, n), read_as


def spaced(entry, cls, what, n):
    spacing, offset = entry.get("timestep_spacing", "linspace"), entry.get("steps_offset", 0)
    if spacing == "trailing":
        return "trailing"
    if cls in SOLVERS:
        return f"leading(offset = {offset}, open = true)" if spacing == "leading" else "linspace_table(open = true)"
    if spacing == "leading":
        return f"leading(offset = {offset})"
    if n == 1:
        return CLEANEST
    if cls in ON_TABLES:
        return "uniform(chord = true)" if what == "sigmas" else "uniform"
    return "linspace_table"


def flow(entry):
    """Shifts, statically or by mu, then perhaps other steps between the ends that are left."""
    mu = entry.get("set_timesteps", {}).get("mu")
    by = float(entry.get("shift", 1)) if mu is None else float(np.exp(mu))
    moved = lambda sigma: by * sigma / (1 + (by - 1) * sigma)
    low = 0.001 if mu is not None else moved(0.001)
    respaced = next((grid for flag, grid in RESPACED.items() if entry.get(flag)), None)
    if respaced:
        return f"{respaced}(over = noise, low = level(sigma = {moved(low)!r}))"
    base = f"flow_linspace(low = level(sigma = {low!r}))"
    if entry.get("time_shift_type") == "linear":
        grid = f"linear_shift(base = {base}, mu = {mu!r})"
    else:
        grid = f"shift(base = {base}, by = {by!r})"
    terminal = entry.get("shift_terminal")
    return f"stretched(base = {grid}, terminal = {terminal!r})" if terminal else grid


def comfy(entry):
    kind, grid, n = entry.get("model_sampling"), entry.get("scheduler"), entry.get("steps")
    if grid in ("AYS", "OSS"):
        ends, of, what = {"AYS": ("edm(smallest = 1e-4, largest = 1000)", "align_your_steps", "rho"),
                          "OSS": ("flow(smallest = 1e-6)", "optimal_steps", "sigma")}[grid]
        return {"schedule": ends, "grid": f"{of}(table = {entry['levels']})", "steps": n, "what": what}
    if grid is None:
        raise LeftOut("is a list that others are made from")
    pin = float(np.sqrt(4.8973451890853435e-08))
    tables = {"sd": "scaled_linear", "sd_zsnr": expression("zero_terminal_snr", pin=pin), "cosine": "cosine_table",
              "edm": "edm_table", "flow1.0": "flow_table", "flow3": "shifted(base = flow_table, by = -ln(3))"}
    name, given = {"sgm_uniform": "uniform_open", "normal": "uniform"}.get(grid, grid), tables[kind]
    if not kind.startswith("flow"):
        name += "(over = ratio)" if grid == "linear_quadratic" else ""
        return {"schedule": given, "grid": name, "steps": n, "what": "rho"}
    if grid in ("karras", "exponential", "kl_optimal"):
        name += "(over = noise)"
    if grid in ("normal", "sgm_uniform"):
        # Its clock goes on between the entries; its ends are those of the table, told as a time once more.
        given, low = ("flow", 0.001) if kind == "flow1.0" else ("shifted(base = flow, by = -ln(3))", 0.003 / 1.002)
        name += f"(low = level(time = {low!r}))"
    return {"schedule": given, "grid": name, "steps": n, "what": "sigma"}


def mapped(entry, tensors):
    values = tensors[entry["table"]]
    run = comfy(entry) if entry["project"] == "comfy" else diffusers(entry, values)
    return {"table": entry["table"], **run}


def adopt(source):
    """Takes what is in f64, each list once."""
    with open(os.path.join(source, "tables_index.json")) as f:
        index = json.load(f)
    entries, kept, known = [], {}, {}
    for project, name in (("diffusers", "tables_diffusers_schedules"), ("comfy", "tables_comfy_schedules")):
        tensors = Tensors(os.path.join(source, name + ".safetensors"))
        for entry in index[project]:
            key = next(key for key in (entry["key"] + "/f64", entry["key"]) if key in tensors)
            value = tensors[key].astype(np.float64)
            table = known.setdefault(value.tobytes(), f"{len(known)}")
            kept[table] = value
            short = {k: v for k, v in entry.items() if k not in DROPPED and v not in (False, {}, None)}
            if entry.get("scheduler") in ("AYS", "OSS"):
                short["levels"] = tensors[entry["key"].rsplit("/", 1)[0] + "/levels"].astype(np.float64).tolist()
            entries.append({"project": project, **short, "table": table})
    write_lines(place("tables", "tables.json"), {}, entries)
    write_tensors(place("tables", "tables.safetensors"), kept)


def main():
    if source := source_of(__doc__):
        adopt(source)
    tensors = Tensors(place("tables", "tables.safetensors"))
    with open(place("tables", "tables.json")) as f:
        entries = json.load(f)["cases"]
    rebuild("tables", entries, ("project", "key"), lambda entry: mapped(entry, tensors))


if __name__ == "__main__":
    main()
