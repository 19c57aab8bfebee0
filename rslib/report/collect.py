"""The one call of a notebook: train or measure what is missing, or show what is recorded."""

from rslib import paths
from rslib.config import InputError
from rslib.evidence import devices, results, verdicts
from rslib.report import protocols
from rslib.running.params import Params


def collect(study, params, report=print):
    """[[results], …], one list a protocol.

    Without scale or epochs in the parameters: all that is recorded, at every scale, and neither
    torch nor data are needed. Else the runs that the parameters ask for, trained where missing.
    """
    study.select(params.rows)  # a misspelt row ends here, also where nothing is trained
    if not params.trains:
        for name in ("data_dir", "dataset", "seeds"):
            if getattr(params, name) != getattr(Params, name):
                raise InputError(f"{name} is for training; ask for that with scale or epochs")
        groups = recorded(study)
        if not groups:
            report(f"no runs of {study.name} are recorded yet; -p scale laptop trains them")
        return groups
    from rslib.running import runs, sweep

    plan = runs.plan(study.name, params, report)
    found = sweep.complete(plan, params, report)
    return protocols.by_protocol(list(found.values()))


def recorded(study):
    """[[results], …] of the runs of a study that are recorded, one list a protocol."""
    return protocols.by_protocol(verdicts.of(study, results.recorded(study.folder)))


def profiled(study, params, report=print):
    """{device: measurements}: recorded ones; with a device in the parameters, also this machine's.

    What is not measured yet of the study's networks is measured then.
    """
    if not params.device:
        for name in ("variants", "runs_dir"):
            if getattr(params, name):
                raise InputError(f"{name} is for measuring; ask for that with device")
        if not (found := devices.recorded()):
            report("no device is recorded yet; -p device auto measures this one")
        return found
    from rslib.costs import profile

    folder = paths.runs_dir(params.runs_dir)
    asked = {"device": params.device, "variants": params.variants}
    profile.measure_all(folder, study.networks, **asked, report=report)
    return devices.recorded(folder / devices.FOLDER)
