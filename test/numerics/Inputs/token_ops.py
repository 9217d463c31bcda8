"""Ops on tokens: layer norms, attention's heads and softmax, masks."""
from module_text import I64, function, functions

# Tokens [B,T,1,C].
SIZES = {"small": (3, 5, 1, 12), "large": (12, 20, 1, 40)}


def tokens(element):
    for size, x in SIZES.items():
        layer_norms(size, x, element)
        elementwise(size, x, element)
        attention(size, x, element)
        masks(size, x, element)


def layer_norms(size, x, element):
    t, full = x[:-1], (x, element)
    f = function("layer_stats", size)
    f.pfc("layer_stats", [f.input(*full)], [t, t])
    # A mean of 100: a variance from sums of squares would be off by 1e-3.
    f = function("layer_stats_far", size)
    f.pfc("layer_stats", [f.uniform(x, 99.0, 101.0)], [t, t])
    layer_norm("", size, full, full)
    if element != "f32":  # of a residual stream, which is fp32
        layer_norm("_stream", size, full, (x, "f32"))


def layer_norm(kind, size, full, of):
    """Of an input of type `of`, to an output of type `full`."""
    t, c = full[0][:-1], full[0][-1:]
    f = function("layer_norm" + kind, size)
    f.pfc("layer_norm", [f.input(*of), f.input(t), f.uniform(t, 0.5, 1.5),
                         f.input(c), f.input(c)], [full], eps=1e-5)

    def stats(f):
        return [f.input(*full), f.input(*of), f.input(t),
                f.uniform(t, 0.5, 1.5)]

    f = function("layer_norm_grad_stats" + kind, size)
    f.pfc("layer_norm_grad_stats", stats(f) + [f.input(c)], [t, t],
          eps=1e-5)
    f = function("layer_norm_grad" + kind, size)
    f.pfc("layer_norm_grad",
          stats(f) + [f.input(c), f.input(t), f.input(t)], [of], eps=1e-5)
    f = function("layer_norm_gain_grad" + kind, size)
    f.pfc("layer_norm_gain_grad", stats(f), [c], eps=1e-5)


def elementwise(size, x, element):
    full = x, element
    # Elements on both sides of both ends, none that rounds to one.
    f = function("relu6", size)
    for low, high in (-3.0, 5.9), (6.1, 9.0):
        wide = f.uniform(x, low, high)
        if element != "f32":
            wide = f.pfc("cast", [wide], [full], hidden=True)
        f.pfc("relu6", [wide], [full])
        f.pfc("relu6_grad", [f.input(*full), wide], [full])
    f = function("drop_path", size)
    step, row = f.input((1,), I64, "step"), f.input((1,), I64)
    for offset in [], [row]:
        f.pfc("drop_path", [f.input(*full), step] + offset, [full],
              rate=0.4, seed=1234567890123, layer=2)


def attention(size, x, element):
    full = x, element
    for heads, parts in (4, 1), (2, 2), (4, 1):
        part = ((x[0] * heads, x[1], x[3] // heads // parts), element)
        f = function("split_heads", size, heads, parts, len(functions))
        f.pfc("split_heads", [f.input(*full)], [part] * parts, heads=heads)
        f.pfc("merge_heads", [f.input(*part) for _ in range(parts)], [full],
              heads=heads)
    # A map of positions, and more than one row's worth of exponentials.
    f = function("split_heads_map", size)
    y = (x[0], 3, 5, x[3])
    f.pfc("split_heads", [f.input(y, element)],
          [((x[0] * 4, 15, x[3] // 4), element)], heads=4)
    for n in 7, 144:
        f, y = function("softmax", size, n), (x[0], x[1], n)
        for wide in 1.0, 200.0:
            f.pfc("softmax", [f.uniform(y, -wide, wide)], [(y, element)],
                  scale=0.5)
        f.pfc("softmax_grad",
              [f.input(y, element), f.uniform(y, 0.0, 2.0 / n)],
              [(y, element)], scale=0.5)


def masks(size, x, element):
    c, full = x[-1:], (x, element)
    for count in x[1] - 1, 1, x[1]:
        f, some = function("tokens", size, count), (x[0], count, 1, x[3])
        step, row = f.input((1,), I64, "step"), f.input((1,), I64)
        pairs = [((x[0], count), I64)] + [((x[0], x[1]), I64)] * 2
        for offset in [row], []:  # keys are too large for an output
            kept, slots, _ = f.pfc("sample_tokens", [step] + offset, pairs,
                                   hidden=True, seed=77)
            f.output(kept)
            f.output(slots)
        f.pfc("gather_tokens", [f.input(*full), kept, slots],
              [(some, element)])
        for mask in [], [f.input(c)]:
            f.pfc("restore_tokens",
                  [f.input(some, element), kept, slots] + mask, [full])
        f.pfc("mask_token_grad", [f.input(*full), slots], [c])
