"""The head's ops: samples of class centers, unit rows, margin and softmax."""
from module_text import I64, each_matrix, function, segments

CLASSES = 90  # labels are below it


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
    types = [((slots,), I64), ((1,), I64), ((batch,), I64)]
    if draw == "permutation":
        types.append(((-(-shard // 64),), I64))
    sampled = f.pfc("sample_local_centers", operands, types, hidden=True,
                    shard_size=shard, sample_rate=float(rate),
                    seed=987654321987, draw="#pfc<draw %s>" % draw)[:3]
    for result in sampled:  # outputs are read as floats, which hold no 64 bits
        f.output(result)
    return sampled + [count]


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
    no_terms(function("no_terms"), element)
    for batch in 2, 40, 2500:
        adaptive_margins(function("adaptive_margins", batch), batch)


def no_terms(f, element):
    """Every exponential is too small for fp32, the target's, too."""
    batch, size, cosines = 40, 24, (-1.0, -0.95)
    settings = {"margin": "#pfc.margin<m1 = 1.0, m2 = 0.0, m3 = 0.4, scale = "
                          "128.0, gradient = exact, filter = 0.0>",
                "shift": 60.0}
    indices, used, columns, _ = sample(
        f, f.input((batch,), I64, "labels"), 1, CLASSES, rate=1)
    table = f.variable((CLASSES, size), "normal, 0.0, 1.0", rows=CLASSES)
    e, rows = (batch, indices.shape[0]), (batch,)
    first = rank_constant(f, 0, 0, 0, 0, 0)
    targets = f.uniform(rows, *cosines)
    exps, sums = f.pfc("margin_exp", [f.uniform(e, *cosines), columns, used,
                                      first],
                       [(e, element_of_exps(element)), rows], hidden=True,
                       **settings)
    stats = f.pfc("margin_target", [sums, targets, columns], [(batch, 2)],
                  **settings)
    f.pfc("softmax_loss", [stats], [(1,)], shift=settings["shift"])
    f.pfc("margin_embeddings_grad",
          [f.uniform((batch, size), 0.0, 0.0), stats, targets, columns, table,
           indices], [((batch, size), element), rows], batch=batch, **settings)
    f.pfc("margin_cosines_grad", [exps, stats, targets, columns, first],
          [(e, element)], batch=batch, **settings,
          operandSegmentSizes=segments(1, 1, 1, 1, 1, [], []))


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
