#!/usr/bin/env python3
"""Checks Greenwich's meter against a real NVIDIA GPU, and measures the GPU's power by load.

Needs one NVIDIA GPU that nothing else uses, `pip install torch nvidia-ml-py`, and a built `greenwich`.

    python3 scripts/dev/gpu_checks.py --greenwich target/release/greenwich --out DIR [CHECK ...]

Writes DIR/<check>.json (DIR/power.csv for `power`), and prints each check's lines. The checks:
  sensor    how often energy counter and power reading move, and whether fast reading changes what the counter tells
  choices   CUDA_VISIBLE_DEVICES by index, UUID and prefix, none, nonsense
  start     what `greenwich run -- true` takes with this driver
  energy    a training loop: `greenwich run` against the counter and against integrated power, read by another process
  cost      CPU time and memory of the meter itself over a minute, at 1 and 10 Hz
  overhead  step time of a training loop with and without a meter reading the same GPU, in turns
  idle      power of the idle GPU, by `greenwich run -- sleep`
  power     power against achieved arithmetic and memory traffic: products, copies, training steps
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pynvml

pynvml.nvmlInit()
GPU = pynvml.nvmlDeviceGetHandleByIndex(0)


def energy_j():
    return pynvml.nvmlDeviceGetTotalEnergyConsumption(GPU) / 1e3


def power_w():
    return pynvml.nvmlDeviceGetPowerUsage(GPU) / 1e3


class Reader(threading.Thread):
    """Reads counter and power apart from the load, each (time, value)."""

    def __init__(self, counter_every, power_every):
        super().__init__(daemon=True)
        self.every = {"counter": counter_every, "power": power_every}
        self.seen = {"counter": [], "power": []}
        self.halt = threading.Event()

    def run(self):
        due = {name: 0.0 for name in self.every}
        while not self.halt.is_set():
            now = time.time()
            for name, read in (("counter", energy_j), ("power", power_w)):
                if self.every[name] and now >= due[name]:
                    self.seen[name].append((time.time(), read()))
                    due[name] = now + self.every[name]
            time.sleep(0.002)

    def stop(self):
        self.halt.set()
        self.join()
        return self.seen


def between(points, start, end):
    """The counter's joules from start to end, by straight lines between what was read."""

    def at(t):
        for (t0, v0), (t1, v1) in zip(points, points[1:]):
            if t0 <= t <= t1:
                return v0 + (v1 - v0) * (t - t0) / (t1 - t0)
        raise ValueError("read too late or too early")

    return at(end) - at(start)


def integral(points, start, end):
    """Power over time by the trapezoid rule, joules."""
    inside = [(t, w) for t, w in points if start <= t <= end]
    joules = sum((t1 - t0) * (w0 + w1) / 2 for (t0, w0), (t1, w1) in zip(inside, inside[1:]))
    return joules * (end - start) / (inside[-1][0] - inside[0][0])


# Loads, each run in a process of its own by `python3 gpu_checks.py load KIND SECONDS`.


