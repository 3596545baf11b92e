"""Lets another meter watch an idle stretch and says what that cost and what it told.

In: the meter's name, its period and a number of seconds. Out: one JSON object. The other meters are called as their
manuals say; nothing of theirs is here.
"""

import json
import resource
import sys
import time

NAME, PERIOD_S, SECONDS = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])


def codecarbon():
    from codecarbon import OfflineEmissionsTracker

    tracker = OfflineEmissionsTracker(
        country_iso_code="DEU", measure_power_secs=PERIOD_S, save_to_file=False, log_level="critical"
    )
    tracker.start()

    def stop():
        tracker.stop()
        return tracker.final_emissions_data.energy_consumed * 3.6e6

    return stop


def carbontracker():
    from carbontracker.tracker import CarbonTracker

    tracker = CarbonTracker(epochs=2, monitor_epochs=2, update_interval=PERIOD_S, verbose=0)
    tracker.epoch_start()

    def stop():
        tracker.epoch_end()
        energy_kwh = tracker.tracker.total_energy_per_epoch().sum()
        tracker.stop()
        return float(energy_kwh) * 3.6e6

    return stop


def zeus():
    from zeus.monitor import ZeusMonitor

    monitor = ZeusMonitor(gpu_indices=[], cpu_indices=[0])
    monitor.begin_window("w")

    def stop():
        measured = monitor.end_window("w")
        return sum((measured.cpu_energy or {}).values()) + sum((measured.dram_energy or {}).values())

    return stop


def pyjoules():
    from pyJoules.device import DeviceFactory
    from pyJoules.device.rapl_device import RaplDramDomain, RaplPackageDomain
    from pyJoules.energy_meter import EnergyMeter

    meter = EnergyMeter(DeviceFactory.create_devices([RaplPackageDomain(0), RaplDramDomain(0)]))
    meter.start()

    def stop():
        meter.stop()
        return sum(sum(sample.energy.values()) for sample in meter.get_trace()) / 1e6

    return stop


def cpu_s():
    return time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)


wall_s, used_s = time.monotonic(), cpu_s()
stop = {"codecarbon": codecarbon, "carbontracker": carbontracker, "zeus": zeus, "pyjoules": pyjoules}[NAME]()
started = {"start_wall_s": time.monotonic() - wall_s, "start_cpu_s": cpu_s() - used_s}
time.sleep(min(3, SECONDS))
used_s, wall_s = cpu_s(), time.monotonic()
time.sleep(max(0, SECONDS - 3))
per_minute = (cpu_s() - used_s) * 60 / max(1e-3, time.monotonic() - wall_s)
energy_j = stop()
peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({**started, "cpu_s_per_min": per_minute, "peak_mib": peak_mib, "energy_j": energy_j}))
