"""Sweeps: several ops in one pass over activations."""
from module_text import I64, SIZES, function
import token_ops

hidden = {"hidden": True}


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
    """What pfc-fuse-pointwise makes of an IR block and of a transformer's, op
    by op."""
    for size, x in *SIZES.items(), ("line", (7, 9, 24)):
        norms(size, x, element)
        gradients(size, x, element)
    for size, x in token_ops.SIZES.items():
        tokens(size, x, element)
    # Far from zero, in fp32.
    f, x = function("sweep_far"), SIZES["large"]

    def far(x_, y):
        z = f.pfc("add", [x_, y], [x], **hidden)
        return f.pfc("batch_stats", [z], [(1, x[-1])] * 2, **hidden)
    f.sweep([f.uniform(x, 99.0, 101.0), f.uniform(x, -1.0, 1.0)], far)


def norms(size, x, element):
    c, g, full = x[-1:], (1, x[-1]), (x, element)

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


def gradients(size, x, element):
    c, g, full = x[-1:], (1, x[-1]), (x, element)

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


def tokens(size, x, element):
    full = x, element
    join("", size, full, full)
    norm_grad("", size, full, full)
    if element != "f32":
        join("_stream", size, full, (x, "f32"))
        norm_grad("_stream", size, full, (x, "f32"))


def join(kind, size, full, stream):
    """A transformer's branch, of type `full`, joins the residual stream."""
    c = full[0][-1:]
    f = function("sweep_join" + kind, size)

    def build(y, x_, bias, step):
        if full != stream:
            y = f.pfc("cast", [y], [stream], **hidden)
        y = f.pfc("add_bias", [y, bias], [stream], **hidden)
        y = f.pfc("drop_path", [y, step], [stream], rate=0.4, seed=9, layer=1,
                  **hidden)
        return [f.pfc("add", [x_, y], [stream], **hidden)]
    f.sweep([f.input(*full), f.input(*stream), f.input(c),
             f.input((1,), I64, "step")], build)


def norm_grad(kind, size, full, stream):
    """Backwards: a layer norm's gradient and the sums of the layer before."""
    t, c = full[0][:-1], full[0][-1:]
    f = function("sweep_layer_norm_grad" + kind, size)

    def build(dy, x_, shortcut, mean, variance, gamma, sum_, projection, step):
        d = f.pfc("layer_norm_grad", [dy, x_, mean, variance, gamma, sum_,
                                      projection], [stream], eps=1e-5,
                  **hidden)
        z = f.pfc("add", [shortcut, d], [stream], **hidden)
        kept = f.pfc("drop_path", [z, step], [stream], rate=0.4, seed=9,
                     layer=1, **hidden)
        branch = kept
        if full != stream:
            branch = f.pfc("cast", [kept], [full], **hidden)
        return [z, branch,
                f.pfc("layer_norm_gain_grad", [dy, x_, mean, variance], [c],
                      eps=1e-5, **hidden),
                f.pfc("channel_sum", [dy], [c], **hidden),
                f.pfc("channel_sum", [kept], [c], **hidden)]
    f.sweep([f.input(*full), f.input(*stream), f.input(*stream), f.input(t),
             f.uniform(t, 0.5, 1.5), f.input(c), f.input(t), f.input(t),
             f.input((1,), I64, "step")], build)
