"""3D ResNet and 3D ResNet-RS for video (§7.5, Table 6, Appendix G): the family with frames.

Only the stem differs from the images' in more than its number of dimensions.
"""

from collections.abc import Sequence

from torch import nn

from rslib.config import InputError
from rslib.models.resnet import BLOCKS, VIDEO, ResNet, checked, conv, norm

# Kernels in time: of the stem's first layer, then of c2, c3, c4 and c5
TEMPORAL_KERNELS = (5, 1, 1, 3, 3)


def stem(out: int, resnet_d: bool, temporal: int, strides: tuple[int, int]) -> nn.Sequential:
    """5×7×7/2 and max-pool. ResNet-D: 5×3×3/2, 1×3×3 and 1×3×3, and the same max-pool.

    The images' ResNet-D has a fourth convolution in place of the pool. temporal: the 5.
    """
    first, second = strides  # in space; the shapes below are those of strides (2, 2)
    half = out // 2  # 32 at width 1
    convolutions = [(3, out, 7, first, temporal, 2)]  # (N, out, T/2, H/2, W/2)
    if resnet_d:
        convolutions = [
            (3, half, 3, first, temporal, 2),  # (N, half, T/2, H/2, W/2)
            (half, half, 3, 1, 1, 1),
            (half, out, 3, 1, 1, 1),  # (N, out, T/2, H/2, W/2)
        ]
    layers: list[nn.Module] = []
    for inputs, outputs, kernel, stride, frames, temporal_stride in convolutions:
        layers += [
            conv(
                VIDEO,
                inputs,
                outputs,
                kernel,
                stride,
                temporal=frames,
                temporal_stride=temporal_stride,
            ),
            norm(VIDEO, outputs),
            nn.ReLU(inplace=True),
        ]
    if second > 1:  # in space alone: (N, out, T/2, H/4, W/4)
        kernel, stride, padding = VIDEO.size(3, 1), VIDEO.size(second, 1), VIDEO.size(1, 0)
        layers.append(VIDEO.max_pool(kernel, stride, padding))
    return nn.Sequential(*layers)


def resnet3d(
    depth: int,
    *,
    width: float = 1.0,
    resnet_d: bool = False,
    se_ratio: float = 0.0,
    stochastic_depth: float = 0.0,
    dropout: float = 0.0,
    stem_stride: int = 4,
    temporal_kernels: Sequence[int] = TEMPORAL_KERNELS,
    num_classes: int = 400,
    zero_gamma: bool = True,
) -> ResNet:
    """A bottleneck ResNet for video: (N, 3, T, H, W) float -> (N, num_classes) logits.

    T: frames of a clip, 1 or more; the stem halves them, and nothing else does. temporal_kernels:
    of the stem's first layer and of the first convolution of each block in c2, c3, c4 and c5; with
    ones only, every second frame is processed alone until the last pooling. resnet_d: the stem of
    three layers. num_classes: 400 as in Kinetics-400. The others are as in `rslib.models.resnet`;
    Squeeze-and-Excitation takes its means over time and space.

    What the paper states: 3D ResNet-50 of Qian et al. (2020), Squeeze-and-Excitation, and a stem of
    kernels 5, 1 and 1 in time. Published by the authors as code, and not in the paper: the kernels
    in time of the stages, the stem's stride of 2 in time, and that the max-pool is kept.
    Only inferred, and nowhere published as this paper's:

    - ResNet-D is its stem alone, because that code has no pooled shortcut (deviation C23);
    - no self-gating: that code has it by default, and the paper does not mention it (C22);
    - padding, initialisation, last BN γ = 0 and the rate of stochastic depth in each stage are
      those of the authors' TF1 code for images, which has no video. Their TF2 code, which has, pads
      a stride of 2 on one side and starts that γ at 1 (`zero_gamma=False`).

    Raises InputError for a depth, width, stride or kernel that does not exist.
    """
    filters, strides = checked(depth, width, stem_stride)
    kernels = tuple(temporal_kernels)
    if len(kernels) != 5 or not all(type(k) is int and k > 0 and k % 2 for k in kernels):
        raise InputError(
            f"temporal_kernels {kernels} are not five odd numbers, of stem and c2 to c5"
        )
    return ResNet(
        BLOCKS[depth],
        stem(filters, resnet_d, kernels[0], strides),
        ops=VIDEO,
        filters=filters,
        resnet_d=False,  # of the shortcuts
        se_ratio=se_ratio,
        stochastic_depth=stochastic_depth,
        dropout=dropout,
        num_classes=num_classes,
        zero_gamma=zero_gamma,
        temporal=kernels[1:],
    )
