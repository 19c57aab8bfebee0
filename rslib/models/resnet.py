"""ResNet, ResNet-D, SE-ResNet and ResNet-RS: one family, one file (§4.1, Figure 6, Table 11).

Convolution, norm and pooling are bound once per number of dimensions (`Ops`), so that blocks never
know whether they look at images or at video.
"""

from collections import OrderedDict
from typing import NamedTuple

from torch import nn
from torchvision.ops import StochasticDepth

from rslib.config import InputError

# Blocks in [c2, c3, c4, c5]. 26 is not in the paper's text beyond its name: bottlenecks as in timm.
BLOCKS = {
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    270: (4, 29, 53, 4),
    300: (4, 36, 54, 4),  # Appendix E
    350: (4, 36, 72, 4),
    400: (6, 48, 72, 6),  # Appendix E
    420: (4, 44, 87, 4),
}
EXPANSION = 4


class Ops(NamedTuple):
    conv: type[nn.Module]
    norm: type[nn.Module]
    max_pool: type[nn.Module]
    avg_pool: type[nn.Module]


IMAGE = Ops(nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)


def conv(ops, inputs, outputs, kernel, stride=1):
    """Without bias, padded symmetrically as in the TF1 code."""
    return ops.conv(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


def norm(ops, channels):
    return ops.norm(channels, eps=1e-5, momentum=0.1)


class SqueezeExcite(nn.Module):
    """Gates each channel by a two-layer network of all channels' means."""

    def __init__(self, ops, channels, ratio):
        super().__init__()
        squeezed = max(1, int(channels * ratio))
        self.squeeze = ops.conv(channels, squeezed, 1)
        self.excite = ops.conv(squeezed, channels, 1)

    def forward(self, x):
        mean = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
        return x * self.excite(self.squeeze(mean).relu()).sigmoid()


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 convolutions around a shortcut; the stride sits in the 3×3.

    Order at the end of the branch: last BN, SE, stochastic depth, addition.
    """

    def __init__(self, ops, inputs, filters, stride, *, first, resnet_d, se_ratio, drop_rate):
        super().__init__()
        outputs = EXPANSION * filters
        branch = OrderedDict(
            conv1=conv(ops, inputs, filters, 1),
            norm1=norm(ops, filters),
            relu1=nn.ReLU(inplace=True),
            conv2=conv(ops, filters, filters, 3, stride),
            norm2=norm(ops, filters),
            relu2=nn.ReLU(inplace=True),
            conv3=conv(ops, filters, outputs, 1),
            norm3=norm(ops, outputs),
        )
        if se_ratio:
            branch["se"] = SqueezeExcite(ops, outputs, se_ratio)
        if drop_rate:
            branch["stochastic_depth"] = StochasticDepth(drop_rate, mode="row")
        self.branch = nn.Sequential(branch)
        self.shortcut = nn.Identity()
        if first:
            self.shortcut = shortcut(ops, inputs, outputs, stride, resnet_d)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.branch(x) + self.shortcut(x))


def shortcut(ops, inputs, outputs, stride, resnet_d):
    """Projection of a stage's first block. ResNet-D pools where the original skips pixels."""
    if resnet_d and stride > 1:
        # ceil_mode is TF's SAME padding: an odd side keeps its last column
        pool = ops.avg_pool(stride, stride, ceil_mode=True, count_include_pad=False)
        return nn.Sequential(pool, conv(ops, inputs, outputs, 1), norm(ops, outputs))
    return nn.Sequential(conv(ops, inputs, outputs, 1, stride), norm(ops, outputs))


def stem(ops, channels, out, resnet_d, strides):
    """Original: 7×7/2 and max-pool. ResNet-D: three 3×3, and a fourth in the pool's place.

    The paper's §4.1 moves that stride into "the next bottleneck block"; the authors' code adds a
    convolution instead, and only so are the parameters those of Table 7.
    """
    first, second = strides
    if not resnet_d:
        layers = [conv(ops, channels, out, 7, first), norm(ops, out), nn.ReLU(inplace=True)]
        if second > 1:
            layers.append(ops.max_pool(3, second, padding=1))
        return nn.Sequential(*layers)
    half = out // 2
    layers = []
    for inputs, outputs, stride in (
        (channels, half, first),
        (half, half, 1),
        (half, out, 1),
        (out, out, second),
    ):
        layers += [conv(ops, inputs, outputs, 3, stride), norm(ops, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Staged(nn.Module):
    """A network of a stem and the stages c2 to c5, each a module of that name."""

    def features(self, x):
        """x (N, 3, H, W) float -> {"c2": (N, C, H/s, W/s), …, "c5": …}.

        s is the stem's stride, or for EfficientNet 4; each later stage halves the sides, rounding
        up. C of a ResNet is 256·width in c2 and doubles; an EfficientNet's grows with its size.
        """
        x = self.stem(x)
        maps = {}
        for name in ("c2", "c3", "c4", "c5"):
            x = maps[name] = getattr(self, name)(x)
        return maps


class ResNet(Staged):
    """See `resnet`, which checks its arguments."""

    def __init__(
        self,
        blocks,
        *,
        ops=IMAGE,
        width,
        resnet_d,
        se_ratio,
        stochastic_depth,
        dropout,
        stem_strides,
        num_classes,
        zero_gamma,
    ):
        super().__init__()
        inputs = int(64 * width)
        self.stem = stem(ops, 3, inputs, resnet_d, stem_strides)
        for stage, count in enumerate(blocks, start=2):
            filters = int(64 * width) * 2 ** (stage - 2)
            layers = []
            for index in range(count):
                block = Bottleneck(
                    ops,
                    inputs,
                    filters,
                    stride=2 if index == 0 and stage > 2 else 1,
                    first=index == 0,
                    resnet_d=resnet_d,
                    se_ratio=se_ratio,
                    drop_rate=stochastic_depth * stage / 5,  # one rate a stage, as in TF1
                )
                layers.append(block)
                inputs = EXPANSION * filters
            self.add_module(f"c{stage}", nn.Sequential(*layers))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(inputs, num_classes)
        initialise(self, zero_gamma)

    def forward(self, x):
        """x (N, 3, H, W) float -> logits (N, num_classes)."""
        pooled = self.features(x)["c5"].flatten(2).mean(2)
        return self.fc(self.dropout(pooled))


def initialise(model, zero_gamma):
    """The authors' TF1 initialisation (facts: variance scaling, fan-in, truncated normal)."""
    for module in model.modules():
        if hasattr(module, "kernel_size") and hasattr(module, "weight"):
            fan_in = module.weight[0].numel()
            # a normal cut at ±2 σ has 0.8796 of its σ: TF divides it out again
            std = fan_in**-0.5 / 0.87962566103423978
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.normal_(model.fc.weight, std=0.01)
    nn.init.zeros_(model.fc.bias)
    if zero_gamma:  # every block starts as its shortcut
        for module in model.modules():
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.branch.norm3.weight)


def resnet(
    depth,
    *,
    width=1.0,
    resnet_d=False,
    se_ratio=0.0,
    stochastic_depth=0.0,
    dropout=0.0,
    stem_stride=4,
    num_classes=1000,
    zero_gamma=True,
):
    """A bottleneck ResNet for images: (N, 3, H, W) float -> (N, num_classes) logits.

    depth: a key of BLOCKS (Table 11, Appendix E). width: multiplies all filters, stem included.
    se_ratio: 0 or the paper's 0.25. stochastic_depth: the rate r; stage i = 2…5 drops with r·i/5.
    stem_stride: 4 as published, 2 or 1 for small images.
    Raises InputError for a depth, width or stride that does not exist.
    """
    if depth not in BLOCKS:
        raise InputError(f"no ResNet of depth {depth}; choose from {', '.join(map(str, BLOCKS))}")
    if int(32 * width) < 1:
        raise InputError(f"width {width} leaves no filters; the smallest is 0.03125")
    strides = {4: (2, 2), 2: (2, 1), 1: (1, 1)}
    if stem_stride not in strides:
        raise InputError(f"stem_stride {stem_stride} is none of 4, 2, 1")
    return ResNet(
        BLOCKS[depth],
        width=width,
        resnet_d=resnet_d,
        se_ratio=se_ratio,
        stochastic_depth=stochastic_depth,
        dropout=dropout,
        stem_strides=strides[stem_stride],
        num_classes=num_classes,
        zero_gamma=zero_gamma,
    )


def resnet_rs(depth, *, width=1.0, num_classes=1000, **changes):
    """ResNet-RS: ResNet-D with Squeeze-and-Excitation 0.25 (§7). Other arguments as `resnet`."""
    fields = {"resnet_d": True, "se_ratio": 0.25, **changes}
    return resnet(depth, width=width, num_classes=num_classes, **fields)
