"""What a result says about itself: protocol, data, code, machine; and if a second run agrees."""

from statistics import stdev

from scipy.stats import t

from rslib import config, tasks
from rslib.evidence import results
from rslib.machine import now
from rslib.training import optim


def describe(job, outcome, attempt, sessions):
    """The result JSON of a run that has ended; outcome is None if it diverged.

    sessions: of each process that had a part in it, `machine.session` as it was when it began.
    """
    recipe = config.to_dict(job.row.recipe)
    result = {
        "schema": results.SCHEMA,
        "study": job.study,
        "row": job.run_id.rsplit("-", 2)[0],
        "run_id": job.run_id,
        "attempt": attempt,
        "status": "complete" if outcome else "diverged",
        "scale": job.scale,
        "seed": job.seed,
        "recipe": recipe,
        "recipe_sha256": config.sha256(config.identity(job.row.recipe)),
        "protocol": protocol(job),
        "data": {"name": job.images, **job.data.manifest},
        "metrics": {},
        "history": [],
        "weights_sha256": "",
        "timing": {},
        "environment": sessions[-1],
        "sessions": sessions,
        "started": sessions[0]["began"],
        "ended": now(),
    }
    if outcome:
        timing = {"seconds": round(outcome.seconds, 1), "restarts": outcome.restarts}
        result |= {"metrics": outcome.metrics, "history": outcome.history, "timing": timing}
        result["weights_sha256"] = outcome.weights_sha256
        if outcome.unreadable:  # older results have no such field, nor have those that lost nothing
            result["unreadable"] = outcome.unreadable
    return result


def protocol(job):
    """What rows of one table share (``id``), and what this row did under it."""
    recipe, manifest = job.row.recipe, job.data.manifest
    o = recipe.optim
    return {
        "id": job.protocol_id,
        "model": str(recipe.model),
        "resolution": recipe.data.resolution,
        "images": job.images,
        "train_images": manifest["train"],
        "long_epochs": job.long_epochs,
        "own_epochs": tasks.of(recipe).own_epochs(job.scale),
        "epochs": o.epochs,
        "batch_size": o.batch_size,
        "peak_rate": o.peak_rate,
        "weight_decay_exposure": float(
            f"{optim.weight_decay_exposure(o, manifest['train'] // o.batch_size):.4g}"
        ),
        "numerics_version": config.NUMERICS_VERSION,
    }


def compare(stored, again, others=()):
    """One line: does a run trained anew meet the stored one?

    The same bits on the same device, instruction set and thread count. Elsewhere it is as good as
    another seed: test top-1 is to lie within the 95 % half-width of the difference of two runs, by
    the deviation between seeds of `others`, recorded runs of the same recipe, where there are
    three; else by that of two independent samples of test images.
    """
    run_id = again["run_id"]
    if stored["status"] != "complete" or again["status"] != "complete":
        return f"{run_id}: stored run {stored['status']}, now {again['status']}"
    if stored["weights_sha256"] == again["weights_sha256"]:
        return f"{run_id}: met bit for bit"
    a, b = (r["metrics"]["test"]["ema"] for r in (stored, again))
    p, q = a["correct"] / a["n"], b["correct"] / b["n"]
    tolerance = 1.96 * (p * (1 - p) / a["n"] + q * (1 - q) / b["n"]) ** 0.5
    seeds = [top1(r) for r in others if r["status"] == "complete"]
    by = "by its test images"
    if len(seeds) > 2:
        df = len(seeds) - 1
        tolerance = float(t.ppf(0.975, df)) * 2**0.5 * stdev(seeds)
        by = f"by the deviation of {len(seeds)} seeds"
    verdict = "within" if abs(p - q) <= tolerance else "NOT within"
    # older results do not know their instruction set
    same = all(
        stored["environment"].get(k) == again["environment"].get(k)
        for k in ("device_name", "instructions", "threads", "torch")
    )
    worlds = [r["environment"].get("world_size", 1) for r in (stored, again)]
    same = same and worlds[0] == worlds[1]
    compiled = [r["environment"].get("step", "").startswith("compiled") for r in (stored, again)]
    same = same and compiled[0] == compiled[1]
    return (
        f"{run_id}: other bits{' on the same kind of machine' if same else ''}; EMA test top-1 "
        f"{100 * p:.2f} stored, {100 * q:.2f} now, {verdict} ±{100 * tolerance:.2f} points ({by})"
    )


def top1(result):
    """By the average of the weights, on test images; 0 to 1."""
    counts = result["metrics"]["test"]["ema"]
    return counts["correct"] / counts["n"]
