"""Tables of what was counted of networks, beside the paper's. Nothing needs torch.

counts, here, are {row of Table 7: rslib.costs.counts.Counts}.
"""

import pandas as pd

from rslib.recipes import pareto
from rslib.report.speed import by_model, label, printed


def table(counts):
    """Parameters and FLOPs beside the paper's, and activations.

    The last column is what §7.1 calls operational intensity: FLOPs for each element that a layer
    reads or writes.
    """
    lines, text = [], printed()
    for row, found in counts.items():
        lines.append(
            {
                "px": row.resolution,
                "params, M, paper": text[row]["params_m"],
                "params, M, here": f"{found.parameters / 1e6:.1f}",
                "FLOPs, B, paper": text[row]["flops_b"],
                "FLOPs, B, here": f"{found.flops / 1e9:.2f}",
                "activations, M": f"{found.activations / 1e6:.1f}",
                "FLOPs an element": f"{intensity(found):.0f}",
            }
        )
    return by_model(lines, counts)


def intensity(found):
    """FLOPs for each element that convolutions, linear layers, BN and SE read or write, forward."""
    moved = sum(layer.inputs + layer.outputs for layer in found.layers)
    return found.flops / (moved + 2 * found.normalised + 2 * found.gated)


def compared(counts):
    """What each EfficientNet counts, divided by its ResNet-RS's."""
    lines = []
    for match in pairs():
        ours, theirs = counts[match.ours], counts[match.theirs]
        lines.append(
            {
                "ResNet-RS": label(match.ours),
                "parameters": f"{theirs.parameters / ours.parameters:.2f}",
                "FLOPs": f"{theirs.flops / ours.flops:.2f}",
                "activations": f"{theirs.activations / ours.activations:.2f}",
                "FLOPs an element": f"{intensity(theirs) / intensity(ours):.2f}",
            }
        )
    return pd.DataFrame(lines, index=[label(match.theirs) for match in pairs()])


def pairs():
    """Matches by Table 7's top-1, without pseudo-labels."""
    return [match for match in pareto.matches() if match.where != "Table 4"]


def statements(counts):
    """(larger activations, lower intensity, pairs): in how many pairs §7.1's statements hold."""
    both = [(counts[match.ours], counts[match.theirs]) for match in pairs()]
    larger = sum(theirs.activations > ours.activations for ours, theirs in both)
    lower = sum(intensity(theirs) < intensity(ours) for ours, theirs in both)
    return larger, lower, len(both)


def said(counts):
    """Markdown: of how many pairs §7.1's two statements are true."""
    larger, lower, of = statements(counts)
    return (
        f"EfficientNet has the larger activations in **{larger} of {of}** pairs, and the lower "
        f"operational intensity in **{lower} of {of}**."
    )


def as_printed(counts):
    """(parameters, FLOPs): of how many networks they are counted as Table 7 prints them, in all of
    its digits."""
    text, costs = printed(), {"params_m": [], "flops_b": []}
    for row, found in counts.items():
        for name, value in (("params_m", found.parameters / 1e6), ("flops_b", found.flops / 1e9)):
            digits = len(text[row][name].partition(".")[2])
            costs[name].append(f"{value:.{digits}f}" == text[row][name])
    return tuple(map(sum, costs.values()))


def blocks(found):
    """A ResNet's blocks, stage by stage; found: as `rslib.costs.counts.count_blocks` has them.

    In brackets, how many times those of the stage before.
    """
    lines, before = [], None
    for flops, parameters in found.values():
        line = {"FLOPs, B": f"{flops / 1e9:.3f}", "parameters, M": f"{parameters / 1e6:.3f}"}
        if before:
            line["FLOPs, B"] += f" ({flops / before[0]:.2f})"
            line["parameters, M"] += f" ({parameters / before[1]:.2f})"
        lines.append(line)
        before = flops, parameters
    return pd.DataFrame(lines, index=list(found))


def memory(counts):
    """What the TPU's memory of Table 3 is made of.

    Weights, gradients, momentum and average are 16 bytes a parameter; the rest is divided by the
    activations of 32 images.
    """
    lines = []
    for row, gigabytes in pareto.table_3().items():
        fixed = 16 * counts[row].parameters
        each = (gigabytes * 1e9 - fixed) / (32 * counts[row].activations)
        lines.append(
            {
                "TPUv3, GB": f"{gigabytes:g}",
                "parameters, M": f"{counts[row].parameters / 1e6:.0f}",
                "for them, GB": f"{fixed / 1e9:.1f}",
                "activations, M": f"{counts[row].activations / 1e6:.0f}",
                "bytes an activation": f"{each:.1f}",
            }
        )
    return by_model(lines, pareto.table_3())
