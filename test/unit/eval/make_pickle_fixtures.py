"""Prints entries of PickleFixtures.inc: small verification sets as one Python
pickles them. Runs on Python 2.7 and 3; needs numpy.

    python make_pickle_fixtures.py NAME [bytes] [array] [column] ...

The stored ones come from Python 2.7 with numpy 1.16, Python 3.11 with numpy
1.26 and Python 3.13 with numpy 2.5; PickleReaderTest.cpp holds the contents
they must have."""
import base64
import pickle
import sys

import numpy as np

images = [bytes(bytearray([0xFF, 0xD8, i, 0, 10, 92, 39, 200, 26]))
          for i in range(3)]
images.append(bytes(bytearray(range(256))) + b"\\u0041'\"")
same = [True, False]


def arrays(shape):
    return [np.frombuffer(b, np.uint8).copy().reshape(shape) for b in images]


sets = {
    "bytes": lambda: (images, same),
    "array": lambda: (arrays(-1), [np.bool_(s) for s in same]),
    "column": lambda: (arrays((-1, 1)), np.array(same)),
}
for name in sys.argv[2:]:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(sets[name](), protocol)
        text = base64.b64encode(data).decode("ascii")
        print('{"%s_%s_%d",' % (sys.argv[1], name, protocol))
        for i in range(0, len(text), 74):
            print(' "%s"' % text[i:i + 74])
        print("},")
