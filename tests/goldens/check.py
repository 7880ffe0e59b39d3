#!/usr/bin/env python3
"""Run every mapped case with small numpy versions of the library's samplers, and compare with the golden rows.

    python3 check.py             # all of cases.json; ends with status 1 if one case is out of tolerance
    python3 check.py dpmpp_2m    # only cases whose sampler, reference or id contains a word

The step rules repeat the .samp texts line by line and take nothing from the references, so a match here says that the
mapping is right: levels, coordinates, options, order of draws.
"""
import ast
import collections
import math
import os
import sys
import time

import numpy as np

import map as mapping

INF = math.inf
INDEX = np.arange(256.0)
BASE_X = np.sin(0.7 * INDEX) + 0.3 * np.cos(2.1 * INDEX)


def draw(k):
    """Reference noise tensor number `k`."""
    return 1.2 * np.sin(1.3 * ((np.arange(256) + 1) * (k + 1)).astype(float))


# ------------------------------------------------------------------------------------------------------------ denoisers

def gauss(x, a, s, mean=0.5, std=0.5):
    return (a * std ** 2 * x + s ** 2 * mean) / (a ** 2 * std ** 2 + s ** 2)


def gmm(x, a, s, weights=(0.3, 0.5, 0.2), means=(-1.0, 0.25, 1.5), stds=(0.2, 0.3, 0.15)):
    logs, parts = [], []
    for w, m, c in zip(weights, means, stds):
        v, d = a * a * c * c + s * s, x - a * m
        logs.append(math.log(w) - math.log(v) / 2 - d * d / (2 * v))
        parts.append(m + a * c * c * d / v)
    logs = np.array(logs)
    share = np.exp(logs - logs.max(0))
    return (share * np.array(parts)).sum(0) / share.sum(0)


DENOISERS = {"gauss": gauss, "gmm": gmm}


# ------------------------------------------------------------------------------------------------------------ schedules

class Level:
    def __init__(self, alpha, sigma):
        self.alpha, self.sigma = alpha, sigma
        self.rho = sigma / alpha if alpha > 0 else INF
        self.lam = -math.log(self.rho) if 0 < self.rho < INF else -INF if alpha <= 0 else INF
        self.clean, self.pure = sigma == 0, alpha == 0


class Schedule:
    def __init__(self, curve, bar=None, cleanest=None):
        self.curve, self.bar, self.least = curve, bar, cleanest

    def level(self, **at):
        (name, value), = at.items()
        if value in ("clean", "pure"):
            return Level(1.0, 0.0) if value == "clean" else Level(0.0, 1.0)
        if name == "time":
            return Level(math.sqrt(self.bar[value]), math.sqrt(1 - self.bar[value]))
        if name == "lam":
            name, value = "rho", math.exp(-value)
        if name == "sigma" and self.curve == "flow":
            return Level(1 - value, value)
        if name == "sigma" and self.curve == "vp":
            return Level(math.sqrt(1 - value ** 2), value)
        return {"ve": lambda r: Level(1.0, r), "flow": lambda r: Level(1 / (1 + r), r / (1 + r)),
                "vp": lambda r: Level(1 / math.sqrt(1 + r * r), r / math.sqrt(1 + r * r))}[self.curve](value)


def linear(beta_first=1e-4, beta_last=0.02, entries=1000):
    return Schedule("vp", np.cumprod(1 - np.linspace(beta_first, beta_last, entries)))


def scaled_linear(beta_first=0.00085, beta_last=0.012, entries=1000):
    return Schedule("vp", np.cumprod(1 - np.linspace(math.sqrt(beta_first), math.sqrt(beta_last), entries) ** 2))


def cosine_table(offset=0.008, cap=0.999, entries=1000):
    f = [math.cos((i / entries + offset) / (1 + offset) * math.pi / 2) ** 2 for i in range(entries + 1)]
    return Schedule("vp", np.cumprod([1 - min(1 - f[i + 1] / f[i], cap) for i in range(entries)]))


SCHEDULES = {"linear": linear, "scaled_linear": scaled_linear, "cosine_table": cosine_table,
             "flow": lambda: Schedule("flow"), "edm": lambda smallest=0.002: Schedule("ve", cleanest=smallest)}


# ------------------------------------------------------------------------------------------------------------ a run

