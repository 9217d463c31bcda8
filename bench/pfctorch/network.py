"""pfc's backbones with their state-dict names.

Figures and blocks: frontend/backbones/IResNet.cpp, MobileFaceNet.cpp,
VisionTransformer.cpp. An iresnet also has its initial weights. `bn_groups` > 1
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

# name: (channels of a token, blocks, drop path, mask ratio)
TRANSFORMER_SHAPES = {
    "vit_t": (256, 12, 0.1, 0.1),
    "vit_s": (512, 12, 0.1, 0.1),
    "vit_b": (512, 24, 0.1, 0.1),
    "vit_l": (768, 24, 0.05, 0.05),
    "vit_h": (1024, 48, 0.1, 0.0),
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


class Attention(nn.Module):
    """`fused` has the scores in no memory, as F.scaled_dot_product_attention
    does it; arcface_torch takes them in fp32."""
    heads = 8

    def __init__(self, width, fused):
        super().__init__()
        self.fused = fused
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        images, tokens, width = x.shape
        qkv = self.qkv(x).reshape(images, tokens, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if self.fused:
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            with torch.autocast(x.device.type, enabled=False):
                q, k, v = q.float(), k.float(), v.float()
                scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
                x = scores.softmax(dim=-1) @ v
        return self.proj(x.transpose(1, 2).reshape(images, tokens, width))


class Perceptron(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.relu6(self.fc1(x)))


def dropped(x, rate):
    """Without a fraction `rate` of the images."""
    kept = (torch.rand(len(x), 1, 1, device=x.device) >= rate).to(x.dtype)
    return x * (kept / (1 - rate))


class TransformerBlock(nn.Module):
    def __init__(self, width, rate, fused):
        super().__init__()
        self.rate = rate
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, fused)
        self.mlp = Perceptron(width)

    def branch(self, x):
        return dropped(x, self.rate) if self.training and self.rate else x

    def forward(self, x):
        x = x + self.branch(self.attn(self.norm1(x)))
        return x + self.branch(self.mlp(self.norm2(x)))


class Patches(nn.Module):
    def __init__(self, input_channels, width):
        super().__init__()
        self.proj = nn.Conv2d(input_channels, width, 9, 9)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """uint8 images [B, channels, size, size] to embeddings [B, d]."""

    def __init__(self, name, size, input_channels, embedding_size,
                 bn_groups=1, drop_path=None, mask_ratio=None, fused=False):
        super().__init__()
        width, depth, own_rate, own_ratio = TRANSFORMER_SHAPES[name]
        rate = own_rate if drop_path is None else drop_path
        mask_ratio = own_ratio if mask_ratio is None else mask_ratio
        tokens = (size // 9) ** 2
        self.kept = max(int(tokens * (1 - mask_ratio)), 1)
        self.patch_embed = Patches(input_channels, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(
            TransformerBlock(width, rate * i / (depth - 1), fused)
            for i in range(depth))
        self.norm = nn.LayerNorm(width)
        self.feature = nn.Sequential(
            nn.Linear(width * tokens, width, bias=False),
            BatchNorm1d(width, eps=2e-5),
            nn.Linear(width, embedding_size, bias=False),
            BatchNorm1d(embedding_size, eps=2e-5))
        set_bn_groups(self, bn_groups)

    def encode(self, x):
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def encode_some(self, x):
        """With `kept` of an image's tokens; mask_token stands for the
        others."""
        images, tokens, width = x.shape
        order = torch.rand(images, tokens, device=x.device).argsort(1)
        kept = order[:, :self.kept, None].expand(-1, -1, width)
        seen = self.encode(x.gather(1, kept))
        whole = self.mask_token.to(seen.dtype).expand(x.shape)
        return whole.scatter(1, kept, seen)

    def forward(self, images):
        x = self.patch_embed(images.float() / 127.5 - 1) + self.pos_embed
        some = self.training and self.kept < x.shape[1]
        x = self.encode_some(x) if some else self.encode(x)
        return self.feature(x.flatten(1))


def network(name, *arguments, **options):
    """The backbone called `name`; the arguments are its class's others."""
    kind = (MobileFaceNet if name in MOBILE_SHAPES else
            VisionTransformer if name in TRANSFORMER_SHAPES else IResNet)
    return kind(name, *arguments, **options)
