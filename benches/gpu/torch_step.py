#!/usr/bin/env python3
"""The steps that `samp-gpu` times, in PyTorch: eager and torch.compile, in seconds a step, as JSON.

usage: torch_step.py [cuda|cpu] > torch.json"""
import json
import sys
import time

import torch

DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cuda"
SIZES = [1 << 14, 1 << 20, 1 << 24, 1 << 26] if DEVICE == "cuda" else [1 << 14]


def plain(x, f, d):
    """The next x of DPM-Solver++(2M), and the prediction that the step after it reads."""
    data = (x - 0.6 * f) / 0.8
    slope = 1.5 * data - 0.5 * d
    return 0.9 * x + 0.1 * slope, data


def guided(x, f, d):
    """The same behind guidance, around a network in bf16: f has the outputs of both branches, and the input of the next
    call goes to both."""
    without, given = f.float().chunk(2)
    following, data = plain(x, without + 3.0 * (given - without), d)
    return following, data, torch.cat([following.bfloat16()] * 2)


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
    report = {"torch": torch.__version__}
    with torch.inference_mode():
        for n in SIZES:
            x, d = (torch.rand(1, n, device=DEVICE) for _ in range(2))
            y = torch.empty_like(x)
            row = {"copy": median_time(lambda: y.copy_(x))}
            for step, f in [(plain, torch.rand(1, n, device=DEVICE)), (guided, torch.rand(2, n, device=DEVICE).bfloat16())]:
                times = {"eager": median_time(lambda: step(x, f, d))}
                try:
                    compiled = torch.compile(step, dynamic=False)
                    times["compile"] = median_time(lambda: compiled(x, f, d))
                except Exception as error:  # a machine without a compiler for torch's own code
                    print(f"torch.compile: {error}", file=sys.stderr)
                row[step.__name__] = times
            report[str(n)] = row
            # After each size: what is measured stays measured if a later one runs out of time.
            print(json.dumps(report), flush=True)


main()
