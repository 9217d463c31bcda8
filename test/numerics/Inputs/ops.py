"""Prints a module with one function for each op and shape of a group.

    ops.py pointwise|sums|batch_norm|tokens|sweeps|head|product|optimizer|
        adamw|conv|matmul [bf16|f16]
    ops.py pointwise|batch_norm|sums|sweeps f32|bf16|f16 few
    ops.py sampling CLASSES RANKS BATCH

Inputs are random and every result is an output, so that pfc-check-plan holds
each op alone against its meaning. The module is at stage "fused": what it says
is what is generated. With bf16 or f16, activations, class centers and their gradients
have that type, as pfc-mixed-precision makes them; statistics and sums do not.
With "few", activations have one channel, or as many as 16 bytes have elements:
what there is for each channel is a pack, all of it.
"""
import math
import sys

# A volume of 8192 elements or more makes a parallel kernel, a smaller one a
# serial one. [B,H,W,C]; channels of one vector and a rest, and of several.
SMALL, LARGE = (3, 4, 5, 6), (12, 9, 8, 40)
CLASSES = 90  # labels are below it
I64 = "i64"


class Tensor:
    def __init__(self, name, shape, element="f32"):
        self.name, self.shape, self.element = name, tuple(shape), element

    @property
    def type(self):
        return "tensor<%sx%s>" % ("x".join(map(str, self.shape)), self.element)


def attribute(value):
    """10 -> 10 : i64, 0.5 -> 5.0e-01 : f64, True -> unit; text stays."""
    if value is True:
        return "unit"
    if isinstance(value, int):
        return "%d : i64" % value
    if isinstance(value, float):
        return "%e : f64" % value
    return value


class Function:
    """A function under construction; values are Tensors."""

    def __init__(self, name):
        self.name, self.arguments, self.lines, self.count = name, [], [], 0
        self.lr = None

    def fresh(self, prefix, shape, element="f32"):
        self.count += 1
        return Tensor("%s%d" % (prefix, self.count), shape, element)

    def input(self, shape, element="f32", name=None):
        """Standard normal; bytes uniform."""
        value = self.fresh("in", shape, element)
        self.arguments.append('%%%s: %s {pfc.input = "%s"}' % (
            value.name, value.type, name or value.name))
        return value

    def rate(self):
        """The learning rate, one input however often it is asked for."""
        if not self.lr:
            self.lr = self.input((1,), name="lr")
        return self.lr

    def variable(self, shape, init, rows=None, role="buffer", element="f32",
                 host=False):
        """State. Its name in the state is that of the function and value."""
        value = self.fresh("state", shape, element)
        rows = " {sharded, rows = %d : i64%s}" % (
            rows, ", host" if host else "") if rows else ""
        self.lines.append('%%%s = pfc.variable "%s.%s" %s init <%s>%s : %s' % (
            value.name, self.name, value.name, role, init, rows, value.type))
        return value

    def uniform(self, shape, low, high):
        return self.variable(shape, "uniform, %e, %e" % (low, high))

    def assign(self, variable, value):
        self.lines.append('pfc.assign "%s.%s", %%%s : %s' % (
            self.name, variable.name, value.name, value.type))

    def output(self, value):
        self.lines.append('pfc.output "%s", %%%s : %s' % (
            value.name, value.name, value.type))

    def op(self, name, operands, results, hidden=False, **attributes):
        """name(operands); results are shapes, or (shape, element type)."""
        values = []
        for result in results:
            plain = not isinstance(result[0], tuple)
            values.append(self.fresh("r", *((result,) if plain else result)))
        texts = ["%s = %s" % (key, attribute(value))
                 for key, value in attributes.items()]
        self.lines.append('%s = "%s"(%s) {%s} : (%s) -> (%s)' % (
            ", ".join("%" + v.name for v in values), name,
            ", ".join("%" + v.name for v in operands), ", ".join(texts),
            ", ".join(v.type for v in operands),
            ", ".join(v.type for v in values)))
        for value in [] if hidden else values:
            self.output(value)
        return values[0] if len(values) == 1 else values

    def sweep(self, operands, build):
        """One pass over `operands`. build(*operands) makes its ops, hidden, and
        returns what it yields."""
        outside, self.lines = self.lines, []
        arguments = [self.fresh("a", v.shape, v.element) for v in operands]
        yielded = build(*arguments)
        body, self.lines = self.lines, outside
        results = [self.fresh("r", v.shape, v.element) for v in yielded]
        names = lambda values: ", ".join("%" + v.name for v in values)
        types = lambda values: ", ".join(v.type for v in values)
        self.lines.append('%s = "pfc.sweep"(%s) ({' % (
            names(results), names(operands)))
        self.lines.append("^bb0(%s):" % ", ".join(
            "%%%s: %s" % (a.name, a.type) for a in arguments))
        self.lines += body
        self.lines.append('"pfc.yield"(%s) : (%s) -> ()' % (
            names(yielded), types(yielded)))
        self.lines.append("}) : (%s) -> (%s)" % (
            types(operands), types(results)))
        for value in results:
            self.output(value)

    def pfc(self, name, *arguments, **attributes):
        return self.op("pfc." + name, *arguments, **attributes)

    def print(self):
        print("  func.func @%s(%s) {" % (self.name, ", ".join(self.arguments)))
        for line in self.lines:
            print("    " + line)
        print("    return\n  }")


