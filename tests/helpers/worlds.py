"""Small worlds whose answers are known, shared by the tests of models and training."""

from pathlib import Path

import numpy as np
import polars as pl
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.features import write_features
from goeswith.data.outfits import Outfits
from goeswith.models import TrainingData, Vocabulary

GROUPS = {"shirt": "top", "skirt": "bottom", "boots": "shoes", "tote": "bag"}


def styles_world(
    outfits: int = 400, styles: int = 4, each: int = 12, dim: int = 16, seed: int = 0
) -> tuple[Catalogue, Outfits, np.ndarray]:
    """Items of the four categories in `styles` hidden styles; an outfit goes together when all its items share one.

    Features (U, dim) >= 0 show the style with noise. Outfits are split 7:1:2.
    """
    generator = np.random.default_rng(seed)
    names = list(GROUPS)
    category, style = np.divmod(np.arange(len(names) * styles * each) // each, styles)
    catalogue = Catalogue(
        pl.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(len(category))],
                "category": [names[c] for c in category],
                "group": [GROUPS[names[c]] for c in category],
            }
        )
    )
    prototypes = generator.random((styles, dim)) * (generator.random((styles, dim)) < 0.5) * 2
    features = np.maximum(prototypes[style] + 0.15 * generator.standard_normal((len(category), dim)), 0)
    worn = generator.integers(0, styles, outfits)
    lengths = generator.integers(2, len(names) + 1, outfits)
    lists = [
        [f"i{(c * styles + worn[o]) * each + generator.integers(each)}" for c in range(lengths[o])]
        for o in range(outfits)
    ]
    splits = np.where(np.arange(outfits) % 10 < 7, "train", np.where(np.arange(outfits) % 10 == 7, "valid", "test"))
    frame = pl.DataFrame(
        {"outfit_id": [f"o{o}" for o in range(outfits)], "item_ids": lists, "split": splits, "source": "made"}
    )
    return catalogue, Outfits.from_frame(frame, catalogue), features.astype(np.float32)


def styles_data(outfits: int = 200) -> TrainingData:
    """The world of `styles_world` as a model in training sees it."""
    catalogue, made, features = styles_world(outfits=outfits)
    return TrainingData(
        catalogue=catalogue,
        features=torch.from_numpy(features),
        categories=torch.from_numpy(Vocabulary.of(catalogue).codes(catalogue)),
        usable=np.ones(len(catalogue), dtype=bool),
        train=made.split("train"),
        valid=made.split("valid"),
    )


def styles_dataset(folder: Path, name: str = "styles", seed: int = 0, number: int = 400) -> Dataset:
    """The world of `styles_world` as an imported data set with features of an encoder called ``made``.

    number: of outfits.
    """
    catalogue, outfits, features = styles_world(number, seed=seed)
    sources = np.where(np.arange(len(outfits)) // 10 % 2, "users", "designers")
    frame = outfits.to_frame(catalogue).with_columns(source=pl.Series(sources))
    imported = Imported(items=catalogue.items.drop("image"), outfits=frame, source="made for a test", licence="none")
    dataset = create(imported, folder / name, layout="test")
    write_made(dataset, dataset.catalogue.ids, features)
    return dataset


def write_made(dataset: Dataset, ids: list[str], values: np.ndarray, encoder: str = "made") -> None:
    """Features of an encoder for some items of a data set."""
    path = dataset.path / "features" / f"{encoder}.safetensors"
    write_features(path, [values], values.shape, item_ids=ids, encoder=encoder, catalogue=dataset.catalogue)
