"""pfc's backbones with their state-dict names.

Figures and blocks: frontend/backbones/IResNet.cpp, MobileFaceNet.cpp. An
iresnet also has its initial weights. `bn_groups` > 1
normalises each contiguous part of the batch by its own statistics, as ranks
with `sync_batch_norm = false` do; the running statistics are those of the
whole batch, as pfc's.
"""
import torch
from torch import nn
from torch.nn import functional as F

# name: (stem channels, stem stride, [(channels, blocks) of each stage])
SHAPES = {
    "iresnet-nano": (24, 2, [(48, 1), (96, 1), (192, 1)]),
    "r18": (64, 1, [(64, 2), (128, 2), (256, 2), (512, 2)]),
    "r34": (64, 1, [(64, 3), (128, 4), (256, 6), (512, 3)]),
    "r50": (64, 1, [(64, 3), (128, 4), (256, 14), (512, 3)]),
    "r100": (64, 1, [(64, 3), (128, 13), (256, 30), (512, 3)]),
}

# name: (channels of each half, bottlenecks behind the stem and of each stage)
MOBILE_SHAPES = {
    "mbf": ((128, 256), (0, 4, 6, 2)),
    "mbf_large": ((256, 512), (2, 8, 12, 4)),
}


def grouped_batch_norm(x, layer, groups):
    """Each of `groups` parts of the batch by its own mean and variance."""
    parts, means, variances = [], [], []
    for part in x.chunk(groups):
        # With momentum 1 these come back as the part's own statistics.
        mean, variance = (torch.zeros_like(layer.running_mean)
                          for _ in range(2))
        parts.append(F.batch_norm(part, mean, variance, layer.weight,
                                  layer.bias, True, 1.0, layer.eps))
        count = part.numel() // part.shape[1]
        means.append(mean)
        variances.append(variance * ((count - 1) / count))  # biased
    with torch.no_grad():
        means, variances = torch.stack(means), torch.stack(variances)
        count = x.numel() // x.shape[1]
        variance = variances.mean(0) + means.var(0, unbiased=False)
        layer.running_mean.lerp_(means.mean(0), layer.momentum)
        layer.running_var.lerp_(variance * (count / (count - 1)),
                                layer.momentum)
        layer.num_batches_tracked += 1
    return torch.cat(parts)


class _Grouped:
    """Mixed into torch's batch norms."""
    groups = 1

    def forward(self, x):
        if self.training and self.groups > 1:
            return grouped_batch_norm(x, self, self.groups)
        return super().forward(x)


class BatchNorm2d(_Grouped, nn.BatchNorm2d):
    pass


class BatchNorm1d(_Grouped, nn.BatchNorm1d):
    pass


def set_bn_groups(network, groups):
    for layer in network.modules():
        if isinstance(layer, _Grouped):
            layer.groups = groups


def convolution(inputs, outputs, kernel, stride, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2,
                     groups=groups, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.bn1 = BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, channels, 3, 1)
        self.bn2 = BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = convolution(channels, channels, 3, stride)
        self.bn3 = BatchNorm2d(channels)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(
                convolution(inputs, channels, 1, stride),
                BatchNorm2d(channels))

    def forward(self, x):
        y = self.bn2(self.conv1(self.bn1(x)))
        y = self.bn3(self.conv2(self.prelu(y)))
        return y + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    """uint8 images [B, channels, size, size] to embeddings [B, d]."""

    def __init__(self, name, size, input_channels, embedding_size,
                 bn_groups=1):
        super().__init__()
        stem, stride, stages = SHAPES[name]
        self.conv1 = convolution(input_channels, stem, 3, stride)
        self.bn1 = BatchNorm2d(stem)
        self.prelu = nn.PReLU(stem)
        side, channels = -(-size // stride), stem
        self.stages = len(stages)
        for i, (outputs, blocks) in enumerate(stages):
            layers = [Block(channels, outputs, 2)]
            layers += [Block(outputs, outputs, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{i + 1}", nn.Sequential(*layers))
            side, channels = -(-side // 2), outputs
        self.bn2 = BatchNorm2d(channels)
        self.fc = nn.Linear(channels * side * side, embedding_size)
        self.features = BatchNorm1d(embedding_size)
        self.features.weight.requires_grad_(False)
        self._initialise(bn_groups)

    def _initialise(self, bn_groups):
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0, 0.1)
        set_bn_groups(self, bn_groups)

    def forward(self, images):
        x = images.float() / 127.5 - 1
        x = self.prelu(self.bn1(self.conv1(x)))
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))


class _Layers(nn.Module):
    """What it holds is called "layers", as in arcface_torch's."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class _Bottlenecks(_Layers):
    """Each is added to what it gets."""

    def forward(self, x):
        for bottleneck in self.layers:
            x = x + bottleneck(x)
        return x


def mobile_block(inputs, outputs, kernel, stride, groups=1):
    return _Layers(convolution(inputs, outputs, kernel, stride, groups),
                   BatchNorm2d(outputs), nn.PReLU(outputs))


def bottleneck(inputs, outputs, width, stride):
    return _Layers(mobile_block(inputs, width, 1, 1),
                   mobile_block(width, width, 3, stride, width),
                   _Layers(convolution(width, outputs, 1, 1),
                           BatchNorm2d(outputs)))


class MobileFaceNet(nn.Module):
    """uint8 images [B, channels, size, size] to embeddings [B, d]."""

    def __init__(self, name, size, input_channels, embedding_size,
                 bn_groups=1):
        super().__init__()
        (stem, body), (behind, *stages) = MOBILE_SHAPES[name]

        def same(channels, count, width):
            return _Bottlenecks(*(bottleneck(channels, channels, width, 1)
                                  for _ in range(count)))

        self.layers = nn.ModuleList([
            mobile_block(input_channels, stem, 3, 2),
            same(stem, behind, 128) if behind
            else mobile_block(stem, stem, 3, 1, 64),
            bottleneck(stem, stem, 128, 2), same(stem, stages[0], 128),
            bottleneck(stem, body, 256, 2), same(body, stages[1], 256),
            bottleneck(body, body, 512, 2), same(body, stages[2], 256)])
        self.conv_sep = mobile_block(body, 512, 1, 1)
        side = -(-size // 16)
        self.features = _Layers(
            _Layers(nn.Conv2d(512, 512, side, groups=512, bias=False),
                    BatchNorm2d(512)),
            nn.Flatten(), nn.Linear(512, embedding_size, bias=False),
            BatchNorm1d(embedding_size))
        set_bn_groups(self, bn_groups)

    def forward(self, images):
        x = images.float() / 127.5 - 1
        for layer in self.layers:
            x = layer(x)
        return self.features(self.conv_sep(x))


def network(name, *arguments):
    """The backbone called `name`; the arguments are its class's others."""
    kind = MobileFaceNet if name in MOBILE_SHAPES else IResNet
    return kind(name, *arguments)
