#!/usr/bin/env python3
"""The step that `samp-gpu` times, in PyTorch: eager and torch.compile, in seconds a step, as JSON.

usage: torch_step.py [cuda|cpu] > torch.json"""
import json
import sys
import time

import torch

DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cuda"
SIZES = [1 << 14, 1 << 20, 1 << 24, 1 << 26] if DEVICE == "cuda" else [1 << 14]


def step(x, f, d, a, b, p, q, r):
    return p * x + q * f + r * d, a * x + b * f


def synchronize():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def median_time(call, rounds=9, budget=0.15):
    for _ in range(3):
        call()
    synchronize()
    begun = time.perf_counter()
    call()
    synchronize()
    calls = int(min(max(budget / (time.perf_counter() - begun), 1), 2000))
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        synchronize()
        times.append((time.perf_counter() - begun) / calls)
    return sorted(times)[rounds // 2]


def main():
    compiled = torch.compile(step, dynamic=False)
    coefficients = (0.5, 0.5, 0.9, 0.05, 0.04)
    report = {}
    with torch.inference_mode():
        for n in SIZES:
            x, f, d = (torch.rand(n, device=DEVICE) for _ in range(3))
            y = torch.empty_like(x)
            row = {"eager": median_time(lambda: step(x, f, d, *coefficients)), "copy": median_time(lambda: y.copy_(x))}
            try:
                row["compile"] = median_time(lambda: compiled(x, f, d, *coefficients))
            except Exception as error:  # a machine without a compiler for torch's own code
                print(f"torch.compile: {error}", file=sys.stderr)
            report[str(n)] = row
    report["torch"] = torch.__version__
    json.dump(report, sys.stdout)


main()
