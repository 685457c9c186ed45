"""Every model with small settings."""

import torch

from goeswith.models import Vocabulary, model_classes

SMALL = {
    "two-tower": {"hidden": 32},
    "add-gnn": {"attributes": 3, "hidden": 8},
    "akd-dbpr": {"hidden": 32, "sides": "groups"},
    "teacher": {"attributes": 3, "rank": 8},
    "ngnn": {"hidden": 8},
    "type-aware": {"size": 8},
    "csa-net": {"size": 8},
    "sce-net": {"size": 8},
    "bilstm": {"hidden": 16, "pool_size": 40},
    "outfit-transformer": {"hidden": 16, "layers": 2, "heads": 2, "feedforward": 32},
    "bpr-dae": {"hidden": 16},
    "group-towers": {"hidden": 32, "size": 16, "dropout": 0.2},
}


def small(name: str, dim: int, words: Vocabulary, **settings: object):
    model_class, config_class = model_classes(name)
    torch.manual_seed(0)
    return model_class(config_class(**SMALL[name] | settings), dim, words)
