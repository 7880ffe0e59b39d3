"""The golden files, and the records that rules make of them."""
import argparse
import collections
import json
import os
import struct

import numpy as np

import dummy

HERE = os.path.dirname(os.path.abspath(__file__))

EQUAL = "two neighbouring levels are equal"
ZERO_STEP = "the last step has length zero, but changes the sample"
LOWER = "a step of lower order stands before a last step of length zero"


class LeftOut(Exception):
    """Raised by a rule, with the reason: the library does not follow this case."""


# --------------------------------------------------------------------------------------------------------- files

class Tensors:
    """The tensors of a safetensors file, as numpy arrays."""

    TYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        size = struct.unpack("<Q", data[:8])[0]
        self.header, self.body = json.loads(data[8:8 + size]), data[8 + size:]

    def __contains__(self, key):
        return key in self.header

    def __getitem__(self, key):
        entry = self.header[key]
        first, last = entry["data_offsets"]
        return np.frombuffer(self.body[first:last], self.TYPES[entry["dtype"]]).reshape(entry["shape"])


def write_tensors(path, tensors):
    """Write arrays of f32 or f64 by name."""
    header, body = {}, b""
    for name, value in tensors.items():
        data = np.ascontiguousarray(value).tobytes()
        kind = {"float32": "F32", "float64": "F64"}[value.dtype.name]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def write_lines(path, head, cases):
    """JSON with one case a line, so that changes can be read."""
    with open(path, "w") as f:
        f.write("{\n")
        for key, value in head.items():
            f.write(f"{json.dumps(key)}: {json.dumps(value)},\n")
        f.write('"cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")


def place(folder, name):
    return os.path.join(HERE, folder, name)


# ------------------------------------------------------------------------------------------------------- programs

def options_of(doc):
    """The command line of a program that makes records, `doc` being its documentation."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--from", dest="source", metavar="DIR", help="a complete set of goldens to take the data from")
    return parser


def source_of(doc):
    """The folder to take the data from, if one is named."""
    return options_of(doc).parse_args().source


def rebuild(folder, entries, names, mapped):
    """Writes `FOLDER/cases.json`: what `mapped` makes of each entry, or why it is left out, behind what names it."""
    cases, counts = [], collections.Counter()
    for entry in entries:
        named = {key: entry[key] for key in names}
        try:
            cases.append({**named, **mapped(entry)})
            counts["compared"] += 1
        except LeftOut as why:
            cases.append({**named, "left_out": str(why)})
            counts[str(why)] += 1
    write_lines(place(folder, "cases.json"), {}, cases)
    show(counts)


def show(counts):
    for what, count in counts.most_common():
        print(f"{count:5} {what}")


# ----------------------------------------------------------------------------------------------------------- cases

class Case(dict):
    """One reference run: its entry of the index, and its tensors."""

    def __init__(self, entry, tensors):
        super().__init__(entry)
        self.tensors = tensors

    def has(self, key):
        return f"{self['id']}/{key}" in self.tensors

    def tensor(self, key):
        return self.tensors[f"{self['id']}/{key}"]

    def floats(self, key):
        return [float(v) for v in self.tensor(key).reshape(-1)]

    def option(self, name, default=None):
        """A setting of a diffusers scheduler: constructor, set_timesteps or step."""
        for part in ("config", "set_timesteps", "step_kwargs"):
            if name in self[part]:
                return self[part][name]
        return default

    def kwarg(self, name, default=None):
        return self["kwargs"].get(name, default)


# --------------------------------------------------------------------------------------------------------- records

def expression(name, **options):
    """A samp expression such as `ddim(eta = 0.5)`."""
    if not options:
        return name
    shown = (str(v).lower() if isinstance(v, bool) else v if isinstance(v, str) else repr(v) for v in options.values())
    return name + "(" + ", ".join(f"{k} = {v}" for k, v in zip(options, shown)) + ")"


def draws(count):
    """Every `noise()` reads the reference's draw of the same number."""
    return list(range(count))


def run(case, sampler, schedule, coordinate, levels, *, stages=1, noise=None, upto=None, rows=None, final=True,
        partial=None, scale=None, boundary=None, guided=True, adaptive=False):
    """The record of a run.

    `stages`: trajectory rows per step in the golden file. `upto`: the last step index that is compared, where this is
    not the end of the run. `rows`: the pairs, if not the regular ones. `noise`: reference draws, one per `noise()`.
    `boundary`: for each call, what the reference makes of the sample and the prediction: skip x + out D. `guided`:
    whether what the reference does to the data prediction is in the pipeline's guidance, and not in `sampler`.
    `adaptive`: whether the run finds its own steps between the two levels.
    """
    levels = list(levels)
    steps = len(levels) - 1
    if any(close(a, b) for a, b in zip(levels, levels[1:])):
        raise LeftOut(EQUAL)
    if upto == steps and partial == ZERO_STEP and is_unchanged(case):
        upto = partial = None
    if upto is not None:
        final = False
    if rows is None:
        count = len(case.tensor("traj"))
        whole = steps if upto is None else upto
        rows = [[i, min(i * stages, count - 1)] for i in range(whole + 1)]
        if upto is None and (whole, count - 1) != tuple(rows[-1]):
            rows.append([whole, count - 1])
    if partial and upto is not None and upto < 1:
        raise LeftOut(partial)
    return {
        "id": case["id"], "sampler": sampler, "schedule": schedule,
        **({"guidance": guidance(case)} if guided and guidance(case) else {}),
        "coordinate": coordinate, "levels": levels, **({"adaptive": True} if adaptive else {}),
        "denoiser": denoiser(case, boundary),
        "scale": float(case["x_init_scale"] if scale is None else scale),
        "noise": noise, "rows": rows, "final": final,
        "tolerance": 1e-9 * max(1.0, case["final_abs_max"]),
        "f32": None if case.get("f32_unstable") else single(case),
        **({"partial": partial} if partial else {}),
    }


CLIP_BY_DEFAULT = {"DDIMScheduler", "DDIMParallelScheduler", "DDPMScheduler", "UnCLIPScheduler",
                   "CogVideoXDDIMScheduler"}


def guidance(case):
    """The guidance of a run: of two branches, or one that keeps the data prediction inside a range."""
    if case.get("cfg"):
        return f"cfg(scale = {case['cfg']['scale']})"
    inside = clipping(case)
    if not inside:
        return None
    return expression("clip", **inside) if "low" in inside else expression("dynamic_threshold", base="plain", **inside)


def clipping(case):
    """Options of the guidance `clip` or `dynamic_threshold`, where a diffusers scheduler does that."""
    if "config" not in case:
        return {}
    if case.option("thresholding"):
        return {"share": case.option("dynamic_thresholding_ratio", 0.995),
                "largest": case.option("sample_max_value", 1.0)}
    if case.option("clip_sample", case["sampler"] in CLIP_BY_DEFAULT) or case.option("clip_denoised"):
        bound = case.option("clip_sample_range", 1.0)
        return {"low": -bound, "high": bound}
    return {}


def denoiser(case, boundary):
    law = dummy.linear(case) if case["toy"] == "dummy" else case["toy"]
    if boundary is None:
        return law
    places = [s / (a + s) for a, s in zip(case.floats("model_alpha"), case.floats("model_sigma"))]
    return {"boundary": [law, [[at, *both] for at, both in zip(places, boundary, strict=True)]]}


def single(case):
    """What a run in f32 may differ, for each unit of the state: twenty times what the reference's own f32 run does."""
    return 20 * max(case.get("max_abs_f32_vs_f64", 0.0) / max(1.0, case["final_abs_max"]), 1e-6)


def close(a, b):
    """Two neighbouring levels that are the same but for rounding."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or abs(a - b) <= 1e-7 * max(abs(a), abs(b))


def shorten(levels):
    """`levels` without a last step of length zero, and whether there was one."""
    if len(levels) > 2 and close(levels[-1], levels[-2]):
        return levels[:-1], True
    return levels, False


def is_unchanged(case):
    """Whether the last step of the reference, of length zero, gives the sample back."""
    traj = case.tensor("traj")
    return bool(np.abs(traj[-1] - traj[-2]).max() <= 1e-10 * max(1.0, case["final_abs_max"]))


def without_last(levels, cut):
    """Arguments of `run` for levels that `shorten` has cut: the end of the run is to be that of the reference."""
    return {"upto": len(levels) - 1, "partial": ZERO_STEP} if cut else {}


def first_order(case, schedule, coordinate, levels, sampler="ddim", **more):
    """Runs of rules that are DDIM, in whatever form. A last step of length zero is left off."""
    levels, cut = shorten(levels)
    return run(case, sampler, schedule, coordinate, levels, **without_last(levels, cut), **more)


def flow_first_order(case, levels):
    return first_order(case, "flow", "sigma", levels, "euler")


def lms_run(case, order, levels, end):
    levels, cut = shorten(levels)
    options = {**({"order": order} if order != 4 else {}), **({"end": end} if end != "integral" else {})}
    return run(case, expression("lms", **options), "edm", "rho", levels, **without_last(levels, cut))


def unipc_run(case, order, b, schedule, coordinate, levels, lower=True, options=None, **more):
    if order > 4:
        raise LeftOut("order above 4")
    levels, cut = shorten(levels)
    steps = len(levels) - 1
    options = {"order": order, **({"b": b} if b != "bh2" else {}), **(options or {})}
    part = {}
    if cut:
        # The run without its last step lowers the order one step too early.
        few = lower and order > 1 and steps > 1
        part = {"upto": max(1, steps - order + 1) if few else steps, "partial": LOWER if few else ZERO_STEP}
        if more.get("rows") is not None:
            raise LeftOut(ZERO_STEP)
    if not lower:
        options["taper"] = False
    return run(case, expression("unipc", **options), schedule, coordinate, levels, **part, **more)
