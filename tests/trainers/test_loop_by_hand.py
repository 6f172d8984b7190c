"""An epoch's steps against loops written out with torch's own parts."""

import copy
import itertools

import pytest
import torch
from torch import nn

from artifacts.training_records import Augmentation
from tests.trainers.test_loop import classifier, images, one_epoch, settings
from trainers.augmentation import draw
from trainers.batches import epoch_chunks, generator_for
from trainers.optimization import one_cycle_factor


def test_epoch_takes_the_steps_of_a_loop_written_by_hand() -> None:
    ours = classifier()
    by_hand = copy.deepcopy(ours)
    chosen = settings(optimizer="sgd", lr=0.1, momentum=0.0, schedule="constant", weight_decay=0.02)
    result = one_epoch(ours, chosen)

    pixels, labels = torch.from_numpy(images(21)).float(), torch.arange(21) % 3
    order = torch.cat([chunk.rows for chunk in epoch_chunks(21, 8, seed=7, epoch=1)])
    loss_sum, correct = 0.0, 0
    for start in (0, 8, 16):
        index = order[start : start + 8]
        logits = by_hand.network((pixels[index] - 100) / 70)
        loss = nn.functional.cross_entropy(logits, labels[index], label_smoothing=0.1)
        loss_sum += loss.item() * len(index)
        correct += sum(
            int(row.argmax() == label) for row, label in zip(logits, labels[index], strict=True)
        )
        gradients = torch.autograd.grad(loss, list(by_hand.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(by_hand.parameters(), gradients, strict=True):
                parameter.sub_(0.1 * (gradient + 0.02 * parameter))
    for found, wanted in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert result.loss_sum == pytest.approx(loss_sum, rel=1e-6)
    assert (result.correct, result.examples) == (correct, 21)
    assert (result.loss, result.accuracy) == (result.loss_sum / 21, correct / 21)


def test_epoch_changes_images_anew_chunk_by_chunk_under_one_cycle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second epoch, by torch's own grid, optimizer and schedule."""
    monkeypatch.setattr("trainers.batches.CHUNK_EXAMPLES", 16)
    changes = Augmentation(shift=0.2, rotation=20, scale=0.1, cutout=0.4)
    chosen = settings(optimizer="sgd", lr=0.2, augmentation=changes, loss="mse", epochs=2)
    ours = classifier()
    by_hand = copy.deepcopy(ours)
    stepper = torch.optim.SGD(
        by_hand.parameters(), 0.2, chosen.momentum, weight_decay=1e-3, nesterov=True
    )
    one_epoch(ours, chosen, epoch=2)

    pixels, labels = torch.from_numpy(images(21)).float(), torch.arange(21) % 3
    step = 3
    for number, chunk in enumerate(epoch_chunks(21, 8, seed=7, epoch=2)):
        draws = draw(changes, len(chunk.rows), (4, 4), generator_for(7, 2, number))
        normalized = (pixels[chunk.rows] - 100) / 70
        affine = list(draws.affine_N23.unbind())
        grid = nn.functional.affine_grid(
            torch.stack(affine), list(normalized.shape), align_corners=False
        )
        moved = nn.functional.grid_sample(
            normalized, grid, padding_mode="border", align_corners=False
        )
        for image, (row, column) in zip(moved, draws.cutout_N2.tolist(), strict=True):
            for y, x in itertools.product(range(4), range(4)):
                if max(abs(y + 0.5 - 4 * row), abs(x + 0.5 - 4 * column)) <= 0.4 * 4 / 2:
                    image[0, y, x] = 0
        for rows in torch.split(torch.arange(len(moved)), list(chunk.sizes)):
            batch, answers = moved[rows], labels[chunk.rows[rows]]
            p = by_hand.network(batch).softmax(dim=1)
            target = nn.functional.one_hot(answers, 3) * 0.9 + 0.1 / 3
            stepper.param_groups[0]["lr"] = 0.2 * one_cycle_factor(step, 6)
            stepper.zero_grad()
            ((p - target) ** 2).sum(dim=1).mean().backward()
            stepper.step()
            step += 1
    assert (number, step) == (1, 6)
    for found, wanted in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
