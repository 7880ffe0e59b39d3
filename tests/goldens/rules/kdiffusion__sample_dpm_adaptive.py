"""k-diffusion sample_dpm_adaptive: a row for each attempt; attempts that do not count draw nothing."""
from reference import expression, run


def rule(case):
    ends = case["args"]
    options = {name: value for name, value in case["kwargs"].items() if name != "return_info"}
    rows = case.tensor("traj")[:-1]                          # the last one is the end once more
    counted = [r for r in range(len(rows)) if r == 0 or (rows[r] != rows[r - 1]).any()]
    return run(case, expression("dpm_adaptive", **options), expression("edm", smallest=min(ends), largest=max(ends)),
               "rho", [max(ends), min(ends)], adaptive=True, rows=[[i + 1, r] for i, r in enumerate(counted)],
               noise=[sum(c < r for c in counted) for r in range(len(rows))] if options.get("eta") else None)