functions = []


def function(*names):
    functions.append(Function("_".join(map(str, names))))
    return functions[-1]


def each_shape(name):
    """A function for a small and one for a large tensor [B,H,W,C]; with it the
    shapes of a channel vector [C] and of statistics [1,C]."""
    for size, x in ("small", SMALL), ("large", LARGE):
        yield function(name, size), x, x[-1:], (1, x[-1])


def each_matrix(name):
    for rows, size in (5, 7), (96, 100):
        yield function(name, rows, size), (rows, size)


#===----------------------------------------------------------------------===#
# Network
#===----------------------------------------------------------------------===#

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


def tokens(element):
    for size, x in ("small", (3, 5, 1, 12)), ("large", (12, 20, 1, 40)):
        t, c, full = x[:-1], x[-1:], (x, element)
        f = function("layer_stats", size)
        f.pfc("layer_stats", [f.input(*full)], [t, t])
        # A mean of 100: a variance from sums of squares would be off by 1e-3.
        f = function("layer_stats_far", size)
        f.pfc("layer_stats", [f.uniform(x, 99.0, 101.0)], [t, t])
        f = function("layer_norm", size)
        f.pfc("layer_norm", [f.input(*full), f.input(t), f.uniform(t, 0.5, 1.5),
                             f.input(c), f.input(c)], [full], eps=1e-5)
        stats = lambda f: [f.input(*full), f.input(*full), f.input(t),
                           f.uniform(t, 0.5, 1.5)]
        f = function("layer_norm_grad_stats", size)
        f.pfc("layer_norm_grad_stats", stats(f) + [f.input(c)], [t, t],
              eps=1e-5)
        f = function("layer_norm_grad", size)
        f.pfc("layer_norm_grad",
              stats(f) + [f.input(c), f.input(t), f.input(t)], [full], eps=1e-5)
        f = function("layer_norm_gain_grad", size)
        f.pfc("layer_norm_gain_grad", stats(f), [c], eps=1e-5)
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


class Layer:
    """A batch norm's parameters and statistics for activations of shape x."""

    def __init__(self, f, x, element):
        self.f, self.x, self.element = f, x, element
        g, c = (1, x[-1]), x[-1:]
        self.values = [f.input(g), f.uniform(g, 0.5, 1.5), f.input(c),
                       f.input(c), f.input(g), f.input(g)]

    def bound(self, values):
        """The same layer inside of a sweep."""
        layer = Layer.__new__(Layer)
        layer.f, layer.x, layer.element = self.f, self.x, self.element
        layer.values = values
        return layer

    def op(self, name, operands, results, **attributes):
        return self.f.pfc(name, operands, results, hidden=True, **attributes)

    def apply(self, x):
        return self.op("batch_norm", [x] + self.values[:4],
                       [(self.x, self.element)], eps=1e-5, training=True)

    def grad(self, dy, x):
        mean, variance, gamma, _, dgamma, dbeta = self.values
        count = 1
        for extent in self.x[:-1]:
            count *= extent
        return self.op("batch_norm_grad",
                       [dy, x, mean, variance, gamma, dgamma, dbeta],
                       [(self.x, self.element)], eps=1e-5, count=count,
                       training=True)

    def grad_sums(self, dy, x):
        g = (1, self.x[-1])
        return self.op("batch_norm_grad_stats", [dy, x] + self.values[:2],
                       [g, g], eps=1e-5)


