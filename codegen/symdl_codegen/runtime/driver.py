"""The native loop over steps, as text for the same compiler as the kernels. It knows nothing of any program.

``code`` is a program bound to sizes and memory: [step calls, update calls, then per call function, count, arguments].
``table`` is [guard address, guard bytes, gathers, scalars, records, then triples]: a gather is (data, row bytes, slot),
a scalar (values, bytes, slot), a record (slot, bytes, results).
"""

RUN = """
def run(code, first, last):
    position = 2
    for call in range(last):
        count = code[position + 1]
        if call >= first:
            call_kernel(code[position], address(code, position + 2), count)
        position += 2 + count
"""

EPOCH = """
def epoch(full, short, order, table, done, begin, end, samples, batch):
    for step in range(begin, end):
        start = step * batch
        count = min(batch, samples - start)
        code = full
        if count != batch:
            code = short
        entry = 5
        for gather in range(table[2]):
            source, width, target = table[entry], table[entry + 1], table[entry + 2]
            for row in range(count):
                copy_bytes(target + row * width, source + order[start + row] * width, width)
            entry += 3
        for scalar in range(table[3]):
            copy_bytes(table[entry + 2], table[entry] + step * table[entry + 1], table[entry + 1])
            entry += 3
        position = 2
        for call in range(code[0]):
            size = code[position + 1]
            call_kernel(code[position], address(code, position + 2), size)
            position += 2 + size
        for record in range(table[4]):
            copy_bytes(table[entry + 2] + step * table[entry + 1], table[entry], table[entry + 1])
            entry += 3
        if table[1] == 8:
            value = pointer_float64(table[0])[0]
            if value - value != 0.0:
                return
        if table[1] == 4:
            single = pointer_float32(table[0])[0]
            if single - single != 0.0:
                return
        for call in range(code[1]):
            size = code[position + 1]
            call_kernel(code[position], address(code, position + 2), size)
            position += 2 + size
        done[0] = step + 1
"""

RUN_PARAMETERS = ("int*", "size", "size")
EPOCH_PARAMETERS = ("int*",) * 5 + ("size",) * 4
