"""Models are built within bounds, and without torch's compiler."""

import subprocess
import sys

import pytest
import torch

from goeswith.models import MODELS, Vocabulary, model_classes
from goeswith.train.size_limit import SizeLimit, TooLargeError

WORDS = Vocabulary(("shirts", "trousers", "boots"), ("top", "bottom", "shoes"))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_fits_is_built_as_without_a_bound_and_a_larger_one_is_not(name: str) -> None:
    model, config = model_classes(name)
    torch.manual_seed(3)
    alone = model(config(), 24, WORDS).state_dict()
    numbers = sum(value.numel() for value in alone.values())
    torch.manual_seed(3)
    with SizeLimit(4 * numbers):
        bounded = model(config(), 24, WORDS).state_dict()
    assert all(torch.equal(bounded[key], value) for key, value in alone.items())
    with pytest.raises(TooLargeError), SizeLimit(4 * numbers):
        model(config(), 1 << 40, WORDS)


def test_shapes_are_counted_in_every_form() -> None:
    with SizeLimit(25):
        torch.zeros(2, 3), torch.ones((2, 3)), torch.empty(size=(2, 3)), torch.rand([2, 3]), torch.randn(())
    for make in (lambda: torch.zeros(5, 5), lambda: torch.empty((5, 5)), lambda: torch.randn(size=[5, 5])):
        with pytest.raises(TooLargeError), SizeLimit(24):
            make()


@pytest.mark.slow
def test_building_models_does_not_load_torchs_compiler() -> None:
    program = """
import sys
from goeswith.models import MODELS, Vocabulary, model_classes
from goeswith.train.size_limit import SizeLimit
for name in MODELS:
    model, config = model_classes(name)
    with SizeLimit(1 << 30):
        model(config(), 24, Vocabulary(("shirts", "boots"), ("top", "shoes")))
    assert "torch._dynamo" not in sys.modules, name
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
