"""What a set of results is called and worth: its protocol, images, machines, regime, in words.

What may stand beside what: at paper scale, our top-1 beside the paper's. At a reduced scale only
the change that a row brings stands beside the paper's. What is no evidence (smoke runs, other
schedules, code that no commit names) stands alone, and its headline says why. Without torch.
"""

from rslib import config
from rslib.evidence import verdicts
from rslib.evidence.results import unfit
from rslib.report import unread

SPELT = {"fashion-mnist": "Fashion-MNIST", "imagenet": "ImageNet"}
SPELT |= {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
SPELT |= {"clips": "the embedded set", "kinetics-400": "Kinetics-400"}
NAMED = 5  # networks in a headline; more are counted


def by_protocol(results):
    """[[results], …]: results that may share a table, largest training set first."""
    groups = {}
    for result in results:
        groups.setdefault(result["protocol"]["id"], []).append(result)
    about = {id: group[0]["protocol"] for id, group in groups.items()}
    order = sorted(groups, key=lambda id: (-about[id]["train_images"], about[id]["images"]))
    return [groups[id] for id in order]


def headline(study, results):
    """One line on what a protocol is, and what its numbers are worth."""
    p, data = results[0]["protocol"], results[0]["data"]
    networks = list(dict.fromkeys(r["protocol"]["model"] for r in results))
    networks = "; ".join(networks) if len(networks) <= NAMED else f"{len(networks)} networks"
    sides = sorted({r["protocol"]["resolution"] for r in results})
    sides = " to ".join(f"{side}" for side in dict.fromkeys((sides[0], sides[-1])))
    tested = data["test"] + data.get("further", 0)
    line = (
        f"{results[0]['scale']} scale: {networks}, {sides} px, {p['train_images']:,} "
        f"training and {tested:,} test {kind(results)} of {images(results)}{aside(results[0])}, "
        f"{p['long_epochs']} epochs"
    )
    lost = unread.sentence(results, kind(results))
    reason = no_evidence(results)
    if reason:
        return f"{line}. No result: {reason}; {guessing(data)}. {lost}".rstrip()
    told = (regime(study, results), machines(results), lost)
    return " ".join([f"{line}.", *filter(None, told)])


def guessing(data):
    """What a network that knows nothing scores: on uneven classes, by naming the largest.

    data: a result's own; "largest" is how many test images the largest class has, where known.
    """
    evenly, largest = 100 / data["classes"], 100 * data.get("largest", 0) / data["test"]
    if largest > evenly * 1.0001:
        return f"naming the largest class scores {largest:.3g} %"
    return f"guessing scores {evenly:.3g} %"


def aside(result):
    """In brackets, how the images differ from those that were published; "" if they do not."""
    data, found = result["data"], []
    if result["scale"] == "paper" and result["protocol"]["images"] == "imagenet":
        counts = data["train"] + data["minival"], data["test"]
        had, published = (" + ".join(f"{n:,}" for n in c) for c in (counts, config.IMAGENET_COUNTS))
        if had != published:
            found.append(f"{had} images, where {published} were published")
    if (listed := data.get("listed")) and listed != data["found"]:
        had = (f"{data['found'][part]:,} of {listed[part]:,}" for part in ("train", "test"))
        found.append(f"of listed clips {' and '.join(had)} were found")
    if built := data.get("built"):
        found.append(f"re-encoded at {built['side']} px, JPEG quality {built['quality']}")
    return f" ({'; '.join(found)})" if found else ""


def machines(results):
    """A warning where rows that are compared were not made on one kind of machine."""
    made_on = {(s["device_name"], s["precision"]) for r in results for s in r["sessions"]}
    if len(made_on) == 1:
        return ""
    return f"Mixed machines: {'; '.join(f'{name}, {bits}' for name, bits in sorted(made_on))}."


def short(results):
    return f"{results[0]['scale']} scale, {images(results)}"


def told_apart(groups):
    """A name for each set of results: its images, with the scale or more where those are alike."""
    for name in (images, short):
        if len(set(map(name, groups))) == len(groups):
            return [name(results) for results in groups]
    return [f"{short(results)}, {results[0]['protocol']['id']}" for results in groups]


def images(results):
    """What results call their data set; a folder that was renamed has all of its names."""
    return ", also named ".join(dict.fromkeys(map(name_of, results)))


def kind(results):
    """What a network is shown: images, or clips of videos."""
    return "clips" if results[0]["recipe"].get("data", {}).get("frames") else "images"


def name_of(result):
    """The data set's own spelling; a folder's name as it is, imagenet/ too."""
    name = result["protocol"]["images"]
    folder = result["recipe"].get("data", {}).get("dataset") == "folder"
    return name if folder else SPELT.get(name, name)


def regime(study, results):
    """What a reduced scale's long unregularized runs say of the regime; empty without them, and
    where no claim asks for it."""
    gate = verdicts.gate(study, results)
    asked = any(claim.overfitting for claim in study.claims)
    if not gate or not asked or results[0]["scale"] == "paper":
        return ""
    return (
        f"Regime gate {'reached' if gate['reached'] else 'NOT reached'}: after 350 epochs without "
        f"regularization, the network classifies {gate['train']:.1f} % of the training images "
        f"correctly, and {gate['test']:.1f} % of the test images."
    )


def no_evidence(results):
    """Why these results may not stand beside the paper's; empty if they may."""
    return next(filter(None, map(unfit, results)), "")
