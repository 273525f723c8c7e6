"""The native loop over steps, as text for the same compiler as the kernels. It knows nothing of any program.

Every worker runs it at the same time, each with a ``code`` of its own: a program bound to sizes and memory, see
``calls.py``. ``table`` is [guard address, guard bytes, gathers, scalars, records, then their entries]: a gather is
(data, row bytes, slot, how many words of the codes hold its address, where they are), a scalar (values, bytes, slot), a
record (slot, bytes, results). Rows that follow each other in the data are used where they are.
"""

import re
from textwrap import indent

# One entry: a call, or a loop over time whose calls take the time as an argument.
ENTRY = """
start, calls, turns, time, move, patches = position, 1, 1, 0, 0, 0
if code[position] == 0:
    start, calls, turns = position + 2 + code[position + 1], code[position + 6], code[position + 2]
    time, move, patches = code[position + 3], code[position + 4], code[position + 1] - 5
place = start
for turn in range(turns):
    for patch in range(patches):
        code[position + code[position + 7 + patch]] = time
    place = start
    for inner in range(calls):
        call_kernel(code[place], address(code, place + 2), code[place + 1])
        place += 2 + code[place + 1]
    time += move
position = place
"""
HEADER = 9  # integers of a code before its entries
BARRIER = "call_kernel({0}[4], address({0}, 6), 3)"  # wait for the other workers
# Nothing has been done where the work is given up before every worker has come.
BEGIN = f"""
{BARRIER}
if pointer_int64({{0}}[6])[8 * {{0}}[8]] != 0:
    return
"""

RUN = f"""
def run(code, phase):
{indent(BEGIN.format("code"), "    ")}
    position, first, last = {HEADER}, 0, code[0]
    if phase == 1:
        first, last = code[0], code[0] + code[1]
    for entry in range(first):
        words = code[position + 1]
        position += 2 + words
        if code[position - 2 - words] == 0:
            position += code[position + 3 - words]
    for entry in range(first, last):
{indent(ENTRY, "        ")}
    {BARRIER.format("code")}
"""

EPOCH = f"""
def epoch(full, short, order, table, done, begin, end, samples, batch):
{indent(BEGIN.format("full"), "    ")}
    for step in range(begin, end):
        start = step * batch
        code = full
        if batch > samples - start:
            code = short
        if step > begin:
            {BARRIER.format("code")}
        entry = 5
        rows, follow = min(batch, samples - start), 1
        while follow < rows and order[start + follow] == order[start] + follow:
            follow += 1
        for gather in range(table[2]):
            source, width, target = table[entry], table[entry + 1], table[entry + 2]
            if follow == rows:
                target = source + order[start] * width
            else:
                for row in range(code[2], code[3]):
                    copy_bytes(target + row * width, source + order[start + row] * width, width)
            entry += 4
            for patch in range(table[entry - 1]):
                pointer_int64(table[entry])[0] = target
                entry += 1
        for scalar in range(table[3]):
            copy_bytes(table[entry + 2], table[entry] + step * table[entry + 1], table[entry + 1])
            entry += 3
        position = {HEADER}
        for part in range(code[0]):
{indent(ENTRY, "            ")}
        for record in range(table[4]):
            copy_bytes(table[entry + 2] + step * table[entry + 1], table[entry], table[entry + 1])
            entry += 3
        if table[1] == 8:
            value = pointer_float64(table[0])[0]
            if value - value != 0.0:
                break
        if table[1] == 4:
            single = pointer_float32(table[0])[0]
            if single - single != 0.0:
                break
        for part in range(code[1]):
{indent(ENTRY, "            ")}
        done[0] = step + 1
    {BARRIER.format("full")}
"""


def flushing(source: str) -> str:
    """``source``, one function, with denormal numbers taken for zero from its beginning to each of its ends."""
    head, _, body = source.strip("\n").partition("\n")
    body = re.sub(r"^( *)return$", r"\1restore_denormals(control)\n\1return", body, flags=re.MULTILINE)
    return f"{head}\n    control = flush_denormals()\n{body.rstrip()}\n    restore_denormals(control)\n"


TRAINING_RUN, EPOCH = flushing(RUN), flushing(EPOCH)
RUN_PARAMETERS = ("int*", "size")
EPOCH_PARAMETERS = ("int*",) * 5 + ("size",) * 4


def sources(training: bool) -> list[tuple[str, str, tuple[str, ...], str]]:
    """The functions that run a program, and in training also its epochs: name, text, types of parameters, type."""
    run = ("run", TRAINING_RUN if training else RUN, RUN_PARAMETERS, "float64")
    return [run, ("epoch", EPOCH, EPOCH_PARAMETERS, "float64")] if training else [run]
