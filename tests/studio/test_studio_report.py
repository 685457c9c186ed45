"""The report in the studio."""

from answers import Parts

from goeswith.studio.service.source import dataset


def test_the_report_has_the_extremes_of_the_test_outfits(client, wall):
    text = client.get("/report/numbers").text
    data = dataset(wall)
    test = data.outfits.split("test")
    links = [a["href"] for a in Parts(text).of("a") if a.get("href", "").startswith("/board?")]
    outfits = {frozenset(data.catalogue.ids[row] for row in test[at].tolist()) for at in range(len(test))}
    assert len(links) == 12
    assert all(frozenset(part[3:] for part in link.split("?")[1].split("&")) in outfits for link in links)
    assert "no test questions are frozen yet" in text
