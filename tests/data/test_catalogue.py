from __future__ import annotations

from cascade.data.catalogue import DATASETS, DataFile

FILES = [file for dataset in DATASETS for file in dataset.files]


def test_names_and_places_are_unique() -> None:
    assert len({dataset.name for dataset in DATASETS}) == len(DATASETS) == 13
    assert len({file.path for file in FILES}) == len({file.name for file in FILES}) == len(FILES) == 87


def test_files_are_named_after_their_set() -> None:
    for dataset in DATASETS:
        assert {file.name.split("/")[0] for file in dataset.files} == {dataset.name}


def test_sources_are_fixed_to_a_commit() -> None:
    for dataset in DATASETS:
        repository, commit = dataset.source.split("@")
        assert len(bytes.fromhex(commit)) == 6
        for file in dataset.files:
            assert file.url.startswith(f"https://github.com/{repository}/raw/{commit}/")
            assert len(bytes.fromhex(file.sha256)) == 32


def test_splits_of_the_entity_sets() -> None:
    def splits(name: str) -> list[str]:
        return [file.name.split("/")[1] for file in FILES if file.name.startswith(f"{name}/")]

    assert splits("uner") == ["dev", "test"]
    assert splits("btc") == list("abefgh")
    assert splits("conll04") == splits("wnut17") == ["train", "dev", "test"]


def test_domains_of_reviews() -> None:
    names = [file.name.split("/")[1].split("-") for file in FILES if file.name.startswith("subjqa/")]
    domains = ("electronics", "grocery", "restaurants", "tripadvisor")
    assert names == [[domain, split] for domain in domains for split in ("train", "dev", "test")]


def test_a_member_of_an_archive() -> None:
    archived = [file for file in FILES if file.member]
    assert [file.name for file in archived] == ["conll2000/train", "conll2000/test", "squad1/dev"]
    assert all(isinstance(file, DataFile) and file.url.endswith(".zip") for file in archived)