class Run:
    """What a step sees: the grid, the model, the draws."""

    def __init__(self, schedule, grid, denoiser, noise):
        self.schedule, self.grid, self.denoiser, self.noise = schedule, grid, denoiser, noise
        self.i, self.n, self.drawn, self.calls = 0, len(grid) - 1, 0, []

    def level(self, **at):
        return self.schedule.level(**at)

    def x0(self, x, s):
        self.calls.append(s)
        return self.denoiser(x, s.alpha, s.sigma)

    def draw(self):
        self.drawn += 1
        if self.noise is None:
            return np.zeros(256)
        return draw(self.noise[self.drawn - 1])


def eps_of(x, d, s):
    return (x - s.alpha * d) / s.sigma


def transfer(x, d, s, t):
    keep = t.sigma / s.sigma
    return keep * x + (t.alpha - keep * s.alpha) * d


def renoise(run, x, s, t, s_noise=1.0):
    keep = t.alpha / s.alpha
    return keep * x + s_noise * math.sqrt(max(t.sigma ** 2 - (keep * s.sigma) ** 2, 0.0)) * run.draw()


def below(run, s, t, eta):
    up = min(t.rho, eta * math.sqrt(t.rho ** 2 * (s.rho ** 2 - t.rho ** 2) / s.rho ** 2))
    return run.level(rho=math.sqrt(t.rho ** 2 - up ** 2))


def phi(k, z):
    return sum(z ** j / math.factorial(j + k) for j in range(60)) if abs(z) < 2 else \
        math.expm1(z) / z if k == 1 else (phi(k - 1, z) - 1 / math.factorial(k - 1)) / z


# ------------------------------------------------------------------------------------------------------------ samplers

class Sampler:
    def __init__(self, run, **options):
        self.run = run
        self.options = dict(self.defaults, **options)
        assert set(options) <= set(self.defaults), options
        self.start()

    defaults = {}

    def start(self):
        pass

    def __getattr__(self, name):
        try:
            return self.__dict__["options"][name]
        except KeyError:
            raise AttributeError(name) from None


class InVe(Sampler):
    """`in ve`: the rule sees x / alpha and rho."""

    def step(self, x, s, t):
        if s.pure or t.pure:
            raise ValueError("a rule in ve at pure noise")
        return t.alpha * self.ve(x / s.alpha, s, t)

    def x0(self, z, s):
        return self.run.x0(s.alpha * z, s)

    def eps(self, z, s):
        return (z - self.x0(z, s)) / s.rho


class Euler(Sampler):
    def step(self, x, s, t):
        return transfer(x, self.run.x0(x, s), s, t)


class Ddim(Sampler):
    defaults = {"eta": 0.0}

    def step(self, x, s, t):
        d = self.run.x0(x, s)
        c = self.eta * t.sigma * math.sqrt(1 - (t.rho / s.rho) ** 2) if self.eta else 0.0
        return t.alpha * d + math.sqrt(t.sigma ** 2 - c ** 2) * eps_of(x, d, s) + c * self.run.draw()


class Ddpm(Sampler):
    defaults = {"variance": "small"}

    def step(self, x, s, t):
        beta = s.sigma ** 2 - (s.alpha / t.alpha * t.sigma) ** 2
        posterior = (t.sigma / s.sigma) ** 2 * beta
        d = self.run.x0(x, s)
        mean = t.alpha * d + math.sqrt(max(t.sigma ** 2 - posterior, 0.0)) * eps_of(x, d, s)
        if self.variance == "small" or t.clean:
            return mean + math.sqrt(posterior) * self.run.draw()
        return mean + math.sqrt(beta) * self.run.draw()


class Heun(InVe):
    def ve(self, x, s, t):
        h, e = t.rho - s.rho, self.eps(x, s)
        y = x + h * e
        if t.clean:
            return y
        return x + h * (e + self.eps(y, t)) / 2


class Dpm2(InVe):
    def ve(self, x, s, t):
        if t.clean:
            return self.x0(x, s)
        m = self.run.level(rho=math.sqrt(s.rho * t.rho))
        y = x + (m.rho - s.rho) * self.eps(x, s)
        return x + (t.rho - s.rho) * self.eps(y, m)


class Edm(Sampler):
    defaults = {"churn": 40.0, "s_min": 0.05, "s_max": 50.0, "s_noise": 1.003, "base": "heun"}

    def start(self):
        self.inner = SAMPLERS[self.base](self.run)

    def step(self, x, s, t):
        gamma = min(self.churn / self.run.n, math.sqrt(2) - 1) if self.s_min <= s.rho <= self.s_max else 0
        if gamma == 0:
            return self.inner.step(x, s, t)
        up = self.run.level(rho=(1 + gamma) * s.rho)
        return self.inner.step(renoise(self.run, x, s, up, self.s_noise), up, t)


