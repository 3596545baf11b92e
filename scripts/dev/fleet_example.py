#!/usr/bin/env python3
"""Makes examples/fleet: two zones and a trace of jobs that are nobody's, by formula.

    scripts/dev/fleet_example.py

SUNNY is clean at noon, more so on some days; WINDY is clean for days on end and has no noon. The jobs come by day, most of them
short. The same numbers come out every time.
"""
import datetime as dt
import math
import os

START = dt.datetime(2025, 3, 7)
HOURS = 30 * 24
OUT = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "fleet")


def lots(seed):
    """SplitMix64, from 0 to below 1."""
    x = seed
    while True:
        x = (x + 0x9E3779B97F4A7C15) % 2**64
        z = x
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        yield ((z ^ (z >> 31)) >> 11) * 2.0**-53


def sunny():
    lot = lots(1)
    for day in range(HOURS // 24):
        bright = 0.35 + 0.6 * next(lot)
        for hour in range(24):
            sun = max(0.0, math.sin(math.pi * (hour - 6) / 13))
            evening = 40 * math.exp(-((hour - 19) / 2.5) ** 2)
            yield 330 + evening - 230 * bright * sun + 8 * (next(lot) - 0.5)


def windy():
    lot = lots(2)
    level = 0.0
    for hour in range(HOURS):
        level = 0.97 * level + 0.03 * 2.2 * (next(lot) - 0.5) * 6
        yield max(45.0, 240 - 190 * math.tanh(level) + 15 * math.sin(2 * math.pi * (hour % 24 - 12) / 24))


def main():
    for zone, levels in [("SUNNY", sunny()), ("WINDY", windy())]:
        with open(os.path.join(OUT, "grid", f"{zone}.csv"), "w", newline="\n") as out:
            out.write("utc,gco2e_per_kwh\n")
            for hour, level in enumerate(levels):
                out.write(f"{(START + dt.timedelta(hours=hour)).isoformat()}Z,{level:.0f}\n")
    lot = lots(3)
    with open(os.path.join(OUT, "trace.csv"), "w", newline="\n") as out:
        out.write("submit_h,duration_h,gpus\n")
        at = 0.0
        while at < 240:
            if 8 <= at % 24 < 20 or next(lot) < 0.3:
                hours = min(60.0, 0.5 * math.exp(2.4 * next(lot) ** 0.8 * 1.7))
                out.write(f"{at:.2f},{hours:.2f},{[1, 1, 1, 2, 4, 8][int(6 * next(lot))]}\n")
            at += 0.2 + 2.0 * next(lot)
    with open(os.path.join(OUT, "sites.csv"), "w", newline="\n") as out:
        out.write("site,zone,pue,accelerators\nsouth,SUNNY,1.25,24\nnorth,WINDY,1.10,16\n")


if __name__ == "__main__":
    main()
