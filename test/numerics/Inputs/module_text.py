"""The text of a module under construction: functions, one for each op and
shape, whose inputs are random and whose results are outputs."""

# A volume of 8192 elements or more makes a parallel kernel, a smaller one a
# serial one. [B,H,W,C]; channels of one vector and a rest, and of several.
SIZES = {"small": (3, 4, 5, 6), "large": (12, 9, 8, 40)}
I64 = "i64"

functions = []  # of the module, in order


def few_channels(element):
    """Makes all sizes ones with one channel, or as many as a pack has."""
    SIZES["small"] = 3, 4, 5, 1
    SIZES["large"] = 2, 3, 3, 4 if element == "f32" else 8


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


def function(*names):
    functions.append(Function("_".join(map(str, names))))
    return functions[-1]


def each_shape(name):
    """A function for a small and one for a large tensor [B,H,W,C]; with it the
    shapes of a channel vector [C] and of statistics [1,C]."""
    for size, x in SIZES.items():
        yield function(name, size), x, x[-1:], (1, x[-1])


def each_matrix(name):
    for rows, size in (5, 7), (96, 100):
        yield function(name, rows, size), (rows, size)


def segments(*present):
    """Which operands of an op with optional ones are there."""
    return "array<i32: %s>" % ", ".join(str(int(bool(p))) for p in present)


def print_module(ranks):
    print("module {\n  shard.grid @ranks(shape = %d)" % ranks)
    for f in functions:
        f.print()
    print("}")
