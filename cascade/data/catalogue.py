"""The public data sets that the shipped pipelines are trained on, as a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One file of a data set.

    Attributes:
        name: What configs and the command line call it, such as `ewt/train`.
        path: Its place below the data folder; it may also lie there gzipped, with `.gz` at the end.
        url: Where to fetch it.
        sha256: Checksum of its content, not gzipped.
        member: Its path in the zip archive that `url` names, None if `url` names the file itself.
    """

    name: str
    path: str
    url: str
    sha256: str
    member: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        name: Its short name, the first half of its files' names.
        title: Its full name, with the publication.
        source: The GitHub repository and the commit, abbreviated as GitHub resolves it.
        licence: The licence as the source states it.
        files: Its files.
    """

    name: str
    title: str
    source: str
    licence: str
    files: tuple[DataFile, ...]


_EWT_SOURCE = "UniversalDependencies/UD_English-EWT", "15d613d8447b"
_CONLL_SOURCE = "nltk/nltk_data", "5db857e6f7df"
_SICK_SOURCE = "brmson/dataset-sts", "e1d3375f5b3b"
_UNER_SOURCE = "UniversalNER/UNER_English-EWT", "8ed072de2fd2"
_BTC_SOURCE = "GateNLP/broad_twitter_corpus", "0c45ef7b1924"
_CONLL04_SOURCE = "bekou/multihead_joint_entity_relation_extraction", "7f40a0f7c189"
_WNUT_SOURCE = "leondz/emerging_entities_17", "e52a2d2a71ac"
_SQUAD1_SOURCE = "pulakdas1999/QnA_using_BERT", "48925669ea5e"
_SQUAD2_SOURCE = "chrischute/squad", "85623adeb9e6"
_POLICYQA_SOURCE = "wasiahmad/PolicyQA", "775538bc6d93"
_SUBJQA_SOURCE = "megagonlabs/SubjQA", "6ea88c778027"
_QED_SOURCE = "google-research-datasets/QED", "249292033712"


def _ewt(split: str, sha256: str) -> DataFile:
    return _file(f"ewt/{split}", "ud_english_ewt", _EWT_SOURCE, f"en_ewt-ud-{split}.conllu", sha256)


def _conll(split: str, sha256: str) -> DataFile:
    file = f"conll2000/{split}.txt"
    url = _github(_CONLL_SOURCE, "packages/corpora/conll2000.zip")
    return DataFile(name=f"conll2000/{split}", path=file, url=url, sha256=sha256, member=file)


def _sick(split: str, file: str, sha256: str) -> DataFile:
    return _file(f"sick/{split}", "sick", _SICK_SOURCE, f"data/sts/sick2014/{file}", sha256)


def _uner(split: str, sha256: str) -> DataFile:
    return _file(f"uner/{split}", "uner_english_ewt", _UNER_SOURCE, f"en_ewt-ud-{split}.iob2", sha256)


def _btc(section: str, sha256: str) -> DataFile:
    return _file(f"btc/{section}", "btc_ner", _BTC_SOURCE, f"{section}.conll", sha256)


def _conll04(split: str, sha256: str) -> DataFile:
    return _file(f"conll04/{split}", "conll04", _CONLL04_SOURCE, f"data/CoNLL04/{split}.txt", sha256)


def _wnut(split: str, file: str, sha256: str) -> DataFile:
    return _file(f"wnut17/{split}", "wnut17", _WNUT_SOURCE, file, sha256)


def _policyqa(split: str, sha256: str) -> DataFile:
    return _file(f"policyqa/{split}", "policyqa", _POLICYQA_SOURCE, f"data/{split}.json", sha256)


def _subjqa(domain: str, split: str, sha256: str) -> DataFile:
    path = f"SubjQA/{domain}/splits/{split}.csv"
    return _file(f"subjqa/{domain}-{split}", f"subjqa/{domain}", _SUBJQA_SOURCE, path, sha256)


def _file(name: str, folder: str, source: tuple[str, str], path: str, sha256: str) -> DataFile:
    """A file that lies under its own name, without the folders of its repository, in a folder of the data set."""
    return DataFile(name=name, path=f"{folder}/{path.rpartition('/')[2]}", url=_github(source, path), sha256=sha256)


def _github(source: tuple[str, str], path: str) -> str:
    repository, commit = source
    return f"https://github.com/{repository}/raw/{commit}/{path}"


DATASETS: tuple[Dataset, ...] = (
    Dataset(
        name="ewt",
        title="Universal Dependencies, English Web Treebank (Silveira et al. 2014, LREC)",
        source="@".join(_EWT_SOURCE),
        licence="CC BY-SA 4.0",
        files=(
            _ewt("train", "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b"),
            _ewt("dev", "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6"),
            _ewt("test", "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd"),
        ),
    ),
    Dataset(
        name="conll2000",
        title="CoNLL-2000 chunking (Tjong Kim Sang & Buchholz 2000, CoNLL)",
        source="@".join(_CONLL_SOURCE),
        licence="not stated; shared-task data, text of the Wall Street Journal",
        files=(
            _conll("train", "82033cd7a72b209923a98007793e8f9de3abc1c8b79d646c50648eb949b87cea"),
            _conll("test", "73b7b1e565fa75a1e22fe52ecdf41b6624d6f59dacb591d44252bf4d692b1628"),
        ),
    ),
    Dataset(
        name="sick",
        title="SICK, relatedness and entailment of sentence pairs (Marelli et al. 2014, SemEval)",
        source="@".join(_SICK_SOURCE),
        licence="CC BY-NC-SA 3.0",
        files=(
            _sick("train", "SICK_train.txt", "266cf8047149bd1d68138dd30439f3122bff30069740ac6705bb6197d9f1b48e"),
            _sick("trial", "SICK_trial.txt", "5a88cfb62f8c6bd2a3cce0f2421ba2cb8c2be5ab4a800f6f01e2c64aafb7db56"),
            _sick(
                "test", "SICK_test_annotated.txt", "2b8aa806658d6fc23c6824c83776c2d4fee7556000817b5ec0f982861413b7d0"
            ),
        ),
    ),
    Dataset(
        name="uner",
        title="Universal NER, English Web Treebank (Mayhew et al. 2024, NAACL)",
        source="@".join(_UNER_SOURCE),
        licence="CC BY-SA 4.0",
        files=(
            _uner("dev", "0cafd881cf31d39897b6d588420fab8fbbe4423d271725c59921ac9dd49c0713"),
            _uner("test", "821ad826d5f503ac03b4edc3fbc2174f21fbb005ec25863caf2051c434616d6e"),
        ),
    ),
    Dataset(
        name="btc",
        title="Broad Twitter Corpus, entities (Derczynski et al. 2016, COLING)",
        source="@".join(_BTC_SOURCE),
        licence="CC BY 4.0",
        files=(
            _btc("a", "ac824cc13c88283fe3cca05343e46c79ec4cd5b174429f27bf8fe0ebdc1bbf33"),
            _btc("b", "504a094a0398e03fd7b394510e313b8fc844407102252182d90aea23f53cc322"),
            _btc("e", "77aca745cdc28ae0fafbcf36a93ccfd15357a8db97c21d91083592dd85e348c5"),
            _btc("f", "3bd2387dfc98ebc9d8b77d8b9c59826262e9beadce71ce8edde272821b9c87c8"),
            _btc("g", "d53a27645cabc4e63313d573498b48b0cc5ed780d280edfbdc4fedefe23479da"),
            _btc("h", "7f31215a79f3131526236203907c8d003b8e0f8ee6eef2a216ebb685340ebe39"),
        ),
    ),
    Dataset(
        name="conll04",
        title="CoNLL04, entities and relations (Roth & Yih 2004, CoNLL; split of Gupta et al. 2016, COLING)",
        source="@".join(_CONLL04_SOURCE),
        licence="MIT (repository); the corpus: not stated",
        files=(
            _conll04("train", "0f560fdaa150133fc4843f72e2a8e707e7f74f06a3a3095d4b9921f8d0ce3614"),
            _conll04("dev", "99e854fd2a7d19247230c3ed8c304f79022380c9d21b58f25e7ffc5fe3884e2d"),
            _conll04("test", "d172819deff771c059c9c6688d67c3ff2bdaa25cf71ec56b1f7e8c6705f96700"),
        ),
    ),
    Dataset(
        name="wnut17",
        title="W-NUT 2017, emerging entities (Derczynski et al. 2017, W-NUT)",
        source="@".join(_WNUT_SOURCE),
        licence="CC BY 4.0",
        files=(
            _wnut("train", "wnut17train.conll", "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5"),
            _wnut("dev", "emerging.dev.conll", "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8"),
            _wnut(
                "test", "emerging.test.annotated", "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0"
            ),
        ),
    ),
    Dataset(
        name="squad1",
        title="SQuAD v1.1, its dev set (Rajpurkar et al. 2016, EMNLP)",
        source="@".join(_SQUAD1_SOURCE),
        licence="CC BY-SA 4.0 (SQuAD's own statement)",
        files=(
            DataFile(
                name="squad1/dev",
                path="squad_v1.1_dev/dev-v1.1.json",
                url=_github(_SQUAD1_SOURCE, "dev-v1.1.json.zip"),
                sha256="95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
                member="dev-v1.1.json",
            ),
        ),
    ),
    Dataset(
        name="squad2",
        title="SQuAD v2.0, a part of its dev set (Rajpurkar et al. 2018, ACL)",
        source="@".join(_SQUAD2_SOURCE),
        licence="CC BY-SA 4.0 (SQuAD's own statement)",
        files=(
            _file(
                "squad2/dev",
                "squad_v2.0_dev_subset",
                _SQUAD2_SOURCE,
                "data/dev-v2.0.json",
                "e67e5969b6dc6c1642154740806b79263b77fc048c7c11ee60d534eb48ef81e8",
            ),
        ),
    ),
    Dataset(
        name="policyqa",
        title="PolicyQA, questions about privacy policies (Ahmad et al. 2020, Findings of EMNLP)",
        source="@".join(_POLICYQA_SOURCE),
        licence="MIT (repository)",
        files=(
            _policyqa("dev", "5ced8cbe6617c132999a57b3ab910fc242501357fc99cbc5a1802f0a1b9ce4bf"),
            _policyqa("test", "92929068b7dffa1843f81d661f23da86a64f4a35ffae59fa8d78878277ab9a7f"),
        ),
    ),
    Dataset(
        name="subjqa",
        title="SubjQA, questions about reviews (Bjerva et al. 2020, EMNLP)",
        source="@".join(_SUBJQA_SOURCE),
        licence="not stated",
        files=(
            _subjqa("electronics", "train", "ca2ecac934d2c4ac0dbf4294197bc21aac81a826f366c7317ed44492d58226aa"),
            _subjqa("electronics", "dev", "5bd1bce209f04e9086eb977dedc335a4467b07069594e294a58b94bbf953c807"),
            _subjqa("electronics", "test", "4629e2f6f081487b8b0a1dbbe41ba86230ba6d1bd93169d7cb277cd24fed62f9"),
            _subjqa("grocery", "train", "7c2844510192f6ab2a21abf5b6c151707f92651a0a384062fba0a9a5fe346289"),
            _subjqa("grocery", "dev", "c62a05e0b63e2f83455d09cf1cb7be1c1f110c11521f7516c45ae80939505afe"),
            _subjqa("grocery", "test", "c2d7aa5d7f873a5bb8608ba3b92d51350cd786f2bf328858eee58e56b8b38371"),
            _subjqa("restaurants", "train", "7506913c9242ac9b82b104ba4ea5a4e43f07bb1cc80b89b0e2dd67b5d90a2049"),
            _subjqa("restaurants", "dev", "bf4d2a835097c0bd91897b80748282ea7e37e19544145b377badcf90f61127fe"),
            _subjqa("restaurants", "test", "529facdc981457f3689c909addb9171eba68bde922b9485f40d3e38b370e92fa"),
            _subjqa("tripadvisor", "train", "b9fecc36541759f2a0fee609e2a0f1d77837a592d552fc18daede90c03f6d060"),
            _subjqa("tripadvisor", "dev", "031439cc10c0e5e3aed82fb0432b8e659eb9ac33bbf0520b992b58580631f718"),
            _subjqa("tripadvisor", "test", "f60b8a59ee04a2c934ecb6dc45d3c34cea0091ea205847e13e1f6ee364e6504d"),
        ),
    ),
    Dataset(
        name="qed",
        title="QED, explained questions of Natural Questions (Lamm et al. 2021, TACL)",
        source="@".join(_QED_SOURCE),
        licence="CC BY-SA 3.0 and GFDL",
        files=(
            _file(
                "qed/dev",
                "qed",
                _QED_SOURCE,
                "qed-dev.jsonlines",
                "2ea322b71a333023380c3954083b81af2d5670c8ac47ddec58c843233895c429",
            ),
        ),
    ),
)
