"""The transformers Trainer with this project's data order, weighted loss, evaluations, events and atomic checkpoints.

What happens after a step is decided here and nowhere else: record, evaluate, save, stop. The Trainer keeps the loop,
the optimizer, accumulation, clipping, precision and the optional trackers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainingArguments

from medeval.training.curriculum import learning_rate
from medeval.training.losses import weighted_loss
from medeval.training.record import Recorder
from medeval.training.torch_data import MicroBatches, forward_inputs
from medeval.training.torch_dpo import preference, weighted_preference
from medeval.training.torch_model import NEW, Trainee

STATE = "run_state.json"


class LessonTrainer(Trainer):  # type: ignore[misc]
    """One run. Everything that outlives a step is in `recorder` and goes into each checkpoint."""

    def __init__(
        self, trainee: Trainee, batches: MicroBatches, recorder: Recorder, arguments: TrainingArguments
    ) -> None:
        super().__init__(
            model=trainee.model, args=arguments, train_dataset=batches, data_collator=_only, processing_class=None
        )
        self.trainee, self.recorder = trainee, recorder
        self._config = recorder.config
        self._after = -1
        self._tokens = 0
        """Read since the last step."""
        # the loss below is a mean over a micro-batch: the Trainer divides it by the accumulation
        self.model_accepts_loss_kwargs = False
        self.loss_is_scaled_for_ga = False

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LambdaLR:
        """The rate of `medeval.training.curriculum`, the same for every engine."""
        config, total = self._config, num_training_steps
        made = LambdaLR(
            optimizer or self.optimizer, lambda step: learning_rate(config, step, total) / config.learning_rate
        )
        self.lr_scheduler, self._created_lr_scheduler = made, True
        return made

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor:
        """Each sample's answer loss times its weight, averaged over the micro-batch."""
        self._tokens += int(inputs["attention_mask"].sum())
        if self._config.method == "dpo":
            found = preference(self.trainee, model, inputs, self._config)
            self.recorder.count_margins(found.margins.tolist())
            return weighted_preference(found, inputs["weights"])
        logits, labels = answers_of(model, inputs)
        return weighted_loss(logits, labels, inputs["weights"])

    def _maybe_log_save_evaluate(
        self, tr_loss: Tensor, grad_norm: Any, model: Any, trial: Any, epoch: float, ignore_keys_for_eval: Any,
        start_time: float, learning_rate: float | None = None,
    ) -> None:  # fmt: skip
        step = int(self.state.global_step)
        if step in (self._after, self._initial_global_step):
            return
        self._after = step
        loss, tokens = float(tr_loss), self._tokens
        tr_loss -= tr_loss
        self._tokens = 0
        self._globalstep_last_logged = step
        event = self.recorder.after_step(step, loss, float(grad_norm), float(learning_rate or 0.0), tokens)
        if event is not None and self.args.report_to:
            self.log({key: event[key] for key in ("loss", "grad_norm", "lr", "tokens_per_second") if key in event})
        if self.recorder.due_for_evaluation(step):
            measured = self.recorder.evaluate(step)
            if self.args.report_to and measured:
                self.log(measured)
        if self.recorder.due_for_checkpoint(step):
            self.recorder.save(step, self._write_checkpoint)
        if self.recorder.should_end(step):
            self.control.should_training_stop = True

    def _write_checkpoint(self, folder: Path) -> None:
        """Weights, optimizer, schedule, random numbers and the Trainer's own state."""
        save_weights(self.trainee, folder)
        self._save_optimizer_and_scheduler(str(folder))
        self._save_rng_state(str(folder))
        self.state.save_to_json(str(folder / "trainer_state.json"))
        (folder / STATE).write_text(json.dumps(self.recorder.state()), "utf-8")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_weights(self.trainee, Path(resume_from_checkpoint))
        self.recorder.restore(json.loads((Path(resume_from_checkpoint) / STATE).read_text("utf-8")))


def answers_of(model: Any, inputs: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Logits and labels of the positions that hold answers, [rows, keep, vocabulary] and [rows, keep]."""
    keep = int(inputs["keep"])
    logits: Tensor = model(**forward_inputs(inputs)).logits
    return logits, inputs["labels"][:, -keep:]


def save_weights(trainee: Trainee, folder: Path) -> None:
    """What was trained, in full precision: the new adapter alone, or in full fine-tuning the whole model."""
    if trainee.adapted:
        trainee.model.save_pretrained(str(folder), selected_adapters=[NEW])
        (folder / "README.md").unlink(missing_ok=True)
    else:
        trainee.model.save_pretrained(str(folder))


def load_weights(trainee: Trainee, folder: Path) -> None:
    """Puts a checkpoint's weights into the model under training, exactly."""
    from safetensors.torch import load_file

    if not trainee.adapted:
        values: dict[str, Tensor] = {}
        for file in sorted(folder.glob("*.safetensors")):
            values |= load_file(file)
        trainee.model.load_state_dict(values, strict=False)
        return
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(trainee.model, load_file(folder / "adapter_model.safetensors"), adapter_name=NEW)


def _only(items: list[dict[str, Any]]) -> dict[str, Any]:
    """A micro-batch is made whole by the data set."""
    return items[0]
