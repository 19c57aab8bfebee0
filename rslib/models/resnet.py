"""ResNet, ResNet-D, SE-ResNet and ResNet-RS: one family (§4.1, Figure 6, Table 11).

Convolution, norm and pooling are bound once per number of dimensions (`Ops`), so that blocks do not
know whether they process images or video. `rslib.models.resnet3d` has the stem of video.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torchvision.ops import StochasticDepth

from rslib.config import InputError

# Blocks in [c2, c3, c4, c5]
BLOCKS = {
    26: (2, 2, 2, 2),  # the paper names this depth without its blocks: bottlenecks as in timm
    50: (3, 4, 6, 3),  # 50 to 200: He et al. (2015)
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    270: (4, 29, 53, 4),  # Table 11
    300: (4, 36, 54, 4),  # Appendix E
    350: (4, 36, 72, 4),
    400: (6, 48, 72, 6),  # Appendix E
    420: (4, 44, 87, 4),
}
EXPANSION = 4  # output channels of a block per filter of its 3×3


class Ops(NamedTuple):
    """The layers of one number of dimensions."""

    conv: type[nn.Module]
    norm: type[nn.Module]
    max_pool: type[nn.Module]
    avg_pool: type[nn.Module]
    video: bool = False

    def size(self, side: int, frames: int) -> tuple[int, ...]:
        """Of a kernel, a stride or a padding; frames come first, and images have none."""
        return (frames, side, side) if self.video else (side, side)


IMAGE = Ops(nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)
VIDEO = Ops(nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, nn.AvgPool3d, video=True)


def conv(
    ops: Ops,
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    *,
    temporal: int = 1,
    temporal_stride: int = 1,
) -> nn.Module:
    """A convolution without bias, padded symmetrically as in the authors' TF1 code.

    kernel, stride: in space. temporal: the kernel in time. Images take no notice of the last two.
    """
    return ops.conv(
        inputs,
        outputs,
        ops.size(kernel, temporal),
        ops.size(stride, temporal_stride),
        padding=ops.size(kernel // 2, temporal // 2),
        bias=False,
    )


def norm(ops: Ops, channels: int) -> nn.Module:
    # 0.1 is TF's 0.9, the authors' baseline. Their RS configurations have TF's 0 (deviation C3).
    return ops.norm(channels, eps=1e-5, momentum=0.1)


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate, which two layers compute from the means of all channels."""

    def __init__(self, ops: Ops, channels: int, ratio: float) -> None:
        super().__init__()
        squeezed = max(1, int(channels * ratio))  # 4·filters · 0.25 = filters
        self.squeeze = ops.conv(channels, squeezed, 1)  # unlike `conv`, both have a bias
        self.excite = ops.conv(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)  # (N, C, 1, 1)
        return x * self.excite(self.squeeze(mean).relu()).sigmoid()  # (N, C, H, W)


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut; the stride is in the 3×3.

    Of video they are t×1×1, 1×3×3 and 1×1×1, with `temporal` for t; time is never strided.
    Order at the end of the branch: last BN, SE, stochastic depth, addition.
    """

    def __init__(
        self,
        ops: Ops,
        inputs: int,
        filters: int,
        stride: int,
        *,
        first: bool,
        resnet_d: bool,
        se_ratio: float,
        drop_rate: float,
        temporal: int = 1,
    ) -> None:
        super().__init__()
        outputs = EXPANSION * filters
        branch: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=conv(ops, inputs, filters, 1, temporal=temporal),  # (N, filters, H, W)
            norm1=norm(ops, filters),
            relu1=nn.ReLU(inplace=True),  # in place: BN's backward pass does not need its output
            conv2=conv(ops, filters, filters, 3, stride),  # (N, filters, H/stride, W/stride)
            norm2=norm(ops, filters),
            relu2=nn.ReLU(inplace=True),
            conv3=conv(ops, filters, outputs, 1),  # (N, 4·filters, H/stride, W/stride)
            norm3=norm(ops, outputs),  # its scale starts at 0, see `initialise`
        )
        if se_ratio:
            branch["se"] = SqueezeExcite(ops, outputs, se_ratio)
        if drop_rate:  # one draw per image; the branches that stay are divided by 1 − drop_rate
            branch["stochastic_depth"] = StochasticDepth(drop_rate, mode="row")
        self.branch = nn.Sequential(branch)
        self.shortcut: nn.Module = nn.Identity()
        if first:  # the number of channels changes, in c2 too: 64 to 256
            self.shortcut = shortcut(ops, inputs, outputs, stride, resnet_d)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.branch(x) + self.shortcut(x))  # (N, 4·filters, H/stride, W/stride)


def shortcut(ops: Ops, inputs: int, outputs: int, stride: int, resnet_d: bool) -> nn.Module:
    """Projection of a stage's first block. ResNet-D pools where the original skips pixels."""
    if resnet_d and stride > 1:  # c2 has stride 1 and nothing to pool
        # As TF's SAME padding: an odd side is rounded up, and its last mean counts no padding.
        pool = ops.avg_pool(stride, stride, ceil_mode=True, count_include_pad=False)
        return nn.Sequential(pool, conv(ops, inputs, outputs, 1), norm(ops, outputs))
    return nn.Sequential(conv(ops, inputs, outputs, 1, stride), norm(ops, outputs))


