"""``fit``: data in, trained values out. The stages are in ``Training``; this file is what users read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from symdl.optimizers.optimizer import Optimizer
from symdl.train.history import History
from symdl.train.model import Model
from symdl.train.options import EarlyStopping, Options, callbacks_of, decay_of, names_of, optimizers_of, stopping_of
from symdl.train.progress import progress as progress_bar
from symdl.train.training import Training


def fit(
    model: Model,
    data: Any = None,
    *,
    optimizer: Optimizer | Mapping[str, Optimizer] | None = None,
    epochs: int = 10,
    batch_size: int | None = None,
    validation: Any = None,
    metrics: Any = (),
    target: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    threads: int | None = None,
    shuffle: bool = True,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    weight_decay: Any = 0.0,
    frozen: Any = (),
    sample_weights: Any = None,
    early_stopping: EarlyStopping | int | None = None,
    callbacks: Any = (),
    checkpoint: Any = None,
    resume: Any = False,
    progress: bool | None = None,
) -> History:
    """Minimise the mean of the model's loss over data; ``model.values`` are trained in place.

    A model whose values have not been set, loaded or trained before draws them anew from ``seed``.

    Args:
        model: The model.
        data: Arrays by name or symbol, for inputs and targets, with one row for each sample; or a collection of such
            mappings, one for each batch, which is gone through once for each epoch.
        optimizer: One of ``sd.optimizers``; Adam by default. For a ``Program`` one for all groups, or a mapping from
            their names, in place of the groups' own. A program from a file has lost them: they must be given.
        epochs: The number of passes over the data, those of a resumed training included.
        batch_size: Samples for each step; all by default. A last batch that is short counts by its own size.
        validation: A share of the data, in (0, 1), to be set aside at random, or other data of the same names.
        metrics: Names (accuracy, mse, rmse, mae, r2), functions of (y, ŷ), or {name: (metric, output, target)}; after
            each epoch, on the validation data where there are some.
        target: ``cpu``, ``numpy`` or ``cuda``.
        dtype: ``float32`` or ``float64``.
        seed: Of the initial values, the order of the samples, the choice of the validation data, and random draws. A
            draw depends on the seed, the step and the number of the sample in the data, not on the batches.
        threads: How many threads work together, for ``cpu``; by default SYMDL_NUM_THREADS, or else as many as there
            are processors for this process. The trained values do not depend on it, to the bit. ``numpy`` and ``cuda``
            ignore it.
        shuffle: Whether each epoch takes the samples in another order; of no consequence for whole batches.
        clip_norm: Scale the gradient over all parameters to this norm where it is longer. Book §5.4.
        clip_value: Limit each element of the gradient to [-clip_value, clip_value], before ``clip_norm``.
        weight_decay: λ ≥ 0, for all parameters or by name: λθ is added to the gradient, after clipping. ``AdamW`` has a
            decoupled one of its own.
        frozen: Parameters that keep their values, names or symbols.
        sample_weights: w_i ≥ 0 for each sample: the cost is then (1/n) Σ w_i C_i + R. Validation is not weighted.
        early_stopping: A patience in epochs, or ``EarlyStopping``; needs validation data and keeps the best values.
        callbacks: Functions of (model, history), called after each epoch; one that returns True ends the training.
        checkpoint: A path that receives a checkpoint after each epoch, atomically; folders are made where missing.
        resume: The path of a checkpoint to continue from, or True to continue the model's own training. The result is
            bit for bit that of an uninterrupted training.
        progress: Whether to show a progress bar; on terminals by default.

    Returns:
        The history. If the loss stops being finite, training ends with a warning, ``history.stopped`` says where, and
        the last good values are kept.

    Raises:
        InputError: for data or options that do not fit the model, such as a batch of one sample, be it a last one that
            is short, where the model takes deviations from the mean over the batch (batch normalisation).
        CheckpointError: for a checkpoint that cannot be read or belongs to another model or training.
    """
    declared = model.declared
    options = Options(
        optimizers=optimizers_of(optimizer, declared),
        epochs=epochs,
        batch_size=batch_size,
        metrics=metrics,
        target=target,
        dtype=dtype,
        seed=seed,
        threads=threads,
        shuffle=shuffle,
        clip_norm=clip_norm,
        clip_value=clip_value,
        weight_decay=decay_of(weight_decay, declared),
        frozen=names_of(frozen, declared, "frozen"),
        early_stopping=stopping_of(early_stopping),
        callbacks=callbacks_of(callbacks),
        checkpoint=None if checkpoint is None else Path(checkpoint),
        resume=resume if isinstance(resume, bool) else Path(resume),
        progress=progress,
    )
    training = Training(model, {} if data is None else data, validation, sample_weights, options)
    with progress_bar(epochs, progress) as show:
        return training.run(show)
