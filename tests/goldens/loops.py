#!/usr/bin/env python3
"""The full loops of diffusers' own tests: `loops/tests.json` to `loops/cases.json`.

    python3 loops.py               # rebuild loops/cases.json
    python3 loops.py --from DIR    # first take the data from a complete set of goldens in DIR

A test states the sum and the mean of |x| at the end of a run on the network x t / (t + 1). The levels are worked out here
from the configuration, as the scheduler does; the rules of `rules/` then say which run of samp must reproduce them.
"""
import json
import os

import numpy as np

from map import rule_of
from reference import Case, LeftOut, Tensors, place, rebuild, source_of, write_lines, write_tensors

VE = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler",
      "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler")
VP = ("DPMSolverSinglestepScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler", "SASolverScheduler")
SMALLEST = ("DEISMultistepScheduler", "SASolverScheduler")  # end at the smallest level of the table
EDM = ("EDMDPMSolverMultistepScheduler", "EDMEulerScheduler")
TIMES = ("DDIMScheduler", "DDIMParallelScheduler", "PNDMScheduler", "TCDScheduler", "LCMScheduler",
         "DDIMInverseScheduler", "DDPMParallelScheduler", "UnCLIPScheduler")
SAME_RULE = {"DDPMParallelScheduler": "DDPMScheduler"}

ROUNDED = "rounds its levels to f32, by more than its own tolerance"
LAST_DIGITS = "in f32 its last step shrinks the sample by 0.05 %: there 1 - alpha^2 of the cleanest entry has few digits left"
ODD = {"dt024": ROUNDED, "dt037": ROUNDED, "dt086": ROUNDED, "dt100": LAST_DIGITS}


def karras(high, low, n, power=7.0):
    u = np.linspace(0, 1, n)
    return (high ** (1 / power) + u * (low ** (1 / power) - high ** (1 / power))) ** power


