"""The quiz: nothing of the answer before a choice, and a fair count for both."""

import io
import re
from dataclasses import replace

import numpy as np
from answers import Parts
from PIL import Image

from goeswith.errors import DataError
from goeswith.shop.contributions import pair_matrix
from goeswith.studio.pages import quiz, quiz_card
from goeswith.studio.pages.quiz_reasons import reason


def test_the_quiz_shows_nothing_of_the_answer_before_there_is_a_choice(client, view, monkeypatch):
    before = client.get("/quiz?seed=4").text
    frame = quiz.questions(view)
    other = frame.with_columns(answer=(frame["answer"] + 1) % 4)
    monkeypatch.setattr(quiz, "questions", lambda view: other)
    assert client.get("/quiz?seed=4").text == before
    assert client.get("/quiz?seed=4&choice=9").text.count('name="choice"') == 4  # no such choice: asked again


def test_the_quiz_counts_for_both(client, view):
    frame = quiz.questions(view)
    rows = view.index.scorer
    you = model = 0
    for number, index in enumerate(quiz.order(len(frame), 4)[:6].tolist()):
        row = frame.row(index, named=True)
        text = client.get(f"/quiz?seed=4&asked={number}&you={you}&model={model}&choice=1").text
        outfits = [
            [*row["context"][: row["position"]], candidate, *row["context"][row["position"] :]]
            for candidate in row["candidates"]
        ]
        scores = [
            float(rows.score(np.array([[view.row(item_id) for item_id in ids]]), np.ones((1, len(ids)), bool))[0])
            for ids in outfits
        ]
        you += row["answer"] == 1
        model += scores[row["answer"]] == max(scores) and scores.count(max(scores)) == 1
        assert f'id="you">{you}</b><small>of {number + 1}' in text
        assert f'id="model">{model}</b>' in text
        assert f"asked={number + 1}" in text
        assert text.count("<b>worn</b>") == 1


def test_a_quiz_says_without_paths_why_it_asks_nothing(client, view, monkeypatch):
    def make(*arguments, **options):
        raise DataError(f"{view.index.dataset}/questions/test.parquet is damaged")

    monkeypatch.setattr(quiz, "KINDS", ())
    monkeypatch.setattr(quiz, "questions", quiz.questions.__wrapped__)
    assert "There are too few outfits that the model has not seen to ask about; add orders" in client.get("/quiz").text
    monkeypatch.setattr(quiz, "questions", make)
    text = client.get("/quiz?seed=4").text
    assert "A file of the data set cannot be used; the log of the service names it." in text
    assert str(view.index.dataset) not in text


def test_a_quiz_without_questions_asks_none(client, monkeypatch):
    def none(view):
        raise DataError("there are none")

    monkeypatch.setattr(quiz, "questions", none)
    text = client.get("/quiz?seed=4").text
    assert "There are none." in text
    assert "Question 1" not in text
    assert 'id="you"' not in text


def test_choices_that_are_no_outfit_are_not_labelled_with_what_they_lack(client, monkeypatch):
    scored = quiz.scored
    monkeypatch.setattr(
        quiz, "scored", lambda *some: [replace(look, findings=("needs a bottom",)) for look in scored(*some)]
    )
    assert "needs a bottom" not in client.get("/quiz?seed=4&choice=1").text


def test_the_quiz_starts_with_a_seed_and_ends_with_a_card(client):
    first = client.get("/quiz", follow_redirects=False).headers["location"]
    assert re.fullmatch(r"/quiz\?seed=\d+", first)
    for you, model, words in (
        (7, 4, "You beat the model, 7 to 4"),
        (2, 9, "The model beats you, 9 to 2"),
        (5, 5, "A draw"),
    ):
        text = client.get(f"/quiz?seed=4&asked={quiz.ROUND}&you={you}&model={model}").text
        assert words in text
        assert 'name="choice"' not in text
        card = client.get(Parts(text).of("img", **{"class": "scorecard"})[0]["src"])
        assert Image.open(io.BytesIO(card.content)).size == quiz_card.SIZE
    assert client.get(f"/quiz?seed=4&asked={quiz.ROUND - 1}").text.count('name="choice"') == quiz.CHOICES
    assert client.get("/quiz/card?you=99999&model=-4&asked=0").headers["content-type"] == "image/png"


def test_the_reason_is_true(client, view):
    """What the worn piece is said to share, it shares and no other candidate does; what it is said to go with, too."""
    frame = quiz.questions(view)
    kinds = set()
    for row in frame.head(40).iter_rows(named=True):
        sentence = reason(view, row["context"], row["candidates"], row["answer"])
        items = {
            item_id: view.catalogue.items.row(view.row(item_id), named=True)
            for item_id in (*row["context"], *row["candidates"])
        }
        truth = row["candidates"][row["answer"]]
        if match := re.match(r"It shares the (\w+) of the (.+), (.+); none", sentence):
            kinds.add("shared")
            name, other, value = match.groups()
            assert items[truth][name] == value
            assert any(items[item_id][name] == value and items[item_id]["title"] == other for item_id in row["context"])
            assert not any(items[item_id][name] == value for item_id in row["candidates"] if item_id != truth)
        if match := re.search(r"it goes better with the (.+) than any of the others", sentence):
            kinds.add("paired")
            position = next(
                at for at, item_id in enumerate(row["context"]) if items[item_id]["title"] == match.group(1)
            )
            rows = np.array([[view.row(item_id) for item_id in (*row["context"], c)] for c in row["candidates"]])
            pairs = pair_matrix(view.index.scorer, rows, np.ones(rows.shape, bool))[:, -1, position]
            assert pairs[row["answer"]] == pairs.max()
    assert kinds == {"shared", "paired"}