def sweeps(element):
    """What pfc-fuse-pointwise makes of an IR block, op by op."""
    for size, x in ("small", SMALL), ("large", LARGE), ("line", (7, 9, 24)):
        c, g, full = x[-1:], (1, x[-1]), (x, element)
        hidden = {"hidden": True}

        f = function("sweep_norm_prelu", size)
        bn = Layer(f, x, element)

        def norm_prelu(x_, slope, *values):
            y = bn.bound(list(values)).apply(x_)
            return [f.pfc("prelu", [y, slope], [full], **hidden)]
        f.sweep([f.input(*full), f.input(c)] + bn.values, norm_prelu)

        # The sum, and the next layer's statistics of it as it is stored.
        f = function("sweep_norm_add_stats", size)
        bn = Layer(f, x, element)

        def norm_add_stats(x_, shortcut, *values):
            y = bn.bound(list(values)).apply(x_)
            z = f.pfc("add", [y, shortcut], [full], **hidden)
            return [z] + f.pfc("batch_stats", [z], [g, g], **hidden)
        f.sweep([f.input(*full), f.input(*full)] + bn.values, norm_add_stats)

        # PReLU's gradient from the batch norm's input; sums of two layers.
        f = function("sweep_prelu_grad_sums", size)
        bn = Layer(f, x, element)

        def prelu_grad_sums(dy, x_, slope, *values):
            layer = bn.bound(list(values))
            y = layer.apply(x_)
            dslope = f.pfc("prelu_slope_grad", [dy, y], [c], **hidden)
            d = f.pfc("prelu_grad", [dy, y, slope], [full], **hidden)
            return [dslope] + layer.grad_sums(d, x_)
        f.sweep([f.input(*full), f.input(*full), f.input(c)] + bn.values,
                prelu_grad_sums)

        f = function("sweep_grad_add_sums", size)
        bn, first, second = (Layer(f, x, element) for _ in range(3))

        def grad_add_sums(dy, x_, shortcut, x1, x2, *values):
            d = bn.bound(list(values[:6])).grad(dy, x_)
            z = f.pfc("add", [shortcut, d], [full], **hidden)
            one = first.bound(list(values[6:12])).grad_sums(z, x1)
            two = second.bound(list(values[12:])).grad_sums(z, x2)
            channels = f.pfc("channel_sum", [z], [c], **hidden)
            return [d, z, channels] + one + two
        f.sweep([f.input(*full) for _ in range(5)] + bn.values + first.values +
                second.values, grad_add_sums)

        f = function("sweep_bias_stats", size)

        def bias_stats(x_, bias):
            y = f.pfc("add_bias", [x_, bias], [full], **hidden)
            return [y] + f.pfc("batch_stats", [y], [g, g], **hidden)
        f.sweep([f.input(*full), f.input(c)], bias_stats)
    for size, x in ("small", (3, 5, 1, 12)), ("large", (12, 20, 1, 40)):
        t, c, full = x[:-1], x[-1:], (x, element)

        # A transformer's branch joins it; backwards, a layer norm's gradient
        # and the sums of the layer before.
        f = function("sweep_join", size)

        def join(y, x_, bias, step):
            y = f.pfc("add_bias", [y, bias], [full], **hidden)
            y = f.pfc("drop_path", [y, step], [full], rate=0.4, seed=9, layer=1,
                      **hidden)
            return [f.pfc("add", [x_, y], [full], **hidden)]
        f.sweep([f.input(*full), f.input(*full), f.input(c),
                 f.input((1,), I64, "step")], join)

        f = function("sweep_layer_norm_grad", size)

        def norm_grad(dy, x_, shortcut, mean, variance, gamma, sum_,
                      projection, step):
            d = f.pfc("layer_norm_grad", [dy, x_, mean, variance, gamma, sum_,
                                          projection], [full], eps=1e-5,
                      **hidden)
            z = f.pfc("add", [shortcut, d], [full], **hidden)
            kept = f.pfc("drop_path", [z, step], [full], rate=0.4, seed=9,
                         layer=1, **hidden)
            return [z, kept,
                    f.pfc("layer_norm_gain_grad", [dy, x_, mean, variance], [c],
                          eps=1e-5, **hidden),
                    f.pfc("channel_sum", [dy], [c], **hidden),
                    f.pfc("channel_sum", [kept], [c], **hidden)]
        f.sweep([f.input(*full) for _ in range(3)] +
                [f.input(t), f.uniform(t, 0.5, 1.5), f.input(c), f.input(t),
                 f.input(t), f.input((1,), I64, "step")], norm_grad)
    # Far from zero, in fp32.
    f, x = function("sweep_far"), LARGE

    def far(x_, y):
        z = f.pfc("add", [x_, y], [x], **hidden)
        return f.pfc("batch_stats", [z], [(1, x[-1])] * 2, **hidden)
    f.sweep([f.uniform(x, 99.0, 101.0), f.uniform(x, -1.0, 1.0)], far)


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


#===----------------------------------------------------------------------===#
# Head
#===----------------------------------------------------------------------===#

def rank_constant(f, base, per_rank, threshold, below, per_capped_rank):
    return f.pfc("rank_constant", [], [((1,), I64)], base=base,
                 per_rank=per_rank, threshold=threshold, below=below,
                 per_capped_rank=per_capped_rank)


