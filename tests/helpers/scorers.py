"""Small models as scorers of a small catalogue."""

import numpy as np
from small_models import small
from worlds import styles_data

from goeswith.models import Vocabulary
from goeswith.train.scorers import RunScorer
from goeswith.train.scoring import encode


def scorer_of(name: str, **settings: object) -> tuple[RunScorer, np.ndarray, np.ndarray]:
    data = styles_data()
    model = small(name, data.features.shape[1], Vocabulary.of(data.catalogue), **settings).eval()
    model.observe(data)
    states = encode(model, data.features, data.categories)
    return RunScorer(name, model, states, data.usable), *(part[:6] for part in data.valid.padded())
