"""The optimizers' ops: updates of whole parameters and of buckets, norms, loss
scales; AdamW's of class centers, too."""
import math

from center_ops import update_centers
from head_ops import CLASSES, rank_constant, sample
from module_text import I64, each_shape, function, segments

SGD = {"mu": 0.9, "weight_decay": 0.05}
ADAMW = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.05}


def infinite(f, sign):
    """A tensor of one: Inf, or NaN: the loss of a softmax of 0, or of -1."""
    stats = f.uniform((1, 2), min(sign, 0.0), min(sign, 0.0))
    return f.pfc("softmax_loss", [stats], [(1,)], hidden=True, shift=0.0)


def loss_scale(element):
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
                    **SGD)
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
        lr = f.rate()
        f.pfc("sgd", [f.input(x), f.input(x), f.input(x), lr], [x, x],
              operandSegmentSizes=segments(1, 1, 1, 1, 0, 0), **SGD)
        factor, _ = f.pfc("clip_factor", [f.uniform((1,), 0.5, 1.5)],
                          [(1,), (1,)], limit=0.7)
        # In place, as a step does it.
        p, v = (f.variable(x, "normal, 0.0, 1.0", role="parameter")
                for _ in range(2))
        new = f.pfc("sgd", [p, v, f.input(x), lr, factor], [x, x], hidden=True,
                    operandSegmentSizes=segments(1, 1, 1, 1, 1, 0), **SGD)
        f.assign(p, new[0])
        f.assign(v, new[1])
    sgd_bucket()
    unbucket()
    f = function("clip_factor_small")  # a norm below the limit
    f.pfc("clip_factor", [f.uniform((1,), 0.5, 1.5)], [(1,), (1,)],
          limit=100.0)


def sgd_bucket():
    """Of parameters in place; the last chunk of its norm is not whole. One of
    the gradients is no buffer of its own, so that it is copied."""
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
                **SGD)
    for old, bucket in zip(state, new):
        tensors = f.pfc("unbucket", [bucket], shapes, hidden=True)
        for variable, tensor in zip(old, tensors):
            f.assign(variable, tensor)


def unbucket():
    """Apart and together again: the new values are read, so not in place."""
    f = function("unbucket")
    p = [f.variable(shape, "normal, 0.0, 1.0") for shape in ((4, 4), (32,))]
    bucket = f.pfc("bucket", p, [(48,)], hidden=True)
    twice = f.pfc("add", [bucket, bucket], [(48,)], hidden=True)
    tensors = f.pfc("unbucket", [twice], [(4, 4), (32,)])
    f.assign(p[1], tensors[1])
    f.output(f.pfc("add", [p[0], tensors[0]], [(4, 4)], hidden=True))


def bias_corrections(f, found=None):
    """AdamW's, from 0 on."""
    old = [f.variable((1,), "constant, 0.0, 0.0") for _ in range(2)]
    new = f.pfc("bias_corrections", old + ([found] if found else []),
                [(1,)] * 2, beta1=0.9, beta2=0.99)
    for variable, value in zip(old, new):
        f.assign(variable, value)
    return new


def adamw_state(f, shape, elements=("f32", "f32", "f32"), **more):
    return [f.variable(shape, init, element=kind, **more)
            for init, kind in zip(("normal, 0.0, 1.0", "normal, 0.0, 1.0",
                                   "uniform, 0.0, 1.0"), elements)]


def adamw(element):
    """Steps in place. Where they are skipped not a bit changes, though nothing
    but 0 is there to divide by. With bf16, class centers or their momentum are
    that."""
    for f, x, _, _ in each_shape("adamw"):
        lr = f.rate()
        for clip, found in (None, None), (0.3, None), (0.3, 0.0), (0.3, 2.0):
            clip, found = (f.uniform((1,), value, value)
                           if value is not None else None
                           for value in (clip, found))
            old = adamw_state(f, x)
            new = f.pfc("adamw", [*old, f.input(x), lr,
                                  *bias_corrections(f, found),
                                  *(v for v in (clip, found) if v)],
                        [x] * 3, hidden=True, operandSegmentSizes=segments(
                            1, 1, 1, 1, 1, 1, 1, clip, found), **ADAMW)
            for variable, value in zip(old, new):
                f.assign(variable, value)
    adamw_bucket()
    adamw_rows(element)


def adamw_bucket():
    f = function("adamw_bucket")
    shapes = [(37, 16), (3000, 16)]
    old = list(zip(*(adamw_state(f, shape, role="parameter")
                     for shape in shapes)))
    gradients = [f.pfc("add", [f.input(x), f.input(x)], [x], hidden=True)
                 for x in shapes]
    total = (sum(math.prod(shape) for shape in shapes),)
    buckets = [f.pfc("bucket", part, [total], hidden=True)
               for part in (*old, gradients)]
    new = f.pfc("adamw", [*buckets, f.rate(),
                          *bias_corrections(f)], [total] * 3, hidden=True,
                operandSegmentSizes=segments(1, 1, 1, 1, 1, 1, 1, 0, 0),
                **ADAMW)
    for variables, bucket in zip(old, new):
        tensors = f.pfc("unbucket", [bucket], shapes, hidden=True)
        for variable, tensor in zip(variables, tensors):
            f.assign(variable, tensor)


def adamw_rows(element):
    for mode, skips in ("sampled", None), ("all", None), ("all", 0.0), (
            "all", 1.0):
        f = function("adamw_rows", "%s_%s" % (mode, str(skips)[0]))
        step = f.input((1,), I64, "step")
        indices, _, _, count = sample(f, f.input((24,), I64, "labels"), 1,
                                      CLASSES, rate=0.3, step=step)
        first = rank_constant(f, 0, 0, 0, 0, 0)
        for size, elements in ((24, (element, "f32", "f32")),
                               (7, ("f32", element, "f32"))):
            tables = adamw_state(f, (CLASSES, size), elements, rows=CLASSES)
            rounding = [step, first] if elements[0] == "bf16" else []
            scale = found = None
            if skips is not None:
                scale, found = (f.uniform((1,), x, x) for x in (0.125, skips))
            update_centers(f, tables, indices,
                           f.input(indices.shape + (size,)), count,
                           coasts=mode == "all", unscale=scale, found=found,
                           rounding=rounding, of_unit_rows=True,
                           corrections=bias_corrections(f, found))