def sample(f, labels, ranks, classes, rate, draw="keys", step=None):
    """A rank's indices [S], how many are used, columns [B]; its row count."""
    quotient, rest = divmod(classes, ranks)
    shard, batch = quotient + (rest > 0), labels.shape[0]
    slots = shard if rate == 1 else min(shard, max(int(rate * shard),
                                                  min(batch, shard)))
    count = rank_constant(f, quotient, 0, rest, 1, 0)
    operands = [labels, step or f.input((1,), I64, "step"),
                rank_constant(f, 0, quotient, rest, 0, 1), count,
                rank_constant(f, 0, 1, 0, 0, 0)]
    return f.pfc("sample_local_centers", operands,
                 [((slots,), I64), ((1,), I64), ((batch,), I64)],
                 shard_size=shard, sample_rate=float(rate),
                 seed=987654321987, draw="#pfc<draw %s>" % draw) + [count]


def head(element):
    for f, x in each_matrix("normalize"):
        f.pfc("normalize", [f.input(x)], [x])
    for f, x in each_matrix("normalize_grad"):
        f.pfc("normalize_grad", [f.input(x), f.input(x)], [x])
    f = function("normalize_zero")  # without a length it stays zero
    zero = f.uniform((3, 4), 0.0, 0.0)
    f.pfc("normalize", [zero], [zero.shape])
    f.pfc("normalize_grad", [f.input((3, 4)), zero], [zero.shape])
    for rate, size in (0.3, 5), (0.7, 200):
        f = function("gather_rows", size)
        table = f.variable((CLASSES, size), "normal, 0.0, 1.0", rows=CLASSES)
        indices = sample(f, f.input((24,), I64, "labels"), 1, CLASSES, rate)[0]
        f.pfc("gather_rows", [table, indices], [indices.shape + (size,)])
        f.pfc("gather_unit_rows", [table, indices],
              [(indices.shape + (size,), element)])
    f = function("slice")
    f.pfc("add", [f.pfc("slice", [f.input((40, 8))], [(16, 8)], hidden=True,
                        **{"from": 8}), f.input((16, 8))], [(16, 8)])
    f = function("softmax_loss")
    f.pfc("softmax_loss", [f.uniform((37, 2), 0.5, 1.5)], [(1,)], shift=2.5)
    # With the filter, a target stands out: a small scale keeps its probability
    # p away from 1, where 1 − p, its gradient, has few digits in fp32.
    for m1, m2, m3, scale, filter in (
            (1.0, 0.5, 0.0, 32.0, 0.0), (1.0, 0.0, 0.4, 32.0, 0.0),
            (0.9, 0.4, 0.0, 32.0, 0.0), (1.1, 0.2, 0.1, 8.0, 0.3)):
        for gradient in "exact", "straight_through":
            attribute = ("#pfc.margin<m1 = %e, m2 = %e, m3 = %e, scale = %e, "
                         "gradient = %s, filter = %e>" % (
                             m1, m2, m3, scale, gradient, filter))
            names = int(10 * m1), int(10 * m3), gradient
            for here in 2 * CLASSES // 3, 72:  # 72: rows in packs of 16 bytes
                margin(function("margin", here, *names), attribute, element,
                       here)
            # A row's own margins, which cut off some angles.
            if m3 == 0.0:
                margin(function("row_margin", *names), attribute, element, 72,
                       adaptive=True)
    for batch in 2, 40, 2500:
        adaptive_margins(function("adaptive_margins", batch), batch)


def adaptive_margins(f, batch):
    """Lengths from 1 to 9 of embeddings in 3 dimensions; state that moves."""
    norms = f.pfc("row_norms", [f.uniform((batch, 3), -9.0, 9.0)], [(batch,)])
    return f.pfc("adaptive_margins",
                 [norms, f.uniform((1,), 4.0, 6.0), f.uniform((1,), 0.5, 1.5)],
                 [(batch, 2), (1,), (1,)], m=0.4, h=0.333, momentum=0.3)[0]


def element_of_exps(element):
    """E's, beside products of `element`: f16 has no room for it."""
    return "bf16" if element == "f16" else element


