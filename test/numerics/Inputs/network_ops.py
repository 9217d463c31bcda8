"""The network's ops: element by element, batch norms, sums, convolutions and
products."""
from module_text import each_matrix, each_shape, function, I64


def pointwise(element):
    for f, x, c, _ in each_shape("scale_pixels"):
        f.pfc("scale_pixels", [f.input(x, "ui8")], [(x, element)])
    for f, x, c, _ in each_shape("add"):
        f.pfc("add", [f.input(x, element), f.input(x, element)],
              [(x, element)])
    for f, x, c, _ in each_shape("add_bias"):
        f.pfc("add_bias", [f.input(x, element), f.input(c)], [(x, element)])
    for f, x, c, _ in each_shape("prelu"):
        f.pfc("prelu", [f.input(x, element), f.input(c)], [(x, element)])
    for f, x, c, _ in each_shape("prelu_grad"):
        f.pfc("prelu_grad",
              [f.input(x, element), f.input(x, element), f.input(c)],
              [(x, element)])
    for f, x in each_matrix("dropout"):
        step, row = f.input((1,), I64, "step"), f.input((1,), I64)
        for offset in [], [row]:
            f.pfc("dropout", [f.input(x, element), step] + offset,
                  [(x, element)], rate=0.4, seed=1234567890123, layer=2)
    for f, x in each_matrix("scale_rows"):
        f.pfc("scale_rows", [f.input(x), f.input(x[:1])], [(x, element)])
    if element != "f32":
        for f, x, c, _ in each_shape("cast"):
            f.pfc("cast", [f.input(x)], [(x, element)])
            f.pfc("cast", [f.input(x, element)], [x])


def batch_norm(element):
    for mode in {}, {"training": True}:
        suffix = "_training" if mode else ""
        for f, x, c, g in each_shape("batch_norm" + suffix):
            f.pfc("batch_norm", [f.input(x, element), f.input(g),
                                 f.uniform(g, 0.5, 1.5), f.input(c),
                                 f.input(c)], [(x, element)], eps=1e-5, **mode)
        for f, x, c, g in each_shape("batch_norm_grad" + suffix):
            f.pfc("batch_norm_grad",
                  [f.input(x, element), f.input(x, element), f.input(g),
                   f.uniform(g, 0.5, 1.5), f.input(c), f.input(g),
                   f.input(g)], [(x, element)], eps=1e-5,
                  count=x[0] * x[1] * x[2], **mode)
    for f, x, _, g in each_shape("batch_norm_grad_stats"):
        f.pfc("batch_norm_grad_stats",
              [f.input(x, element), f.input(x, element), f.input(g),
               f.uniform(g, 0.5, 1.5)], [g, g], eps=1e-5)
    for f, x, _, g in each_shape("batch_stats"):
        f.pfc("batch_stats", [f.input(x, element)], [g, g])
    # A mean of 100: a variance from sums of squares would be off by 1e-3.
    for f, x, c, g in each_shape("batch_stats_far"):
        f.pfc("batch_stats", [f.uniform(x, 99.0, 101.0)], [g, g])
    # Few elements that stand out far.
    f, x, g = function("batch_stats_spikes"), (6, 16, 16, 24), (1, 24)
    flat = f.input((x[0], 16 * 16 * 24))
    spikes = f.pfc("dropout", [flat, f.input((1,), I64, "step")], [flat.shape],
                   hidden=True, rate=0.995, seed=5, layer=0)
    f.pfc("batch_stats", [f.pfc("reshape", [spikes], [x], hidden=True)],
          [g, g])
    # Fewer dimensions.
    for name, x in ("line", (7, 9, 24)), ("matrix", (9, 24)):
        g = (1, x[-1])
        f = function("batch_stats", name)
        f.pfc("batch_stats", [f.input(x, element)], [g, g])
        f = function("batch_stats_far", name)
        f.pfc("batch_stats", [f.uniform(x, 99.0, 101.0)], [g, g])
    for channels in 6, 640:
        f, x, g = function("merge_stats", channels), (16, channels), (1, channels)
        f.pfc("merge_stats", [f.input(x), f.uniform(x, 0.5, 1.5)], [g, g])
    for channels in 6, 9000:
        f, g = function("moving_average", channels), (1, channels)
        f.pfc("moving_average", [f.input(g), f.input(g)], [g], momentum=0.1,
              scale=1.25)


