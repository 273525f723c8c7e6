"""A model: equations, and the values of its parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdl.arrays import by_name
from symdl.errors import InputError
from symdl.expr.sizes import shape_text
from symdl.refusals import REFUSALS
from symdl.train.arrays import check_data
from symdl.train.declaration import Declaration, declare
from symdl.train.programs import Built, Where, draws, evaluation, needed, prediction
from symdl.train.step import LOSS
from symdl.train.values import Values


class Model:
    """A model declared by the equations of one sample.

    Args:
        loss: The cost C_i of one sample, a scalar: fitting minimises its mean over the data. Terms in parameters alone
            are counted once.
        parameters: The symbols to be learned.
        inputs: The symbols that ``predict`` needs, those of one sample.
        targets: The other symbols of a sample. One declared ``one_hot=True`` takes integer labels as well as rows.
        outputs: What ``predict`` returns, expressions by name.
        init: Initial values by parameter: an initializer of ``sd.init``, an array or a number. By default Glorot's
            uniform distribution for matrices, and zeros for vectors and scalars.
        batch: A size symbol, where the equations speak of a whole batch: the axis of that size is the sample's. The
            loss is then taken as it is.
        sizes: Values of symbolic sizes that no array carries.
        seed: Seed of the initial values.

    Raises:
        ShapeError: if the loss is not a scalar.
        DerivationError: if the loss does not depend on a parameter.
        InputError: if a symbol is neither parameter nor data, or an initial value does not fit.
    """

    def __init__(
        self,
        loss: Any,
        parameters: Any,
        inputs: Any = (),
        targets: Any = (),
        outputs: Mapping[str, Any] | None = None,
        init: Mapping[Any, Any] | None = None,
        batch: Any = None,
        sizes: Mapping[Any, int] | None = None,
        seed: int = 0,
    ) -> None:
        self._declare(declare(loss, parameters, inputs, targets, outputs, batch), init, sizes, seed)

    def _declare(
        self,
        declared: Declaration,
        init: Mapping[Any, Any] | None,
        sizes: Mapping[Any, int] | None,
        seed: int,
    ) -> None:
        self.declared = declared
        self.parameters = Values(self.declared, init or {}, sizes or {}, seed)
        self.training: Any = None  # the state of an unfinished or finished training, kept for save and resume
        self.history: Any = None  # of the last training, finished or not
        self._built: dict[Any, Built] = {}

    @property
    def values(self) -> Mapping[str, np.ndarray]:
        """The parameters' values by name, read-only; change them with ``set_values``.

        Raises:
            InputError: while sizes are symbols that no array has fixed yet.
        """
        return self.parameters.view(self.parameters.names)

    @property
    def states(self) -> Mapping[str, np.ndarray]:
        """The values of ``sd.state``s by name, read-only; change them with ``set_states``."""
        return self.parameters.view(self.parameters.carried)

    def set_values(self, values: Mapping[Any, Any]) -> None:
        """Set parameters by name or symbol; those not given stay as they are.

        Raises:
            InputError: for an unknown name, a wrong shape, or values that are not finite real numbers.
        """
        self.parameters.put(values)
        self.training = None

    def set_states(self, values: Mapping[Any, Any]) -> None:
        """Set states by name or symbol; those not given stay as they are. Errors as for ``set_values``."""
        self.parameters.put_states(values)
        self.training = None

    def initialise(self, seed: int) -> None:
        """Draw new initial values from a seed; while a size is unknown, they wait for the data that fix it."""
        self.parameters.initialise(seed)
        self.training = None

    def predict(
        self,
        data: Mapping[Any, Any] | None = None,
        *,
        target: str = "cpu",
        dtype: str | None = None,
        seed: int = 0,
        samples: int | None = None,
    ) -> dict[str, Any]:
        """Return the outputs for any number of samples, by name, with the sample as the first axis.

        Args:
            data: The inputs, by name or symbol; those that no output depends on may be left out.
            target: ``cpu``, ``numpy`` or ``cuda``.
            dtype: ``float32`` or ``float64``; that of the parameters' values by default.
            seed: Of random draws that prediction has too, as those of a generator of images; dropout has none. The k-th
                sample draws the same numbers in every call with a seed.
            samples: The number of samples where no input has it: for a generator, whose outputs need none.

        Raises:
            InputError: for missing or surplus arrays and arrays that do not fit, or a model without outputs.
        """
        if not self.declared.outputs:
            raise InputError("predict: the model has no outputs; pass outputs={'y_hat': y_hat} to Model")
        given = by_name({} if data is None else data, "predict")
        used = {symbol for value in self.declared.outputs.values() for symbol in value.free_symbols}
        wanted = [symbol for symbol in self.declared.inputs if symbol in used or symbol.name in given]
        arrays, count = self.check(given, wanted, "predict")
        if samples is not None and (arrays or isinstance(samples, bool) or not isinstance(samples, int) or samples < 1):
            raise InputError(f"predict: samples={samples!r} is for outputs without inputs, and at least 1")
        count = count if samples is None else samples
        where = self.where(target, dtype)
        built = self.program(("prediction", where), lambda: prediction(self.declared, where))
        known = {**draws(seed, count), **arrays, **self.values, **self.states}
        taken, lengths = needed(built, known, count, self.parameters.sizes)
        missing = [name for name in built.executable.tensors if name not in taken]
        if missing:
            raise InputError(f"predict: the outputs depend on {', '.join(missing)}, which is no input of the model")
        with REFUSALS:
            found = built.executable(taken, lengths)
        return {name: found[name] for name in self.declared.outputs}

    def evaluate(
        self,
        data: Mapping[Any, Any],
        metrics: Any = (),
        *,
        target: str = "cpu",
        dtype: str | None = None,
        seed: int = 0,
    ) -> dict[str, float]:
        """Return the cost over the given samples under ``loss``, and metrics by name; see ``fit`` for their names.

        Those of a ``Program`` are under the names of its groups.
        ``seed`` is that of random draws, as in ``predict``.
        """
        from symdl.train.metrics import resolve

        chosen = resolve(metrics, self.declared)
        arrays, count = self.check(data, self.declared.data, "evaluate")
        loss, outputs = self.cost(arrays, count, self.where(target, dtype), {**self.values, **self.states}, seed)
        return {**loss, **{name: metric(outputs, arrays) for name, metric in chosen.items()}}

    def check(self, data: Any, symbols: Sequence[Any], what: str) -> tuple[dict[str, np.ndarray], int]:
        """Return the arrays for ``symbols`` after all checks, and the number of samples; sizes they carry are fixed."""
        arrays, count, sizes = check_data(data, symbols, self.parameters.constant, self.declared.batch, what)
        self.parameters.bind(sizes)
        return arrays, count

    def cost(
        self, arrays: Mapping[str, np.ndarray], count: int, where: Where, values: Mapping[str, np.ndarray], seed: int
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Return the cost of each group and the outputs for checked arrays and given parameters and states."""
        built = self.program(("evaluation", where), lambda: evaluation(self.declared, where))
        built.executable.threads = where.threads
        known = {**draws(seed, count), **arrays, **values}
        with REFUSALS:
            found = built.executable(*needed(built, known, count, self.parameters.sizes))
        return {name: float(found.pop(f"{LOSS}.{name}")) for name in self.declared.losses}, found

    def program(self, key: Any, make: Any) -> Built:
        """Return the compiled program for a key, made at its first use; the last one used is the last in order."""
        self._built[key] = self._built.pop(key) if key in self._built else make()
        return self._built[key]

    def training_program(self) -> Built:
        """Return the compiled step that the model was last trained with.

        Raises:
            InputError: if it has not been trained in this process.
        """
        for key, built in reversed(self._built.items()):
            if key[0] == "training":
                return built
        raise InputError("training_program: the model has not been trained yet; call sd.fit first")

    def training_programs(self) -> dict[str, Built]:
        """Return the compiled steps that the model was last trained with, by the groups that each of them trains.

        Raises:
            InputError: if it has not been trained in this process.
        """
        last = self.training_program()
        _, where, _, switches = next(key for key, built in self._built.items() if built is last)
        turns = [group.name for group in self.declared.groups]
        same = [key for key in self._built if key[:2] == ("training", where) and key[3] == switches]
        same.sort(key=lambda key: turns.index(key[2][0][0]))
        return {" and ".join(kind[0] for kind in key[2]): self._built[key] for key in same}

    def __getstate__(self) -> dict[str, Any]:
        """Leave compiled programs out of copies and pickles; their kernels are read from the cache, or made anew."""
        return {**self.__dict__, "_built": {}}

    def where(self, target: str, dtype: str | None) -> Where:
        """Return where a program runs, given the sizes that are bound; ``dtype`` is that of the values by default."""
        sizes = tuple(sorted(self.parameters.constant.items(), key=str))
        return Where(sizes, target, dtype or self.parameters.dtype)

    def gradients(self) -> dict[str, Any]:
        """Return the gradient of the loss as declared (that of one sample) with respect to each parameter, by name."""
        from symdl.calculus import grad

        found: dict[str, Any] = {}
        for group in self.declared.groups:
            derived = grad(group.loss, list(group.parameters))
            found |= {symbol.name: gradient for symbol, gradient in zip(group.parameters, derived, strict=True)}
        return found

    def save(self, path: Any) -> None:
        """Write equations, values and the state of training to a safetensors file, atomically; ``sd.load`` reads it.

        The folder of the file is made where it is missing.
        """
        from symdl.train.checkpoint import save

        save(path, self)

    def _repr_latex_(self) -> str:
        from symdl.train.equations import model_latex

        return f"$\\displaystyle {model_latex(self.declared)}$"

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{symbol.name} {shape_text(self.parameters.shape(symbol))}" for symbol in self.declared.parameters
        )
        return f"<{type(self).__name__} with parameters {shapes}>"