def margin(f, margin, element, here, adaptive=False):
    """On cosines over all of [−1, 1], in two tiles; some of the labels are not
    here."""
    exp_element = element_of_exps(element)
    own = [adaptive_margins(f, 40)] if adaptive else []
    batch, width, size = 40, 32, 24
    indices, used, columns, _ = sample(
        f, f.input((batch,), I64, "labels"), 1, here, rate=0.7)
    rows, pairs, settings = (batch,), (batch, 2), {"margin": margin,
                                                    "shift": 1.5}
    table = f.variable((here, size), "normal, 0.0, 1.0", rows=here)
    x = f.pfc("normalize", [f.input((batch, size))], [(batch, size)],
              hidden=True)
    targets = f.pfc("target_cosines", [x, table, indices, columns], [rows])
    tiles, sums = [], []
    for first in 0, width:
        e = batch, min(width, indices.shape[0] - first)
        first = rank_constant(f, first, 0, 0, 0, 0)
        exps, *sums = f.pfc(
            "margin_exp",
            [f.uniform(e, -1.0, 1.0), columns, used, first] + sums,
            [(e, exp_element), rows], **settings)
        tiles.append((exps, e, first))
    stats = f.pfc("margin_target", [sums[0], targets, columns] + own, [pairs],
                  **settings)
    for exps, e, first in tiles:
        operands = [exps, stats, targets, columns, first]
        f.pfc("margin_patch", operands + own, [(e, exp_element)], **settings)
        for scale in [], [f.uniform((1,), 100.0, 200.0)]:
            f.pfc("margin_cosines_grad", operands + scale + own, [(e, element)],
                  batch=batch, **settings,
                  operandSegmentSizes=segments(1, 1, 1, 1, 1, scale, own))
    f.pfc("margin_embeddings_grad",
          [f.uniform((batch, size), -1.0, 1.0), stats, targets, columns, table,
           indices] + own, [((batch, size), element), rows], batch=batch,
          **settings)


def product(element):
    """Logits and their exponentials, where one kernel may make both: tiles with
    rest and without, rows of E in packs of 16 bytes or not, sums that begin at
    0, go on, or are not wanted."""
    exp_element = element_of_exps(element)
    for batch, here, size, filter in (
            (128, 128, 32, 0.0), (40, 72, 24, 0.1), (257, 131, 512, 0.0),
            (130, 300, 96, 0.05), (1, 9, 8, 0.0)):
        f = function("product", batch, here, size)
        margin = ("#pfc.margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, "
                  "gradient = exact, filter = %e>" % filter)
        indices, used, columns, _ = sample(
            f, f.input((batch,), I64, "labels"), 1, here, rate=0.9)
        table = f.variable((here, size), "normal, 0.0, 1.0", rows=here)
        x = f.pfc("normalize", [f.input((batch, size))], [(batch, size)],
                  hidden=True)
        x = f.pfc("cast", [x], [((batch, size), element)], hidden=True)
        slots, width, sums = indices.shape[0], 136, []
        for begin in range(0, slots, width):
            shape = min(width, slots - begin),
            tile = f.pfc("slice", [indices], [(shape, I64)], hidden=True,
                         **{"from": begin})
            first = rank_constant(f, begin, 0, 0, 0, 0)
            w = f.pfc("gather_unit_rows", [table, tile],
                      [(shape + (size,), element)], hidden=True)
            for start in [[]] if begin == 0 else [[], [sums]]:
                cosines = f.pfc("matmul", [x, w], [(batch,) + shape],
                                hidden=True, transpose_rhs=True)
                exps, sums = f.pfc(
                    "margin_exp", [cosines, columns, used, first] + start,
                    [((batch,) + shape, exp_element), (batch,)], hidden=True,
                    margin=margin, shift=1.5)
                f.output(exps)
                if start or begin == 0:
                    f.output(sums)


def segments(*present):
    """Which operands of an op with optional ones are there."""
    return "array<i32: %s>" % ", ".join(str(int(bool(p))) for p in present)


def update_centers(f, state, indices, rows, count, coasts=True, unscale=None,
                   found=None, rounding=(), corrections=(), **attributes):
    """update_rows, and coast_rows behind it, in place. `state` is a table, its
    momentum and, with corrections, AdamW's squares."""
    adamw = [bool(corrections)] * 3
    settings = {"mu": 0.9, "weight_decay": 0.01, "seed": 5}
    if corrections:
        settings.update(beta2=0.99, eps=1e-8)
    types = [(tensor.shape, tensor.element) for tensor in state]
    lr = f.rate()
    scales = [x for x in (unscale, found) if x]
    skips = [found] if found else []
    new = f.pfc("update_rows", [*state, *corrections, indices, rows, lr, count,
                                *scales, *rounding], types, hidden=True,
                operandSegmentSizes=segments(
                    1, 1, *adamw, 1, 1, 1, 1, unscale, found,
                    *[len(rounding)] * 2),
                row_update="#pfc<row_update sampled>", **settings, **attributes)
    if coasts:
        new = f.pfc("coast_rows", [*new, *corrections, indices, lr, count,
                                   *skips, *rounding], types, hidden=True,
                    operandSegmentSizes=segments(
                        1, 1, *adamw, 1, 1, 1, found, *[len(rounding)] * 2),
                    **settings)
    for variable, value in zip(state, new):
        f.assign(variable, value)


