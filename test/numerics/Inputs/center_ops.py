"""Updates of class centers: of samples, on several ranks, with state of other
elements, in host memory."""
from head_ops import CLASSES, rank_constant, sample
from module_text import I64, function, segments


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
        for mode in "sampled", "all", "permutation", "permutation_all":
            f = function(mode, str(rate).replace(".", "_"))
            labels = f.input((batch // ranks,), I64, "labels")
            if ranks > 1:
                labels = f.op("shard.all_gather", [labels], [((batch,), I64)],
                              hidden=True, grid="@ranks",
                              grid_axes="array<i16: 0>", gather_axis="0 : index")
            indices, _, _, count = sample(
                f, labels, ranks, classes, rate,
                draw="permutation" if "permutation" in mode else "keys")
            table, momentum = (
                f.variable((-(-classes // ranks), size), "normal, 0.0, 1.0",
                           rows=classes, role="parameter") for _ in range(2))
            # A gradient that depends on the rank: another table's rows.
            other = f.variable(table.shape, "normal, 0.0, 1.0", rows=classes)
            gradient = f.pfc("gather_rows", [other, indices],
                             [indices.shape + (size,)])
            update_centers(f, [table, momentum], indices, gradient, count,
                           coasts="all" in mode,
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
