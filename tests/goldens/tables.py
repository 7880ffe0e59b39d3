#!/usr/bin/env python3
"""Tables of other projects' schedules and grids: `tables/tables.json` and `.safetensors` to `tables/cases.json`.

    python3 tables.py               # rebuild tables/cases.json
    python3 tables.py --from DIR    # first take the data from a complete set of goldens in DIR

A table is a list of alpha^2, of time steps, or of noise levels. The rules below say which schedule and grid of samp must
give it, or why there is none.
"""
import argparse
import collections
import json
import os

import numpy as np

from map import place
from reference import LeftOut, Tensors, expression, write_lines, write_tensors

VE = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler",
      "KDPM2DiscreteScheduler")
VP = ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "DEISMultistepScheduler", "SASolverScheduler",
      "DPMSolverSinglestepScheduler")
WHOLE = ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler")
LINEAR_SIGMA = "interpolates sigma between table entries, and not its logarithm"
ROUNDED = "rounds time steps for the network that its levels do not have"
NO_GRID = "the library has no such grid yet"
NO_SCHEDULE = "the library has no such schedule yet"


DROPPED = ("length", "finite", "init_noise_sigma", "prediction_type")


def schedule(entry):
    kind, first, last = (entry.get(k) for k in ("beta_schedule", "beta_start", "beta_end"))
    if entry.get("rescale_betas_zero_snr") or entry["cls"].startswith("CogVideoX"):
        raise LeftOut(NO_SCHEDULE)
    if kind == "squaredcos_cap_v2":
        return "cosine_table"
    if kind not in ("linear", "scaled_linear"):
        raise LeftOut(NO_SCHEDULE)
    return expression(kind, beta_first=first, beta_last=last)


def diffusers(entry, values):
    """What must give a table of diffusers: schedule, grid and steps, and the values in their order."""
    cls, what, n = entry["cls"], entry["what"], entry.get("n")
    if n is None:
        at = list(range(0, len(values), 37))                # 27 x 37 is the last
        if what == "betas":
            raise LeftOut("is told by `alphas_cumprod`")
        return {"schedule": schedule(entry), "times": at, "what": "alpha2", "take": at}
    family = entry["key"].split("/")[1]
    if cls.startswith("FlowMatch"):
        return flow(entry, values, family)
    if cls.startswith(("EDM", "Cosine")):
        return edm(entry, values, family)
    if entry.get("use_flow_sigmas") or cls not in VE + VP + WHOLE:
        raise LeftOut(NO_GRID)
    base = {"schedule": schedule(entry), "steps": n}
    if cls in ("HeunDiscreteScheduler", "KDPM2DiscreteScheduler"):
        if cls == "KDPM2DiscreteScheduler" and what == "timesteps":
            raise LeftOut("lists the midpoints of its steps too")
        base["take"] = ([0] + list(range(1, len(values), 2)))[:n + 1]
    if cls == "PNDMScheduler":
        base["take"] = [0, 4, 8] + list(range(12, len(values)))             # three Runge-Kutta steps of four calls
    if family.startswith("use_"):
        name = {"use_karras_sigmas": "karras", "use_exponential_sigmas": "exponential"}.get(family)
        if name is None:
            raise LeftOut(NO_GRID)
        if what == "timesteps":
            raise LeftOut(ROUNDED)
        return {**base, "grid": name, "what": "rho"}
    offset = int(family == "off1" or entry["key"].split("/")[2] == "off1")
    grid = {"leading": expression("leading", offset=offset), "trailing": "trailing", "linspace": "uniform"}[family]
    if family == "leading" and cls in VP or family == "linspace" and cls in WHOLE + VP:
        raise LeftOut(NO_GRID)
    if family == "linspace" and n == 1:
        raise LeftOut("of one step begins at the clean end")
    if what == "sigmas" and family == "linspace":
        raise LeftOut(LINEAR_SIGMA)
    if what == "sigmas" and values[-1] != 0:
        base["take"] = base.get("take", list(range(len(values))))[:-1]      # the last level is one of its own
    return {**base, "grid": grid, "what": "time" if what == "timesteps" else "rho"}


def flow(entry, values, family):
    if not family.startswith("shift") or "_" in family or entry["what"] == "timesteps":
        raise LeftOut(NO_GRID if entry["what"] == "sigmas" else "is told by `sigmas`")
    shift = float(entry["shift"])
    take = {"take": [0] + list(range(1, len(values), 2))} if "Heun" in entry["cls"] else {}
    last = shift * 0.001 / (1 + (shift - 1) * 0.001)
    return {"schedule": expression("shifted", base="flow", by=-float(np.log(shift))), "steps": entry["n"],
            "grid": f"uniform(low = level(time = {last!r}))", "what": "sigma", **take}


def edm(entry, values, family):
    if entry["what"] == "timesteps":
        raise LeftOut("is what the network is told, a part of the model")
    ends = {"low": "level(rho = 0.3)", "high": "level(rho = 500)"} if entry["cls"].startswith("Cosine") else {}
    return {"schedule": "edm", "grid": expression(family, **ends), "steps": entry["n"], "what": "rho"}


def comfy(entry, values):
    kind, grid, n = entry.get("model_sampling"), entry.get("scheduler"), entry.get("steps")
    name = {"karras": "karras", "exponential": "exponential", "normal": "uniform", "sgm_uniform": "uniform_open"}
    if grid not in name:
        raise LeftOut(NO_GRID)
    if kind not in ("sd", "edm") or kind == "edm" and "uniform" in name[grid]:
        raise LeftOut(NO_SCHEDULE)
    return {"schedule": "scaled_linear" if kind == "sd" else "edm", "grid": name[grid], "steps": n, "what": "rho"}


def mapped(entry, tensors):
    values = tensors[entry["table"]]
    rule = comfy if entry["project"] == "comfy" else diffusers
    run = rule(entry, values)
    return {"project": entry["project"], "key": entry["key"], "table": entry["table"], **run}


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
            entries.append({"project": project, **short, "table": table})
    write_lines(place("tables", "tables.json"), {}, entries)
    write_tensors(place("tables", "tables.safetensors"), kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--from", dest="source", metavar="DIR", help="a complete set of goldens to take the data from")
    source = parser.parse_args().source
    if source:
        adopt(source)
    tensors = Tensors(place("tables", "tables.safetensors"))
    with open(place("tables", "tables.json")) as f:
        entries = json.load(f)["cases"]
    cases, counts = [], collections.Counter()
    for entry in entries:
        try:
            cases.append(mapped(entry, tensors))
            counts["compared"] += 1
        except LeftOut as why:
            cases.append({"project": entry["project"], "key": entry["key"], "left_out": str(why)})
            counts[str(why)] += 1
    write_lines(place("tables", "cases.json"), {}, cases)
    for what, count in counts.most_common():
        print(f"{count:5} {what}")


if __name__ == "__main__":
    main()
