"""Networks as tests compare them: counted, and with weights under which everything matters."""

import torch


def on_meta(build, *args, **kwargs):
    with torch.device("meta"):
        return build(*args, **kwargs)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def awaken(model):
    """Weights under which every branch matters: random BN, last γ about 0.2, biases not zero."""
    generator = torch.Generator().manual_seed(0)

    def random(tensor, low, high):
        tensor.data = torch.rand(tensor.shape, generator=generator).double() * (high - low) + low

    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith("running_mean") or name.endswith("bias"):
            random(tensor, -0.1, 0.1)
        elif name.endswith("running_var") or (tensor.ndim == 1 and "weight" in name):
            last = ("bn3" in name or "norm3" in name) and "weight" in name
            random(tensor, *((0.1, 0.3) if last else (0.8, 1.2)))
    return model.eval()