def sampling(classes, ranks, batch, size=5):
    """Samples of all rates, and what they update of a sharded table."""
    for rate in 1, 0.3, 0.02, 0:
        for mode in "sampled", "all", "permutation":
            f = function(mode, str(rate).replace(".", "_"))
            labels = f.input((batch // ranks,), I64, "labels")
            if ranks > 1:
                labels = f.op("shard.all_gather", [labels], [((batch,), I64)],
                              hidden=True, grid="@ranks",
                              grid_axes="array<i16: 0>", gather_axis="0 : index")
            indices, _, _, count = sample(
                f, labels, ranks, classes, rate,
                draw="permutation" if mode == "permutation" else "keys")
            table, momentum = (
                f.variable((-(-classes // ranks), size), "normal, 0.0, 1.0",
                           rows=classes, role="parameter") for _ in range(2))
            # A gradient that depends on the rank: another table's rows.
            other = f.variable(table.shape, "normal, 0.0, 1.0", rows=classes)
            gradient = f.pfc("gather_rows", [other, indices],
                             [indices.shape + (size,)])
            update_centers(f, [table, momentum], indices, gradient, count,
                           coasts=mode == "all",
                           **({"of_unit_rows": True} if rate == 0.3 else {}))


def momentum(element, size=24):
    """Class centers whose momentum has other elements than they."""
    f = function("momentum", element)
    indices, _, _, count = sample(f, f.input((24,), I64, "labels"), 1, CLASSES,
                                  rate=0.4)
    table = f.variable((CLASSES, size), "normal, 0.0, 1.0", rows=CLASSES,
                       role="parameter")
    velocity = f.variable(table.shape, "normal, 0.0, 1.0", rows=CLASSES,
                          element=element)
    update_centers(f, [table, velocity], indices,
                   f.input(indices.shape + (size,)), count, of_unit_rows=True)


def rounded_centers(size):
    """Class centers in bf16, on two ranks: updated, coasting, and as host
    state, of which some rows were never stored."""
    f = function("rounded_centers", str(size))
    ranks, step = 2, f.input((1,), I64, "step")
    indices, _, _, count = sample(f, f.input((24,), I64, "labels"), ranks,
                                  CLASSES, rate=0.4, step=step)
    first = rank_constant(f, 0, CLASSES // ranks, CLASSES % ranks, 0,
                          CLASSES % ranks > 0)
    local = -(-CLASSES // ranks)
    for velocity in "f32", "bf16":
        table, momentum = (f.variable((local, size), "normal, 0.0, 1.0",
                                      rows=CLASSES, element=element)
                           for element in ("bf16", velocity))
        rows = f.input(indices.shape + (size,))
        f.pfc("gather_rows", [table, indices], [rows.shape])
        f.pfc("gather_unit_rows", [table, indices], [rows.shape])
        update_centers(f, [table, momentum], indices, rows, count,
                       rounding=[step, first], of_unit_rows=True)
    given = f.input(indices.shape + (size,))
    for element in "f32", "bf16":
        table = f.variable((local, size), "normal, 0.0, 0.5", rows=CLASSES,
                           element=element, host=True)
        f.pfc("fetch_rows", [table, indices, first],
              [given.shape, (indices.shape, I64)],
              init="#pfc.init<normal, 0.0, 0.5>", key=9)
        rounding = [step, first] if element == "bf16" else []
        f.assign(table, f.pfc("store_rows", [table, indices, given] + rounding,
                              [(table.shape, element)], hidden=True, seed=5,
                              operandSegmentSizes=segments(
                                  1, 1, 1, *[len(rounding)] * 2)))
    momentum = f.variable((local, size), "constant, 0.0, 0.0", rows=CLASSES,
                          element="bf16", host=True)
    f.pfc("fetch_rows", [momentum, indices],
          [(given.shape, "bf16"), (indices.shape, I64)], key=0)
    f.assign(momentum, f.pfc("store_rows", [momentum, indices, given],
                             [(momentum.shape, "bf16")], hidden=True, seed=0,
                             operandSegmentSizes=segments(1, 1, 1, 0, 0)))


#===----------------------------------------------------------------------===#
# Optimizer
#===----------------------------------------------------------------------===#

def infinite(f, sign):
    """A tensor of one: Inf, or NaN: the loss of a softmax of 0, or of -1."""
    stats = f.uniform((1, 2), min(sign, 0.0), min(sign, 0.0))
    return f.pfc("softmax_loss", [stats], [(1,)], hidden=True, shift=0.0)


def loss_scale(element):
    settings = {"mu": 0.9, "weight_decay": 0.05}
    for case, steps, scale in (("good", 7.0, 1024.0), ("due", 99.0, 1024.0),
                               ("at_its_most", 99.0, 2.0 ** 127)):
        f = function("update_loss_scale", case)
        for found in 0.0, 2.0:
            f.pfc("update_loss_scale",
                  [f.uniform((1,), scale, scale), f.uniform((1,), steps, steps),
                   f.uniform((1,), found, found)], [(1,)] * 4, growth=2.0,
                  backoff=0.5, interval=100)
    for case, bad in ("finite", None), ("inf", 0.0), ("nan", -1.0):
        f = function("found_inf", case)
        sums = [f.uniform((1,), 0.0, 3e38), f.uniform((1,), 0.0, 1.0)]
        f.pfc("found_inf", sums, [(1,)])
        x = (1, 640)
        gradient = f.input(x)
        if bad is not None:
            one = infinite(f, bad)
            f.pfc("found_inf", [sums[0], f.pfc("sum_squares", [one], [(1,)],
                                               hidden=True)], [(1,)])
            gradient = f.pfc("scale_rows", [gradient, one], [x], hidden=True)
        square = f.pfc("sum_squares", [gradient], [(1,)], hidden=True)
        found = f.pfc("found_inf", [square], [(1,)])
        lr, unscale = f.rate(), f.uniform((1,), 0.1, 0.2)
        # In place, as a step does it; where found, not a bit changes.
        p, v = (f.variable(x, "normal, 0.0, 1.0", role="parameter")
                for _ in range(2))
        new = f.pfc("sgd", [p, v, gradient, lr, unscale, found], [x, x],
                    hidden=True, operandSegmentSizes=segments(1, 1, 1, 1, 1, 1),
                    **settings)
        f.assign(p, new[0])
        f.assign(v, new[1])
        indices, _, _, count = sample(f, f.input((24,), I64, "labels"), 1,
                                      CLASSES, 0.3)
        for mode in "sampled", "all":
            table, momentum = (f.variable((CLASSES, 640), "normal, 0.0, 1.0",
                                          rows=CLASSES, role="parameter")
                               for _ in range(2))
            rows = f.input(indices.shape + (640,))
            update_centers(f, [table, momentum], indices, rows, count,
                           coasts=mode == "all", unscale=unscale, found=found)
    f = function("clip_factor_scaled")
    for limit in 0.01, 100.0:
        f.pfc("clip_factor", [f.uniform((1,), 0.5, 1.5),
                              f.uniform((1,), 0.1, 0.2)], [(1,), (1,)],
              limit=limit)


def optimizer(element):
    for f, x, _, _ in each_shape("sgd"):
        settings = {"mu": 0.9, "weight_decay": 0.05}
        lr = f.rate()
        f.pfc("sgd", [f.input(x), f.input(x), f.input(x), lr], [x, x],
              operandSegmentSizes=segments(1, 1, 1, 1, 0, 0), **settings)
        factor, _ = f.pfc("clip_factor", [f.uniform((1,), 0.5, 1.5)],
                          [(1,), (1,)], limit=0.7)
        # In place, as a step does it.
        p, v = (f.variable(x, "normal, 0.0, 1.0", role="parameter")
                for _ in range(2))
        new = f.pfc("sgd", [p, v, f.input(x), lr, factor], [x, x], hidden=True,
                    operandSegmentSizes=segments(1, 1, 1, 1, 1, 0), **settings)
        f.assign(p, new[0])
        f.assign(v, new[1])
    # A bucket of parameters in place; the last chunk of its norm is not whole.
    # One of the gradients is no buffer of its own, so that it is copied.
    f = function("sgd_bucket")
    shapes, lr = [(37, 16), (3000, 16), (16,)], f.rate()
    total = (sum(math.prod(shape) for shape in shapes),)
    state = [[f.variable(shape, "normal, 0.0, 1.0", role="parameter")
              for shape in shapes] for _ in range(2)]
    gradients = [f.pfc("add", [f.input(x), f.input(x)], [x], hidden=True)
                 for x in shapes[:2]] + [f.input(shapes[2])]
    parameters, momenta, gradients = (
        f.pfc("bucket", part, [total], hidden=True)
        for part in (*state, gradients))
    f.pfc("sum_squares", [gradients], [(1,)])
    f.pfc("chunk_sum_squares", [gradients], [(-(-total[0] // 1000),)],
          chunk=1000)
    new = f.pfc("sgd", [parameters, momenta, gradients, lr], [total, total],
                hidden=True, operandSegmentSizes=segments(1, 1, 1, 1, 0, 0),
                **settings)
    for old, bucket in zip(state, new):
        tensors = f.pfc("unbucket", [bucket], shapes, hidden=True)
        for variable, tensor in zip(old, tensors):
            f.assign(variable, tensor)
    # Apart and together again: the new values are read, so not in place.
    f = function("unbucket")
    p = [f.variable(shape, "normal, 0.0, 1.0") for shape in ((4, 4), (32,))]
    bucket = f.pfc("bucket", p, [(48,)], hidden=True)
    twice = f.pfc("add", [bucket, bucket], [(48,)], hidden=True)
    tensors = f.pfc("unbucket", [twice], [(4, 4), (32,)])
    f.assign(p[1], tensors[1])
    f.output(f.pfc("add", [p[0], tensors[0]], [(4, 4)], hidden=True))
    f = function("clip_factor_small")  # a norm below the limit
    f.pfc("clip_factor", [f.uniform((1,), 0.5, 1.5)], [(1,), (1,)],
          limit=100.0)


def bias_corrections(f, found=None):
    """AdamW's, from 0 on."""
    old = [f.variable((1,), "constant, 0.0, 0.0") for _ in range(2)]
    new = f.pfc("bias_corrections", old + ([found] if found else []),
                [(1,)] * 2, beta1=0.9, beta2=0.99)
    for variable, value in zip(old, new):
        f.assign(variable, value)
    return new


def adamw(element):
    """Steps in place. Where they are skipped not a bit changes, though nothing
    but 0 is there to divide by. With bf16, class centers or their momentum are
    that."""
    settings = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.05}

    def state(f, shape, elements=("f32", "f32", "f32"), **more):
        return [f.variable(shape, init, element=kind, **more)
                for init, kind in zip(("normal, 0.0, 1.0", "normal, 0.0, 1.0",
                                       "uniform, 0.0, 1.0"), elements)]

    for f, x, _, _ in each_shape("adamw"):
        lr = f.rate()
        for clip, found in (None, None), (0.3, None), (0.3, 0.0), (0.3, 2.0):
            clip, found = (f.uniform((1,), value, value)
                           if value is not None else None
                           for value in (clip, found))
            old = state(f, x)
            new = f.pfc("adamw", [*old, f.input(x), lr,
                                  *bias_corrections(f, found),
                                  *(v for v in (clip, found) if v)],
                        [x] * 3, hidden=True, operandSegmentSizes=segments(
                            1, 1, 1, 1, 1, 1, 1, clip, found), **settings)
            for variable, value in zip(old, new):
                f.assign(variable, value)
    f = function("adamw_bucket")
    shapes = [(37, 16), (3000, 16)]
    old = list(zip(*(state(f, shape, role="parameter") for shape in shapes)))
    gradients = [f.pfc("add", [f.input(x), f.input(x)], [x], hidden=True)
                 for x in shapes]
    total = (sum(math.prod(shape) for shape in shapes),)
    buckets = [f.pfc("bucket", part, [total], hidden=True)
               for part in (*old, gradients)]
    new = f.pfc("adamw", [*buckets, f.rate(),
                          *bias_corrections(f)], [total] * 3, hidden=True,
                operandSegmentSizes=segments(1, 1, 1, 1, 1, 1, 1, 0, 0),
                **settings)
    for variables, bucket in zip(old, new):
        tensors = f.pfc("unbucket", [bucket], shapes, hidden=True)
        for variable, tensor in zip(variables, tensors):
            f.assign(variable, tensor)
    for mode, skips in ("sampled", None), ("all", None), ("all", 0.0), (
            "all", 1.0):
        f = function("adamw_rows", "%s_%s" % (mode, str(skips)[0]))
        step = f.input((1,), I64, "step")
        indices, _, _, count = sample(f, f.input((24,), I64, "labels"), 1,
                                      CLASSES, rate=0.3, step=step)
        first = rank_constant(f, 0, 0, 0, 0, 0)
        for size, elements in ((24, (element, "f32", "f32")),
                               (7, ("f32", element, "f32"))):
            tables = state(f, (CLASSES, size), elements, rows=CLASSES)
            rounding = [step, first] if elements[0] == "bf16" else []
            scale = found = None
            if skips is not None:
                scale, found = (f.uniform((1,), x, x) for x in (0.125, skips))
            update_centers(f, tables, indices,
                           f.input(indices.shape + (size,)), count,
                           coasts=mode == "all", unscale=scale, found=found,
                           rounding=rounding, of_unit_rows=True,
                           corrections=bias_corrections(f, found))


group, arguments = sys.argv[1], sys.argv[2:]
if arguments[1:] == ["few"]:
    arguments.pop()
    SMALL, LARGE = (3, 4, 5, 1), (2, 3, 3, 4 if arguments == ["f32"] else 8)
ranks = {"sampling": lambda: int(arguments[1]),
         "rounded_centers": lambda: 2}.get(group, lambda: 1)()
if group in ("sampling", "rounded_centers"):
    globals()[group](*map(int, arguments))
else:
    globals()[group](*arguments or ["f32"])
print("module {\n  shard.grid @ranks(shape = %d)" % ranks)
for f in functions:
    f.print()
print("}")