class Ancestral(Sampler):
    defaults = {"base": "euler", "eta": 1.0, "s_noise": 1.0}

    def start(self):
        self.inner = SAMPLERS[self.base](self.run)

    def step(self, x, s, t):
        down = below(self.run, s, t, self.eta)
        y = self.inner.step(x, s, down)
        if self.eta == 0 or t.clean:
            return y
        return renoise(self.run, y, down, t, self.s_noise)


class EulerAncestral(InVe):
    defaults = {"eta": 1.0, "s_noise": 1.0}

    def ve(self, x, s, t):
        up = min(t.rho, self.eta * t.rho * math.sqrt(1 - (t.rho / s.rho) ** 2))
        down = math.sqrt(t.rho ** 2 - up ** 2)
        return x + (down - s.rho) * self.eps(x, s) + self.s_noise * up * self.run.draw()


class Dpmpp2s(Sampler):
    defaults = {"r": 0.5}

    def step(self, x, s, t):
        d = self.run.x0(x, s)
        if t.clean:
            return t.alpha * d
        m = self.run.level(lam=s.lam + (t.lam - s.lam) * self.r)
        y = transfer(x, d, s, m)
        return transfer(x, d + (self.run.x0(y, m) - d) / (2 * self.r), s, t)


class Dpmpp2m(Sampler):
    defaults = {"form": "midpoint"}

    def start(self):
        self.d = []

    def step(self, x, s, t):
        self.d = [(self.run.x0(x, s), s)] + self.d[:1]
        d = self.d[0][0]
        if len(self.d) == 1 or t.clean:
            return transfer(x, d, s, t)
        h = t.lam - s.lam
        slope = (d - self.d[1][0]) / (s.lam - self.d[1][1].lam)
        weight = -math.expm1(-h) * h / 2 if self.form == "midpoint" else h + math.expm1(-h)
        return transfer(x, d, s, t) + t.alpha * weight * slope


class Dpmpp2mSde(Dpmpp2m):
    defaults = {"eta": 1.0, "s_noise": 1.0, "form": "midpoint"}

    def step(self, x, s, t):
        self.d = [(self.run.x0(x, s), s)] + self.d[:1]
        d = self.d[0][0]
        if t.clean:
            return t.alpha * d
        h = t.lam - s.lam
        k = (1 + self.eta) * h
        plain = t.sigma / s.sigma * math.exp(-self.eta * h) * x - t.alpha * math.expm1(-k) * d \
            + self.s_noise * t.sigma * math.sqrt(-math.expm1(-2 * self.eta * h)) * self.run.draw()
        if len(self.d) == 1:
            return plain
        slope = (d - self.d[1][0]) / (s.lam - self.d[1][1].lam)
        weight = -math.expm1(-k) * h / 2 if self.form == "midpoint" else h + h * math.expm1(-k) / k
        return plain + t.alpha * weight * slope


class Lms(InVe):
    defaults = {"order": 4, "end": "integral"}

    def start(self):
        self.e = []

    def ve(self, x, s, t):
        self.e = [(self.eps(x, s), s.rho)] + self.e[:self.order - 1]
        if t.clean and self.end == "jump":
            return x - s.rho * self.e[0][0]
        nodes = [r for _, r in self.e]
        points, weights = np.polynomial.legendre.leggauss(8)
        half = (t.rho - s.rho) / 2
        at = s.rho + half * (points + 1)
        for j, (e, r) in enumerate(self.e):
            basis = np.prod([(at - q) / (r - q) for l, q in enumerate(nodes) if l != j], axis=0)
            x = x + half * np.sum(weights * basis) * e
        return x


class Unipc(Sampler):
    defaults = {"order": 3, "b": "bh2", "corrector": True}

    def start(self):
        self.d, self.y = [], None

    def step(self, x, s, t):
        run, order = self.run, self.order
        fresh = run.x0(x, s)
        z = x
        if self.y is not None and self.corrector:
            z = self.unify(*self.y, self.d[:min(order, run.n - run.i + 1)], s, [(fresh, s)])
        self.d = [(fresh, s)] + self.d[:order - 1]
        self.y = z, s
        k = 1 if t.clean else min(order, run.n - run.i)
        return self.unify(z, s, self.d[:k], t, [])

    def unify(self, x, s, d, t, new):
        others = d[1:] + new
        p = len(others)
        base = transfer(x, d[0][0], s, t)
        if p == 0:
            return base
        h = t.lam - s.lam
        r = [(level.lam - s.lam) / h for _, level in others]
        scale = -h if self.b == "bh1" else math.expm1(-h)
        rhs = [-h * math.factorial(j) * phi(j + 1, -h) / scale for j in range(1, p + 1)]
        c = [0.5] if p == 1 else np.linalg.solve([[r[m] ** j for m in range(p)] for j in range(p)], rhs)
        return base - t.alpha * scale * sum(c[m] / r[m] * (others[m][0] - d[0][0]) for m in range(p))