def stem(
    ops: Ops, channels: int, out: int, resnet_d: bool, strides: tuple[int, int]
) -> nn.Sequential:
    """Original: 7×7/2 and max-pool. ResNet-D: three 3×3, and a fourth in place of the pool.

    §4.1 of the paper moves that stride into "the next bottleneck block". The authors' code adds a
    convolution instead, and only this gives the parameters of Table 7.
    """
    first, second = strides  # the shapes below are those of strides (2, 2)
    if not resnet_d:
        layers = [conv(ops, channels, out, 7, first), norm(ops, out), nn.ReLU(inplace=True)]
        if second > 1:
            layers.append(ops.max_pool(3, second, padding=1))  # (N, out, H/4, W/4)
        return nn.Sequential(*layers)
    half = out // 2  # 32 at width 1
    layers = []
    for inputs, outputs, stride in (
        (channels, half, first),  # (N, half, H/2, W/2)
        (half, half, 1),
        (half, out, 1),  # (N, out, H/2, W/2)
        (out, out, second),  # (N, out, H/4, W/4)
    ):
        layers += [conv(ops, inputs, outputs, 3, stride), norm(ops, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Staged(nn.Module):
    """A network of a stem and the stages c2 to c5, each a module of that name."""

    stem: nn.Module

    def features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """x (N, 3, H, W) float -> {"c2": (N, C, H/s, W/s), …, "c5": …}.

        Of video x (N, 3, T, H, W), they are (N, C, T/2, H/s, W/s) and so on.

        s is the stride of the stem, and twice that for EfficientNet. Each later stage halves height
        and width, rounding up. For a ResNet, C is 256·width in c2 and doubles in each stage; for an
        EfficientNet it grows with the size.
        """
        x = self.stem(x)  # ResNet of stem stride 4: (N, 64·width, H/4, W/4)
        maps = {}
        for name in ("c2", "c3", "c4", "c5"):
            x = maps[name] = getattr(self, name)(x)
        return maps


class ResNet(Staged):
    """See `resnet`, which checks its arguments."""

    def __init__(
        self,
        blocks: Sequence[int],
        stem: nn.Module,
        *,
        ops: Ops = IMAGE,
        filters: int,
        resnet_d: bool,
        se_ratio: float,
        stochastic_depth: float,
        dropout: float,
        num_classes: int,
        zero_gamma: bool,
        temporal: Sequence[int] = (1, 1, 1, 1),
    ) -> None:
        """filters: of the stem's output and of c2. temporal: the kernel in time of each stage."""
        super().__init__()
        self.stem = stem
        inputs = filters
        for stage, (count, frames) in enumerate(zip(blocks, temporal, strict=True), start=2):
            layers = []
            for index in range(count):
                block = Bottleneck(
                    ops,
                    inputs,
                    filters,
                    stride=2 if index == 0 and stage > 2 else 1,  # c2 keeps the stem's size
                    first=index == 0,
                    resnet_d=resnet_d,
                    se_ratio=se_ratio,
                    drop_rate=stochastic_depth * stage / 5,  # one rate per stage, as in TF1
                    temporal=frames,
                )
                layers.append(block)
                inputs = EXPANSION * filters  # of the next block
            self.add_module(f"c{stage}", nn.Sequential(*layers))
            filters *= 2  # c2 … c5: 64, 128, 256, 512 · width
        self.dropout = nn.Dropout(dropout)  # on the pooled vector (Table 8)
        self.fc = nn.Linear(inputs, num_classes)  # inputs is 2048·width here
        initialise(self, zero_gamma)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, 3, H, W), or (N, 3, T, H, W), float -> logits (N, num_classes)."""
        pooled = self.features(x)["c5"].flatten(2).mean(2)  # (N, 2048·width), of images and video
        return self.fc(self.dropout(pooled))


def initialise(model: ResNet, zero_gamma: bool) -> None:
    """The authors' TF1 initialisation: truncated normal, its variance scaled by the fan-in."""
    for module in model.modules():
        # the convolutions, of any number of dimensions; pools have a kernel but no weight
        if hasattr(module, "kernel_size") and hasattr(module, "weight"):
            weight = module.get_parameter("weight")
            fan_in = weight[0].numel()  # weight (C out, C in, k, k): C in · k²
            # A normal cut at ±2 σ keeps 0.8796 of its σ, and TF divides by that again.
            std = fan_in**-0.5 / 0.87962566103423978
            nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
            if module.bias is not None:  # only in Squeeze-and-Excitation
                nn.init.zeros_(module.get_parameter("bias"))
    nn.init.normal_(model.fc.weight, std=0.01)  # not scaled by its fan-in, as in TF1
    nn.init.zeros_(model.fc.bias)
    if zero_gamma:  # each block starts as its shortcut; TF1, not the paper (deviation C8)
        for module in model.modules():
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.get_parameter("branch.norm3.weight"))


