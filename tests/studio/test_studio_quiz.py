"""The quiz: nothing of the answer before a choice, and a fair count for both."""

import re

import numpy as np

from goeswith.studio.pages import quiz


def test_the_quiz_shows_nothing_of_the_answer_before_there_is_a_choice(client, wall, monkeypatch):
    before = client.get("/quiz?seed=4").text
    frame = quiz.questions(wall)
    other = frame.with_columns(answer=(frame["answer"] + 1) % 4)
    monkeypatch.setattr(quiz, "questions", lambda wall: other)
    assert client.get("/quiz?seed=4").text == before
    assert client.get("/quiz?seed=4&choice=9").text.count('name="choice"') == 4  # no such choice: asked again


def test_the_quiz_counts_for_both(client, wall):
    frame = quiz.questions(wall)
    rows = wall.index.scorer
    you = model = 0
    for number, place in enumerate(quiz.order(len(frame), 4)[:6].tolist()):
        row = frame.row(place, named=True)
        text = client.get(f"/quiz?seed=4&asked={number}&you={you}&model={model}&choice=1").text
        outfits = [
            [*row["context"][: row["position"]], one, *row["context"][row["position"] :]] for one in row["candidates"]
        ]
        scores = [
            float(rows.score(np.array([[wall.row(one) for one in ids]]), np.ones((1, len(ids)), bool))[0])
            for ids in outfits
        ]
        you += row["answer"] == 1
        model += scores[row["answer"]] == max(scores) and scores.count(max(scores)) == 1
        assert f'id="you">{you}</b><small>of {number + 1}' in text
        assert f'id="model">{model}</b>' in text
        assert f"asked={number + 1}" in text
        assert text.count("<b>worn</b>") == 1


def test_the_quiz_starts_with_a_seed_and_never_ends(client, wall):
    first = client.get("/quiz", follow_redirects=False).headers["location"]
    assert re.fullmatch(r"/quiz\?seed=\d+", first)
    assert client.get(f"/quiz?seed=4&asked={10 * len(quiz.questions(wall))}").status_code == 200