def numbers(record):
    """The tensors of a case, from the configuration of the scheduler and the time steps of the loop."""
    name, config, n = record["scheduler"], record["config_kwargs"], record["num_inference_steps"]
    times = np.array([float(str(t).removeprefix("np.int64(").removesuffix(")")) for t in record["step_timesteps"]])
    times = times[:len(times) // max(1, len(record["set_timesteps_args"]))]      # `test_switch` does its loop twice
    if name in EDM:
        low, high = config["sigma_min"], config["sigma_max"]
        sigmas = np.append(karras(high, low, n), low if config.get("final_sigmas_type") == "sigma_min" else 0.0)
        sigmas = sigmas[n - len(times):]
        return {"timesteps": times, "sigmas": sigmas, "model_sigma": sigmas[:-1], "model_alpha": 0 * times + 1}
    if name == "CMStochasticIterativeScheduler":
        sigmas = np.append(karras(config["sigma_max"], config["sigma_min"], n), config["sigma_min"])
        return {"timesteps": times, "sigmas": sigmas, "model_sigma": sigmas[:-1], "model_alpha": 0 * times + 1}
    if name == "IPNDMScheduler":
        raise LeftOut("runs its loop twice, the second time on the end and the history of the first")
    count = config.get("num_train_timesteps", 1000)
    first, last = config.get("beta_start", 0.00085), config.get("beta_end", 0.012)
    betas = np.linspace(first, last, count)
    if config.get("beta_schedule") == "scaled_linear":
        betas = np.linspace(first ** 0.5, last ** 0.5, count) ** 2
    if name == "UnCLIPScheduler":
        left = np.cos((np.arange(count + 1) / count + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.minimum(1 - left[1:] / left[:-1], 0.999)
    bar = np.cumprod(1 - betas)
    table = np.sqrt((1 - bar) / bar)
    if name in TIMES:
        at = bar[times.astype(int)]
        return {"timesteps": times, "model_alpha": np.sqrt(at), "model_sigma": np.sqrt(1 - at)}
    if name in VE:
        levels = np.interp(np.linspace(0, count - 1, n), np.arange(count), table)[::-1]
        if config.get("use_karras_sigmas"):
            levels = karras(levels[0], levels[-1], n)
        stages = 1 + ("Heun" in name or "KDPM2" in name)
        levels = levels[n - (len(times) + stages - 1) // stages:]
        between = levels[1:] if name == "HeunDiscreteScheduler" else np.sqrt(levels[:-1] * levels[1:])
        called = levels if stages == 1 else np.append(np.stack([levels[:-1], between], 1).reshape(-1), levels[-1])
        levels = np.append(levels, 0.0)
        sigmas = levels if stages == 1 else np.append(levels[0], np.repeat(levels[1:], 2))
    elif name == "DPMSolverMultistepInverseScheduler":
        levels = table[np.linspace(0, count - 1, n + 1).round().astype(int)[:-1]]
        if config.get("use_karras_sigmas"):
            levels = karras(table[-1], table[0], n)[::-1]
        sigmas = np.append(levels, table[-1])
        called = sigmas[:-1]
    else:
        whole = np.linspace(0, count - 1, n + 1).round()[::-1][:-1]
        if config.get("use_karras_sigmas"):
            levels = karras(table[-1], table[0], n)
        else:
            levels = np.interp(whole, np.arange(count), table)
        low = 0.0 if config.get("final_sigmas_type", "zero") == "zero" and name not in SMALLEST else table[0]
        sigmas = np.append(levels, low)[n - len(times):]
        called = sigmas[:-1]
    alpha = 1 / np.sqrt(1 + called ** 2)
    return {"timesteps": times, "sigmas": sigmas, "model_alpha": alpha, "model_sigma": called * alpha}


def start(record, tensors):
    """Factors of the ascending and of the descending first sample."""
    first = record["initial_sample"].get("init_noise_sigma" if record["scheduler"] in VE else "scale")
    if not record["add_noise"]:
        return [first, 0.0]
    alpha, sigma = tensors["model_alpha"][0], tensors["model_sigma"][0]
    if record["scheduler"] in VE:
        return [first, sigma / alpha]
    if record["scheduler"] in EDM:
        return [1.0, sigma / alpha]
    return [alpha, sigma]


def mapped(record):
    """The record of a run, and what its end must be."""
    if record["n_step_calls"] == 0:
        raise LeftOut("is no loop")
    if record["brownian"]:
        raise LeftOut("draws from torch's Brownian tree")
    if record["id"] in ODD:
        raise LeftOut(ODD[record["id"]])
    if "..." in record["step_timesteps"]:
        raise LeftOut("its noise is not in the goldens")
    tensors = numbers(record)
    count = len(tensors["timesteps"])
    entry = {
        "id": record["id"], "sampler": record["scheduler"], "config": record["config_kwargs"], "set_timesteps": {},
        "step_kwargs": {}, "num_inference_steps": record["num_inference_steps"], "step_calls": count, "toy": "dummy",
        "prediction_type": record["config_kwargs"].get("prediction_type", "epsilon"), "x_init_scale": 1.0,
        "stochastic": record["stochastic"], "final_abs_max": 1.0, "tag": "",
        "scaled_input": record["uses_scale_model_input"], "fed_back": record["scheduler"] in VE,
    }
    if record["scheduler"] == "CMStochasticIterativeScheduler":
        entry["step_kwargs"] = {"clip_denoised": True}
    if record["scheduler"] == "TCDScheduler":
        entry["step_kwargs"] = {"eta": 0.0 if "deter" in record["test"] else 0.3}
    named = {f"{record['id']}/{key}": np.asarray(value) for key, value in tensors.items()}
    named[f"{record['id']}/traj"] = np.zeros((count + 1, 16))
    run = rule_of("diffusers__" + SAME_RULE.get(record["scheduler"], record["scheduler"]))(Case(entry, named))
    if entry["fed_back"]:                                    # the loop hands the scaled input to `step` as the sample
        run["sampler"] = f"fed_back.samp:fed_back(base = {run['sampler']})"
    if "rows" in run and run.get("partial") and run["rows"][-1][0] < len(run["levels"]) - 1:
        raise LeftOut(run["partial"])
    expected = {k: record[f"expected_{k}"] for k in ("sum", "mean") if record.get(f"expected_{k}") is not None}
    within = {k: record[f"tol_{k}"] for k in expected}
    return {**run, "rows": [], "final": False,
            "start": start(record, tensors), "shape": record["sample_shape"], "drawn": record.get("drawn"),
            "expected": expected, "within": within}


KEPT = ("id", "scheduler", "test", "config_kwargs", "set_timesteps_args", "num_inference_steps", "n_step_calls",
        "step_timesteps", "add_noise", "initial_sample", "uses_scale_model_input", "sample_shape", "stochastic", "brownian", "expected_sum",
        "tol_sum", "expected_mean", "tol_mean")


def adopt(source):
    """Takes the tests, and each tensor of noise once."""
    with open(os.path.join(source, "diffusers_tests.json")) as f:
        records = json.load(f)["records"]
    noise, kept = Tensors(os.path.join(source, "diffusers_tests_noise.safetensors")), {}
    short = []
    for record in records:
        entry = {k: record.get(k) for k in KEPT}
        if record.get("noise_key") and not record["brownian"] and record["n_step_calls"]:
            drawn = noise[record["noise_key"]]
            same = [key for key, known in kept.items() if known.shape == drawn.shape and (known == drawn).all()]
            entry["drawn"] = same[0] if same else record["noise_key"]
            kept[entry["drawn"]] = drawn
        short.append(entry)
    write_lines(place("loops", "tests.json"), {}, short)
    write_tensors(place("loops", "noise.safetensors"), kept)


def main():
    if source := source_of(__doc__):
        adopt(source)
    with open(place("loops", "tests.json")) as f:
        records = [{**record, "reference": record["scheduler"]} for record in json.load(f)["cases"]]
    rebuild("loops", records, ("id", "reference", "test"), mapped)


if __name__ == "__main__":
    main()