def sums(element):
    for f, x, c, _ in each_shape("prelu_slope_grad"):
        f.pfc("prelu_slope_grad", [f.input(x, element), f.input(x, element)],
              [c])
    for f, x, c, _ in each_shape("channel_sum"):
        f.pfc("channel_sum", [f.input(x, element)], [c])
    for f, x in each_matrix("channel_sum"):
        f.pfc("channel_sum", [f.input(x, element)], [x[1:]])
    for groups, channels in (2, 6), (16, 640):
        f, x = function("sum_groups", channels), (groups, channels)
        f.pfc("sum_groups", [f.input(x)], [x[1:]], scale=0.0625)
    for shape in (7,), (9000,), (3, 5), (65, 200), (24, 3, 3, 16):
        f = function("sum_squares", *shape)
        f.pfc("sum_squares", [f.input(shape, element)], [(1,)])


def conv(element):
    batch = 4
    #        size, input and output channels, kernel, stride, padding, groups
    for size, cin, cout, kernel, stride, padding, groups in (
            (9, 3, 24, 3, 1, 1, 1), (9, 24, 48, 3, 2, 1, 1),
            (8, 24, 48, 1, 2, 0, 1), (7, 5, 7, 3, 1, 1, 1),
            (10, 16, 32, 3, 2, 1, 1), (6, 48, 24, 1, 1, 0, 1),
            (5, 1, 3, 3, 1, 1, 1), (7, 16, 16, 3, 1, 1, 1),
            (9, 48, 48, 3, 1, 1, 48), (8, 20, 20, 3, 2, 1, 20),
            (4, 24, 24, 4, 1, 0, 24), (6, 32, 32, 3, 1, 1, 16),
            (5, 12, 6, 3, 2, 1, 3)):
        out = (size + 2 * padding - kernel) // stride + 1
        x, y = (batch, size, size, cin), (batch, out, out, cout)
        w = (cout, kernel, kernel, cin // groups)
        f = function("conv", size, cin, cout, kernel, stride, groups)
        vx, vw, vy = (f.input(shape, element) for shape in (x, w, y))
        settings = {"stride": stride, "padding": padding}
        f.pfc("conv2d", [vx, vw], [(y, element)], **settings)
        f.pfc("conv2d_input_grad", [vy, vw], [(x, element)], **settings)
        f.pfc("conv2d_filter_grad", [vx, vy], [w], **settings)


def matmul(element):
    for m, n, k in (5, 7, 3), (64, 96, 130), (1, 33, 16), (48, 1, 24):
        f = function("matmul", m, n, k)
        for lhs, left in ((m, k), {}), ((k, m), {"transpose_lhs": True}):
            for rhs, right in ((k, n), {}), ((n, k), {"transpose_rhs": True}):
                operands = [f.input(lhs, element), f.input(rhs, element)]
                f.pfc("matmul", operands, [(m, n)], **left, **right)
                f.pfc("matmul", operands + [f.input((m, n))], [(m, n)], **left,
                      **right)
                if element != "f32":
                    f.pfc("matmul", operands, [((m, n), element)], **left,
                          **right)
    # For each head; the last's matrices begin at no multiple of 64 bytes.
    for g, m, n, k in (6, 144, 144, 32), (6, 144, 32, 144), (9, 5, 7, 3):
        f = function("matmul_each", g, m, n, k)
        for lhs, left in ((m, k), {}), ((k, m), {"transpose_lhs": True}):
            for rhs, right in ((k, n), {}), ((n, k), {"transpose_rhs": True}):
                operands = [f.input((g, *lhs), element),
                            f.input((g, *rhs), element)]
                f.pfc("matmul", operands, [(g, m, n)], **left, **right)
                if element != "f32":
                    f.pfc("matmul", operands, [((g, m, n), element)], **left,
                          **right)
    # Of rows that lie as rows of another number: a reshape is no copy.
    f = function("matmul_reshaped")
    rows = f.input((12, 8), element)
    heads = f.pfc("reshape", [rows], [((4, 6, 4), element)], hidden=True)
    squares = f.pfc("matmul", [heads, heads], [(4, 6, 6)], hidden=True,
                    transpose_rhs=True)
    f.pfc("reshape", [squares], [(2, 72)])