class Consistency(InVe):
    def ve(self, x, s, t):
        if t.clean:
            return self.x0(x, s)
        least = self.run.schedule.least
        return self.x0(x, s) + math.sqrt(max(t.rho ** 2 - least ** 2, 0.0)) * self.run.draw()


SAMPLERS = {"euler": Euler, "ddim": Ddim, "ddpm": Ddpm, "heun": Heun, "dpm_2": Dpm2, "edm": Edm,
            "ancestral": Ancestral, "euler_ancestral": EulerAncestral, "dpmpp_2s": Dpmpp2s, "dpmpp_2m": Dpmpp2m,
            "dpmpp_2m_sde": Dpmpp2mSde, "lms": Lms, "unipc": Unipc, "consistency": Consistency}


# ------------------------------------------------------------------------------------------------------------ the check

def build(text, names, *given):
    """Apply a samp expression such as `edm(churn = 40, base = heun)`; names of options stay strings."""
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Name):
        return names[node.id](*given)
    options = {}
    for k in node.keywords:
        value = k.value
        if isinstance(value, ast.Constant):
            options[k.arg] = value.value
        elif isinstance(value, ast.Name) and value.id in ("true", "false"):
            options[k.arg] = value.id == "true"
        else:
            options[k.arg] = value.id
    return names[node.func.id](*given, **options)


def trajectory(case):
    """All states of the run, and the run."""
    schedule = build(case["schedule"], SCHEDULES)
    grid = [schedule.level(**{case["coordinate"]: v}) for v in case["levels"]]
    run = Run(schedule, grid, DENOISERS[case["denoiser"]], case["noise"])
    sampler = build(case["sampler"], SAMPLERS, run)
    x = BASE_X * case["init"]["base_x_scale"]
    states = [x]
    for run.i in range(run.n):
        x = sampler.step(x, grid[run.i], grid[run.i + 1])
        states.append(x)
    return states, run


def error(case, goldens):
    """Largest difference over everything that the case compares."""
    states, run = trajectory(case)
    if case["noise"] is not None and run.drawn != len(case["noise"]):
        raise ValueError(f"{run.drawn} draws, {len(case['noise'])} listed")
    worst = 0.0
    if case["compare"] == "traj":
        golden = goldens.tensor(case, "traj")
        for ours, row in case["rows"]:
            worst = max(worst, np.abs(states[ours][::case["columns"]] - golden[row].reshape(-1)).max())
    if case["final"]:
        worst = max(worst, np.abs(states[-1] - goldens.tensor(case, "final").reshape(-1)).max())
    if not case["final"] and case["compare"] == "final":
        raise ValueError("nothing to compare")
    return worst if worst == worst else INF


def main():
    goldens = mapping.Goldens(mapping.HERE)
    with open(os.path.join(mapping.HERE, "cases.json")) as f:
        stored = mapping.json.load(f)
    words, begin = sys.argv[1:], time.time()
    count, failed, worst = 0, 0, collections.defaultdict(float)
    for case in stored["cases"]:
        if "left_out" in case or words and not any(w in " ".join((case["sampler"], case["reference"], case["id"]))
                                                   for w in words):
            continue
        count += 1
        try:
            e = error(case, goldens) / case["tolerance"]
        except (ArithmeticError, ValueError, IndexError) as why:
            e = INF
            print("error", case["id"], why)
        worst[case["sampler"].split("(")[0]] = max(worst[case["sampler"].split("(")[0]], e)
        if e > 1:
            failed += 1
            print(f"{e:9.2e} x tolerance  {case['id']} {case['reference']}: {case['sampler']} on {case['schedule']}, "
                  f"{len(case['levels']) - 1} steps")
    for name, e in sorted(worst.items()):
        print(f"{name:16} worst {e:.1e} x tolerance")
    print(f"{count} cases, {failed} out of tolerance, {time.time() - begin:.1f} s")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
