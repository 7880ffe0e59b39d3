#!/usr/bin/env python3
"""Map reference trajectories to runs of samp: the rules of `rules/` on `data/` give `cases/`.

    python3 map.py               # all of cases/
    python3 map.py er_sde unipc  # only the references whose name contains a word
    python3 map.py --from DIR    # first rebuild data/ from a complete set of goldens in DIR

Everything that is a number of the reference is read from the golden file. README.md describes the record.
"""
import collections
import importlib
import json
import os
import sys

import numpy as np

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules"))

from reference import HERE, Case, LeftOut, Tensors, options_of, place, show, write_lines, write_tensors

NO_RULE = "the library has no counterpart yet"


def rule_of(name):
    """The function `rule` of `rules/NAME.py`, or one that leaves everything out."""
    path = place("rules", name + ".py")
    if not os.path.exists(path):
        def rule(_case):
            raise LeftOut(NO_RULE)
        return rule
    return importlib.import_module(name).rule


def records(name):
    """The records of a reference sampler: a run of samp each, or why there is none."""
    with open(place("data", name + ".json")) as f:
        index = json.load(f)
    tensors, rule = Tensors(place("data", name + ".safetensors")), rule_of(name)
    for entry in index["cases"]:
        try:
            yield rule(Case({**entry, "project": index["project"], "sampler": index["sampler"]}, tensors))
        except LeftOut as why:
            yield {"id": entry["id"], "left_out": str(why)}


KEPT = ("id", "config", "set_timesteps", "step_kwargs", "args", "kwargs", "num_inference_steps", "n", "nfe",
        "step_calls", "toy", "prediction_type", "param", "sched", "model_sampling", "tag", "cfg", "sigma_min",
        "sigma_max", "schedule", "x_init_scale", "stochastic", "final_abs_max", "max_abs_f32_vs_f64", "f32_unstable",
        "degenerate_step")
DROPPED = ("final_f32", "sigmas_f32", "timesteps_f32", "noise_effective")


def adopt(source):
    """Fill `data/` from a complete set of goldens: of `traj` every 16th element, of `final` every 8th."""
    with open(os.path.join(source, "index.json")) as f:
        index = json.load(f)
    groups = collections.defaultdict(list)
    for case in index["cases"]:
        groups[case["file"].removesuffix(".safetensors")].append(case)
    for name, cases in sorted(groups.items()):
        tensors, kept = Tensors(os.path.join(source, name + ".safetensors")), {}
        for case in cases:
            for key in case["keys"]:
                value = tensors[f"{case['id']}/{key}"]
                if key in DROPPED:
                    continue
                if key == "traj":
                    value = value.reshape(len(value), -1)
                    value = value[:, ::value.shape[1] // 16]
                elif key == "final":
                    value = value.reshape(-1)[::8]
                kept[f"{case['id']}/{key}"] = value.astype(np.float64)
        write_tensors(place("data", name + ".safetensors"), kept)
        short = [{k: c[k] for k in KEPT if c.get(k) is not None and c[k] is not False and c[k] != ""} for c in cases]
        head = {"project": cases[0]["project"], "sampler": cases[0]["sampler"]}
        write_lines(place("data", name + ".json"), head, short)


def main():
    parser = options_of(__doc__)
    parser.add_argument("words", nargs="*", help="only references whose name contains one of them")
    options = parser.parse_args()
    if options.source:
        adopt(options.source)
    counts = collections.Counter()
    for name in sorted(f.removesuffix(".json") for f in os.listdir(place("data", "")) if f.endswith(".json")):
        if options.words and not any(word in name for word in options.words):
            continue
        project, sampler = name.split("__", 1)
        cases = list(records(name))
        write_lines(place("cases", name + ".json"), {"project": project, "reference": sampler}, cases)
        counts["cases"] += len(cases)
        for case in cases:
            counts[case.get("left_out", "compared")] += 1
    show(counts)


if __name__ == "__main__":
    main()