def resnet(
    depth: int,
    *,
    width: float = 1.0,
    resnet_d: bool = False,
    se_ratio: float = 0.0,
    stochastic_depth: float = 0.0,
    dropout: float = 0.0,
    stem_stride: int = 4,
    num_classes: int = 1000,
    zero_gamma: bool = True,
) -> ResNet:
    """A bottleneck ResNet for images: (N, 3, H, W) float -> (N, num_classes) logits.

    depth: 26, 50, 101, 152, 200, 270, 300, 350, 400 or 420 (Table 11, Appendix E). width:
    multiplies all filters, stem included. resnet_d: stem and shortcuts of ResNet-D (Figure 6).
    se_ratio: of Squeeze-and-Excitation; 0 is none, the paper's is 0.25. dropout: before the
    classifier. zero_gamma: each block starts as its shortcut. stochastic_depth: the rate r; stage
    i = 2…5 drops a branch with probability r·i/5. stem_stride: 4 as published, 2 or 1 for small
    images.
    Raises InputError for a depth, width or stride that does not exist.
    """
    filters, strides = checked(depth, width, stem_stride)
    return ResNet(
        BLOCKS[depth],
        stem(IMAGE, 3, filters, resnet_d, strides),
        filters=filters,
        resnet_d=resnet_d,
        se_ratio=se_ratio,
        stochastic_depth=stochastic_depth,
        dropout=dropout,
        num_classes=num_classes,
        zero_gamma=zero_gamma,
    )


def checked(depth: int, width: float, stem_stride: int) -> tuple[int, tuple[int, int]]:
    """(filters of the stem's output, its strides). Raises InputError for what does not exist."""
    if depth not in BLOCKS:
        raise InputError(f"no ResNet of depth {depth}; choose from {', '.join(map(str, BLOCKS))}")
    if int(32 * width) < 1:  # filters of the first layer of ResNet-D's stem
        raise InputError(f"width {width} leaves no filters; the smallest is 0.03125")
    strides = {4: (2, 2), 2: (2, 1), 1: (1, 1)}  # of the first layer, and of the last or the pool
    if stem_stride not in strides:
        raise InputError(f"stem_stride {stem_stride} is none of 4, 2, 1")
    return int(64 * width), strides[stem_stride]  # truncated, not rounded: the authors' TF2 code


def resnet_rs(depth: int, *, width: float = 1.0, num_classes: int = 1000, **changes: Any) -> ResNet:
    """ResNet-RS: ResNet-D with Squeeze-and-Excitation 0.25 (§7). Other arguments as `resnet`."""
    fields: dict[str, Any] = {"resnet_d": True, "se_ratio": 0.25, **changes}
    return resnet(depth, width=width, num_classes=num_classes, **fields)