def language_model(batch, length=1024, width=2048, layers=8):
    """A decoder of usual shape, and its training step in bf16; also its matrix FLOPs a step (6 x weights x tokens + attention)."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm_a, self.norm_b = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            b, s, _ = x.shape
            q, k, v = (t.view(b, s, width // 128, 128).transpose(1, 2) for t in self.qkv(self.norm_a(x)).chunk(3, -1))
            x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, s, width))
            return x + self.down(F.gelu(self.up(self.norm_b(x))))

    torch.manual_seed(0)
    vocabulary = 32768
    model = nn.Sequential(nn.Embedding(vocabulary, width), *(Block() for _ in range(layers)), nn.LayerNorm(width),
                          nn.Linear(width, vocabulary, bias=False)).cuda()
    adam = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    tokens = torch.randint(vocabulary, (batch, length + 1), device="cuda")
    weights = 12 * layers * width * width + vocabulary * width
    flops = batch * length * (6 * weights + 6 * layers * width * length)

    def step():
        with torch.autocast("cuda", dtype=torch.bfloat16):
            logits = model(tokens[:, :-1])
            loss = F.cross_entropy(logits.view(-1, vocabulary), tokens[:, 1:].reshape(-1))
        loss.backward()
        adam.step()
        adam.zero_grad(set_to_none=True)

    return step, flops


def train(seconds, batch=16, each=None):
    """Steps for so long; wall seconds of each, synchronised."""
    import torch

    step, flops = language_model(batch)
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    times, start = [], time.time()
    while time.time() - start < seconds:
        t = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append((time.time(), time.perf_counter() - t))
        if each:
            each(times[-1])
    return times, flops


def load(kind, seconds):
    times, flops = train(seconds)
    steps = [s for _, s in times]
    print(json.dumps({"start": times[0][0] - steps[0], "end": times[-1][0], "steps": len(steps),
                      "median_s": statistics.median(steps), "flops": flops}))


# Checks.


def greenwich(args, *command, env=None, home=None):
    """`greenwich run` of a command: its entry, its stdout and the time it took."""
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "run.json"
        words = [args.greenwich, "run", "--ledger", home or f"{folder}/ledger", "--summary", summary, "--zone", "GB",
                 *args.flags, "--", *command]
        start = time.time()
        done = subprocess.run(list(map(str, words)), env={**os.environ, **(env or {})}, capture_output=True, text=True)
        end = time.time()
        entry = json.loads(summary.read_text()) if summary.exists() else None
        return {"entry": entry, "out": done.stdout, "err": done.stderr, "status": done.returncode, "start": start, "end": end}


def gpus(entry):
    return [d for d in entry["devices"] if d["kind"] == "gpu"]


def sensor(args):
    found = {}
    busy = subprocess.Popen([sys.executable, __file__, "load", "train", "75"], stdout=subprocess.DEVNULL)
    time.sleep(15)
    for name, read in (("counter", energy_j), ("power", power_w)):
        start, moves, last, costs = time.time(), [], read(), []
        while time.time() - start < 5:
            t = time.perf_counter()
            value = read()
            costs.append(time.perf_counter() - t)
            if value != last:
                moves.append(time.time())
                last = value
            time.sleep(0.0005)
        gaps = [b - a for a, b in zip(moves, moves[1:])]
        found[name] = {"moves": len(moves), "median_gap_s": statistics.median(gaps) if gaps else None,
                       "read_median_us": 1e6 * statistics.median(costs), "read_most_us": 1e6 * max(costs)}
    # The same load, the counter read at four paces; its mean power against the power readings of the same seconds.
    for pace in (1.0, 0.1, 0.02, 0.005):
        reader = Reader(pace, 0.1)
        reader.start()
        time.sleep(9)
        seen = reader.stop()
        start, end = seen["counter"][0][0], seen["counter"][-1][0]
        found[f"counter_every_{pace}_s"] = {
            "counter_w": (seen["counter"][-1][1] - seen["counter"][0][1]) / (end - start),
            "power_w": integral(seen["power"], start, end) / (end - start)}
    busy.wait()
    return found


def choices(args):
    uuid = pynvml.nvmlDeviceGetUUID(GPU)
    found = {}
    for word in ("0", uuid, uuid[:10], "", "-1", "GPU-nonsense", "7"):
        done = greenwich(args, "sleep", "1.5", env={"CUDA_VISIBLE_DEVICES": word})
        found[word] = {"status": done["status"], "gpus": [(d["device"], d["method"], d["energy_j"]) for d in gpus(done["entry"])] if done["entry"] else None,
                       "said": done["err"].strip().splitlines()}
    return found


def start(args):
    with tempfile.TemporaryDirectory() as home:
        times = {"true": [], "greenwich run -- true": []}
        for _ in range(20):
            t = time.perf_counter()
            subprocess.run(["true"])
            times["true"].append(time.perf_counter() - t)
            done = greenwich(args, "true", home=home)
            times["greenwich run -- true"].append(done["end"] - done["start"])
    return {name: {"median_ms": 1e3 * statistics.median(t), "least_ms": 1e3 * min(t), "most_ms": 1e3 * max(t)} for name, t in times.items()}


def energy(args):
    found = []
    for _ in range(args.repeat):
        reader = Reader(1.0, 0.05)
        reader.start()
        time.sleep(1.5)
        done = greenwich(args, sys.executable, __file__, "load", "train", "60")
        time.sleep(1.5)
        seen = reader.stop()
        told = gpus(done["entry"])[0]
        steps = json.loads(done["out"].strip().splitlines()[-1])
        start, end = done["start"], done["end"]
        counter, power = between(seen["counter"], start, end), integral(seen["power"], start, end)
        found.append({"greenwich_j": told["energy_j"], "method": told["method"], "coverage": told["coverage"], "model": told.get("model"),
                      "counter_j": counter, "power_j": power, "seconds": end - start,
                      "greenwich_against_counter": told["energy_j"] / counter - 1,
                      "counter_against_power": counter / power - 1, "steps": steps,
                      "all_devices": [(d["device"], d["kind"], d["method"], d["energy_j"]) for d in done["entry"]["devices"]],
                      "said": done["err"].strip().splitlines()})
    return found


def cost(args):
    found = {}
    for period in ("1s", "100ms"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = greenwich(argparse.Namespace(greenwich=args.greenwich, flags=[*args.flags, "--period", period]), "sleep", "60")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found[period] = {"cpu_s_per_min": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                        "peak_mib": after.ru_maxrss / 1024, "seconds": told["end"] - told["start"]}
    return found


def overhead(args):
    """One training process; in every other window of 8 s the meter reads the same GPU for a `sleep` beside it."""
    windows, halt = [], threading.Event()

    def meter():
        time.sleep(12)
        while not halt.is_set():
            for metered in (False, True):
                begin = time.time()
                if metered:
                    greenwich(argparse.Namespace(greenwich=args.greenwich, flags=[*args.flags, "--period", "100ms"]), "sleep", "8")
                else:
                    time.sleep(8)
                windows.append((metered, begin + 0.5, time.time() - 0.5))

    thread = threading.Thread(target=meter)
    thread.start()
    times, _ = train(args.overhead_s, batch=8)
    halt.set()
    thread.join()
    means = {False: [], True: []}
    for metered, begin, end in windows:
        inside = [s for t, s in times if begin <= t - s and t <= end]
        if len(inside) > 20:
            means[metered].append(statistics.fmean(inside))
    pairs = [on / off - 1 for off, on in zip(means[False], means[True])]
    return {"windows": len(pairs), "step_ms": 1e3 * statistics.fmean(means[False]), "slowdown_median": statistics.median(pairs),
            "slowdown_quartiles": statistics.quantiles(pairs, n=4), "spread_of_windows_without": statistics.pstdev(means[False]) / statistics.fmean(means[False])}


def idle(args):
    time.sleep(10)
    done = greenwich(args, "sleep", "30")
    told = gpus(done["entry"])[0]
    return {"watts": told["energy_j"] / (done["end"] - done["start"]), "method": told["method"], "model": told.get("model"),
            "limit_w": pynvml.nvmlDeviceGetPowerManagementLimit(GPU) / 1e3}


def power(args):
    import torch

    rows = []

    def point(name, detail, act, flops, traffic, seconds=5.0):
        """Runs an act over and over: watts by the counter, achieved TFLOP/s and GB/s."""
        for _ in range(3):
            act()
        torch.cuda.synchronize()
        t = time.perf_counter()
        act()
        torch.cuda.synchronize()
        once = time.perf_counter() - t
        batch = max(1, int(0.2 / once))

        def run(seconds):
            n, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                for _ in range(batch):
                    act()
                torch.cuda.synchronize()
                n += batch
            return n, time.perf_counter() - start

        run(2.0)
        before = energy_j()
        n, took = run(seconds)
        watts = (energy_j() - before) / took
        rows.append({"load": name, "detail": detail, "tflops": n * flops / took / 1e12, "gb_per_s": n * traffic / took / 1e9,
                     "watts": watts, "sm_mhz": pynvml.nvmlDeviceGetClockInfo(GPU, pynvml.NVML_CLOCK_SM),
                     "celsius": pynvml.nvmlDeviceGetTemperature(GPU, pynvml.NVML_TEMPERATURE_GPU)})
        print(rows[-1], flush=True)

    make = lambda *shape: torch.randn(*shape, device="cuda", dtype=torch.bfloat16)
    for side in (512, 1024, 2048, 4096, 8192):
        a, b, c = make(side, side), make(side, side), make(side, side)
        point("product", f"bf16 {side}", lambda: torch.mm(a, b, out=c), 2 * side**3, 6 * side**2)
    # A product, then a pause: a GPU that waits for its input or for others.
    a, b, c = make(8192, 8192), make(8192, 8192), make(8192, 8192)
    for share in (0.25, 0.5, 0.75):
        def act(share=share):
            t = time.perf_counter()
            for _ in range(8):
                torch.mm(a, b, out=c)
            torch.cuda.synchronize()
            time.sleep((time.perf_counter() - t) * (1 / share - 1))
        point("product with pauses", f"bf16 8192, busy {share}", act, 16 * 8192**3, 48 * 8192**2)
    for thin in (16, 64, 256, 1024):
        a, b, c = make(8192, 8192), make(8192, thin), make(8192, thin)
        point("thin product", f"bf16 8192 x 8192 x {thin}", lambda: torch.mm(a, b, out=c), 2 * 8192**2 * thin, 2 * 8192 * (8192 + 2 * thin))
    x, y = make(2**30), make(2**30)
    point("copy", "4 GiB moved", lambda: y.copy_(x), 0, 4 * 2**30)
    point("add", "6 GiB moved", lambda: torch.add(x, y, out=y), 2**30, 6 * 2**30)
    del x, y
    for batch, length in ((1, 256), (2, 512), (4, 1024), (16, 1024), (32, 1024)):
        step, flops = language_model(batch, length)
        point("training step", f"0.5 G parameters, {batch} x {length}", step, flops, 0)
        del step
        torch.cuda.empty_cache()
    path = Path(args.out) / "power.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return rows


CHECKS = {f.__name__: f for f in (sensor, choices, start, energy, cost, overhead, idle, power)}


def main():
    if sys.argv[1:2] == ["load"]:
        return load(sys.argv[2], float(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checks", nargs="*", metavar="CHECK")
    parser.add_argument("--greenwich", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--repeat", type=int, default=2, help="runs of `energy`")
    parser.add_argument("--overhead-s", type=float, default=240.0, help="seconds of `overhead`")
    args = parser.parse_args()
    args.flags = []
    unknown = [name for name in args.checks if name not in CHECKS]
    if unknown:
        parser.error(f"no check {unknown[0]}; there are {', '.join(CHECKS)}")
    Path(args.out).mkdir(parents=True, exist_ok=True)
    for name in args.checks or CHECKS:
        t = time.time()
        try:
            found = CHECKS[name](args)
        except Exception as error:  # One check that fails leaves the others their turn.
            found = {"failed": repr(error)}
        (Path(args.out) / f"{name}.json").write_text(json.dumps(found, indent=1, default=str))
        print(f"== {name} ({time.time() - t:.0f} s)\n{json.dumps(found, indent=1, default=str)}", flush=True)


main()
