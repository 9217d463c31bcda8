"""What PyTorch 1.8 holds of a GPU for arcface_torch's step of July 2021, worked
out by hand: the allocator by the rules of c10/cuda/CUDACachingAllocator.cpp,
the tensors by reading iresnet.py, partial_fc.py, losses.py (ArcFace), autograd's
derivatives.yaml and train.py line by line; cuDNN's workspaces as version 7.6.5
asks for them on a V100.
"""

import bisect

MIB = 1 << 20
STEPS = 5
# Of a filter's gradient where there is a stride: images, channels, kernel.
CUTS = {
    (64, 64, 64, 1): 33,
    (64, 64, 128, 1): 17,
    (64, 256, 512, 1): 9,
    (64, 128, 128, 3): 9,
    (64, 256, 256, 3): 3,
    (128, 64, 64, 1): 65,
    (128, 64, 128, 1): 17,
    (128, 128, 256, 1): 9,
    (128, 128, 128, 3): 9,
}


class Block:
    def __init__(self, address, size, pool):
        self.address, self.size, self.pool = address, size, pool
        self.left = self.right = None
        self.free = False

    def order(self):
        return self.size, self.address


class Allocator:
    def __init__(self):
        self.reserved = self.end = 0
        self.pools = {}

    def allocate(self, size, stream):
        size = max(512, -(-int(size) // 512) * 512)
        pool = stream, size <= MIB
        free = self.pools.setdefault(pool, [])
        at = bisect.bisect_left(free, (size, -1), key=Block.order)
        if at < len(free):
            block = free.pop(at)
        else:
            if size <= MIB:
                segment = 2 * MIB
            elif size < 10 * MIB:
                segment = 20 * MIB
            else:
                segment = -(-size // (2 * MIB)) * 2 * MIB
            block = Block(self.end, segment, pool)
            self.end += segment
            self.reserved += segment
        block.free = False
        rest = block.size - size
        if rest >= 512 if size <= MIB else rest > MIB:
            other = Block(block.address + size, rest, pool)
            other.left, other.right = block, block.right
            if block.right:
                block.right.left = other
            block.right, block.size = other, size
            self.insert(other)
        return block

    def insert(self, block):
        block.free = True
        bisect.insort(self.pools[block.pool], block, key=Block.order)

    def take(self, block):
        free = self.pools[block.pool]
        del free[bisect.bisect_left(free, block.order(), key=Block.order)]

    def release(self, block):
        if block.right and block.right.free:
            gone = block.right
            self.take(gone)
            block.size += gone.size
            block.right = gone.right
            if gone.right:
                gone.right.left = block
        if block.left and block.left.free:
            kept = block.left
            self.take(kept)
            kept.size += block.size
            kept.right = block.right
            if block.right:
                block.right.left = kept
            block = kept
        self.insert(block)

    def empty_cache(self):
        for free in self.pools.values():
            whole = [block for block in free if not (block.left or block.right)]
            self.reserved -= sum(block.size for block in whole)
            free[:] = [block for block in free if block.left or block.right]


class Tensor:
    """Python drops it as it drops torch's."""

    def __init__(self, memory, elements, size=4, stream="default"):
        self.memory = memory
        self.block = memory.allocate(elements * size, stream) if elements else None

    def __del__(self):
        if self.block:
            self.memory.release(self.block)


class Activation:
    """A tensor, and a number by which its gradient is found."""

    def __init__(self, tensor, number):
        self.tensor, self.number = tensor, number


class Backbone:
    """r50 under autocast to fp16, in DDP."""

    def __init__(self, memory, images):
        self.memory, self.images = memory, images
        self.sizes, self.tried, self.tape = [], set(), []
        self.grads = self.momentum = None
        self.describe()
        held = self.sizes + self.statistics
        self.kept = [self.new(size) for size in held]
        self.new(sum(held))  # broadcast
        self.buckets = self.bucketed(self.sizes)
        self.rebuilt = False
        self.batches = [self.batch()]

    def batch(self):
        return Tensor(self.memory, self.images * 3 * 112 * 112, 4, "loader")

    def load(self):
        self.batches.append(self.batch())
        self.batches = self.batches[-2:]

    def bucketed(self, order):
        sizes, limit, size = [], MIB, 0
        for parameter in order:
            size += 4 * parameter
            if size >= limit:
                sizes.append(size)
                limit, size = 25 * MIB, 0
        if size:
            sizes.append(size)
        return [self.new(size, 1) for size in reversed(sizes)]

    def new(self, elements, size=4):
        return Tensor(self.memory, elements, size)

    @staticmethod
    def blocks():
        """Channels in and out, sides in and out, whether there is a shortcut."""
        inputs, side = 64, 112
        for count, width in (3, 64), (4, 128), (14, 256), (3, 512):
            for block in range(count):
                out = side // 2 if block == 0 else side
                yield inputs, width, side, out, block == 0
                inputs, side = width, out

    def describe(self):
        sizes, norms = [3 * 64 * 9, 64, 64, 64], [64]
        for inputs, width, _, _, down in self.blocks():
            sizes += [inputs, inputs, inputs * width * 9, width, width, width]
            sizes += [width * width * 9, width, width]
            norms += [inputs, width, width]
            if down:
                sizes += [inputs * width, width, width]
                norms += [width]
        self.sizes = sizes + [512, 512, 512 * 49 * 512, 512, 512]
        self.statistics = [n for n in norms + [512, 512] for _ in range(2)]
        arrive = [512, 512 * 49 * 512, 512, 512, 512]
        for inputs, width, _, _, down in reversed(list(self.blocks())):
            if down:
                arrive += [width, width, inputs * width]
            arrive += [width, width, width * width * 9, width, width, width]
            arrive += [inputs * width * 9, inputs, inputs]
        self.arrive = arrive + [64, 64, 64, 3 * 64 * 9]
        assert sorted(self.arrive) == sorted(self.sizes)

    def record(self, inputs, output, saved, derivative, convert=None):
        """`convert` comes after what `derivative` read is dropped."""
        number = len(self.tape) + 1
        self.tape.append([inputs, number, saved, derivative, convert])
        return Activation(output, number)

    def workspace(self, product, shape):
        """Of the neediest algorithm, and of the one for tensor cores."""
        inputs, outputs, kernel, side, out = shape
        n, pairs = self.images, inputs * outputs
        read, written = n * inputs * side**2, n * outputs * out**2
        if product == "filter":
            parts = CUTS.get((n, inputs, outputs, kernel), 1) if side != out else 1
            chosen = 2 * (read + written) + 4 * pairs * kernel**2 * parts
        else:
            written *= 2 if product == "forward" else 1
            chosen = 2 * (read + written + pairs * kernel**2)
        sizes = [chosen]
        if product == "forward":
            sizes.append(2 * n * inputs * kernel**2 * out**2)
        if kernel == 3 and product != "filter":
            tiles = 2 if side > 30 else 1
            tiled = 8 * 32 * 17 * (pairs + tiles * n * (inputs + outputs))
            sizes.append(tiled + 24576 * tiles)
        if kernel == 3 and side == out:
            power = 1 << (side + 1).bit_length()
            images, results = n * inputs, n * outputs
            operands, result = {
                "forward": (images + pairs, results),
                "input": (results + pairs, images),
                "filter": (images + results, pairs),
            }[product]
            more = 4 * results * side**2 if product == "filter" else 36 * pairs
            spectra = max(operands, result) * power * (power // 2 + 1)
            sizes.append(16 * spectra + more)
            tiles = (-(-side // 4)) ** 2
            sizes.append(4 * 36 * (tiles * (images + results) + pairs))
        return max(sizes), chosen

    def convolve(self, product, *shape):
        """Conv_v7.cpp, findAlgorithms: `ws` lives when the cache is emptied."""
        largest, chosen = self.workspace(product, shape)
        if (product, shape) not in self.tried:
            self.tried.add((product, shape))
            ws = self.new(largest, 1)
            self.memory.empty_cache()
            del ws
        self.new(chosen, 1)

    def act(self, channels, side):
        return self.new(self.images * channels * side * side, 2)

    def parameter(self, tensor):
        if self.made is not None:
            self.made.append(tensor)  # else added in place

    def conv(self, x, inputs, outputs, kernel, side, out):
        weight = self.new(inputs * outputs * kernel**2, 2)
        source = x.tensor if x else self.act(3, 112)
        first = x is None

        shape = inputs, outputs, kernel, side, out

        def derivative(grad):
            given = None
            if not first:
                given = self.act(inputs, side)
                self.convolve("input", *shape)
            half.append(self.new(inputs * outputs * kernel**2, 2))
            self.convolve("filter", *shape)
            return [given]

        def widen(given):
            self.parameter(self.new(inputs * outputs * kernel**2))
            half.clear()
            return given

        half = []
        numbers = [x.number] if x else [None]
        y = self.act(outputs, out)
        self.convolve("forward", *shape)
        return self.record(numbers, y, [weight, source], derivative, widen)

    def norm(self, x, channels, side):
        def derivative(grad):
            given = self.act(channels, side)
            self.parameter(self.new(channels))
            self.parameter(self.new(channels))
            return [given]

        y = self.act(channels, side)
        saved = [x.tensor, self.new(channels), self.new(channels)]
        return self.record([x.number], y, saved, derivative)

    def prelu(self, x, channels, side):
        def derivative(grad):
            given, slopes = self.act(channels, side), self.act(channels, side)
            self.parameter(self.new(channels))
            return [given]

        y = self.act(channels, side)
        return self.record([x.number], y, [x.tensor], derivative)

    def block(self, x, inputs, width, side, out, down):
        y = self.norm(x, inputs, side)
        y = self.conv(y, inputs, width, 3, side, side)
        y = self.norm(y, width, side)
        y = self.prelu(y, width, side)
        y = self.conv(y, width, width, 3, side, out)
        y = self.norm(y, width, out)
        if down:
            x = self.norm(self.conv(x, inputs, width, 1, side, out), width, out)
        both = lambda grad: [grad, grad]
        return self.record([y.number, x.number], y.tensor, [], both)

    def forward(self):
        if self.grads is not None and not self.rebuilt:
            self.rebuilt, self.buckets = True, []
            self.buckets = self.bucketed(self.arrive)
        self.tape = []
        x = self.conv(None, 3, 64, 3, 112, 112)
        x = self.prelu(self.norm(x, 64, 112), 64, 112)
        for shape in self.blocks():
            x = self.block(x, *shape)
        x = self.norm(x, 512, 7)
        wide = self.new(self.images * 512 * 49)

        def linear(grad):
            given = self.new(self.images * 512 * 49)
            self.parameter(self.new(512 * 49 * 512))
            self.parameter(self.new(512))
            return [given]

        def last(grad):
            given = self.new(self.images * 512)
            self.parameter(self.new(512))
            return [given]

        narrow = lambda given: [self.act(512, 7)]
        y = self.new(self.images * 512)
        x = self.record([x.number], y, [wide], linear, narrow)
        del wide
        y = self.new(self.images * 512)
        saved = [x.tensor, self.new(512), self.new(512)]
        self.features = self.record([x.number], y, saved, last)

    def backward(self):
        self.made = [] if self.grads is None else None
        grads = {self.features.number: self.new(self.images * 512)}
        self.features = None
        while self.tape:
            inputs, number, saved, derivative, convert = self.tape.pop()
            given = derivative(grads[number])
            del grads[number], saved, derivative
            if convert:
                given = convert(given)
            for at, grad in zip(inputs, given):
                if at is None:
                    continue
                if at in grads:  # of the same size
                    grad = Tensor(self.memory, grad.block.size, 1)
                grads[at] = grad
            del given, grad
        if self.made is not None:
            self.grads, self.made = self.made, None

    def update(self):
        momentum = []
        for size in self.sizes:
            decayed = self.new(size)
            if self.momentum is None:
                momentum.append(self.new(size))
        self.momentum = self.momentum or momentum


class Head:
    """PartialFC with ArcFace, whose rank has `owned` of the batch's classes."""

    def __init__(self, memory, batch, rows, sampled, owned, size=512):
        self.memory, self.size = memory, size
        self.batch, self.all_rows, self.owned = batch, rows, owned
        self.partial = sampled != rows
        self.sampled = sampled
        self.weight, self.momentum = self.new(rows * size), self.new(rows * size)
        self.rows = self.rows_momentum = self.index = self.grad = None

    def new(self, elements, size=4, stream="default"):
        return Tensor(self.memory, elements, size, stream)

    def logits(self):
        return self.new(self.batch * self.sampled)

    def own(self):
        return self.new(self.owned * self.sampled)

    def centers(self, stream="centers"):
        return self.new(self.sampled * self.size, 4, stream)

    def sample(self):
        keys = self.new(self.all_rows, 4, "centers")
        values = self.new(self.sampled, 4, "centers")
        index = self.new(self.sampled, 8, "centers")
        del values
        ascending = self.new(self.sampled, 8, "centers")
        order = self.new(self.sampled, 8, "centers")
        self.index = ascending
        del order, index
        rows, momentum = self.centers(), self.centers()
        self.rows, self.rows_momentum, self.grad = rows, momentum, None

    def step(self):
        labels = self.new(self.batch, 8, "centers")
        if self.partial:
            self.sample()
        norms = self.new(self.sampled, 4, "centers")
        clamped = self.new(self.sampled, 4, "centers")
        unit = self.centers()
        features = self.new(self.batch * self.size)
        self.new(self.batch * self.size)  # what NCCL gathers into
        logits = self.logits()
        # losses.py: acos_ and cos_ save a copy of what they overwrite
        m_hot = self.own()
        before_acos = self.logits()
        indexed = self.own()
        before_cos = self.logits()
        del m_hot, indexed
        # partial_fc.py
        shifted = self.logits()
        exp = self.logits()
        del shifted
        one_hot = self.own()
        gathered = self.own()
        del gathered
        gathered = self.own()
        del gathered
        # derivatives.yaml; a line's temporaries live to its end
        grad = self.logits()  # mul_
        temporaries = [self.logits(), self.logits()]  # -self.sin()
        grad = self.logits()
        del temporaries, before_cos
        others = self.logits()  # index_put_: self
        zeros = self.own()
        del zeros
        values = self.own()  # index_put_: values
        del grad
        scattered = self.logits()  # index
        del values
        grad = self.logits()  # both
        del others, scattered
        temporaries = [self.logits() for _ in range(5)]  # -((-self*self+1).rsqrt())
        grad = self.logits()
        del temporaries, before_acos
        of_unit = self.centers("default")
        of_features = self.new(self.batch * self.size)
        del grad
        # normalize: input / norm; derivatives are in alphabetical order: other
        temporaries = [self.centers() for _ in range(3)]  # -grad, ((self/other)/other)
        of_norms = self.centers()
        del temporaries
        quotient = self.centers()  # self
        del of_unit
        summed = self.new(self.sampled, 4, "centers")
        del of_norms
        scaled = self.centers()
        both = self.centers()
        if self.grad is None:
            self.grad = both

    def update(self):
        self.centers("default")


def memory(images, ranks, rows, sampled, owned):
    """Bytes of one rank, and of one without a head."""
    both = []
    for head in True, False:
        allocator = Allocator()
        backbone = Backbone(allocator, images)
        if head:
            centers = Head(allocator, images * ranks, rows, sampled, owned)
        for _ in range(STEPS):
            backbone.load()
            backbone.forward()
            if head:
                centers.step()
            backbone.backward()
            backbone.update()
            if head:
                centers.update()
        both.append(allocator.reserved)
    return both


def passes(sampled):
    """Over the logits, over the rows of owned classes, over the class centers."""
    forward = 1 + (2 + 2) + (2 + 2) + 2 + 1 + 2 + 2 + 1 + 2 + 2
    # mul_; sin, -, *; index_put_ and index; +; -, *, +, rsqrt, -, *; products
    backward = 2 + (2 + 2 + 3) + (2 + 1) + 3 + (2 + 3 + 2 + 2 + 2 + 3) + 2
    # zeros; [], +=, []=; one_hot; []; [], -=, []=; zeros, put; [], added
    owned = 1 + (2 + 3 + 2) + 1 + 2 + (2 + 3 + 2) + (1 + 2) + (2 + 3)
    # norm, /; two products, their gradient; /; -, /, /, *; sum; *; +
    centers = (1 + 2) + (1 + 1 + 1) + 2 + (2 + 2 + 2 + 3) + 1 + 2 + 3
    # weight decay, momentum, rows, zero_grad; gathered, put back or grad +=
    centers += 3 + (2 + 3) + 3 + 1 + ((2 + 2) + (2 + 2) if sampled else 3)
    return forward + backward, owned, centers
