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
_FDU_SOURCE = "ccsasuke/man", "b57b4c14340d"
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


def _fdu(domain: str, train: str, test: str, unlabelled: str) -> tuple[DataFile, ...]:
    """The three files of a domain, by their checksums."""
    splits = (("train", "train", train), ("test", "test", test), ("unlabelled", "unlabel", unlabelled))
    return tuple(
        _file(f"fdu_mtl/{domain}-{split}", "fdu_mtl", _FDU_SOURCE, f"data/fdu-mtl/{domain}.task.{end}", sha256)
        for split, end, sha256 in splits
    )


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
    Dataset(
        name="fdu_mtl",
        title="FDU-MTL, reviews of 16 domains (Liu et al. 2017, ACL)",
        source="@".join(_FDU_SOURCE),
        licence="MIT (repository); of the reviews not stated",
        files=(
            *_fdu(
                "apparel",
                "589702d71eded8ca23907acf6e434f203c8c6feb09737106f77f03707641ffc3",
                "8e591ec14fa0e3d26837b9a40c99d3a93b49f47e7a3fbe4d0afe1b4e1dd45439",
                "7dc0cf126e07552b41d2574627a3a6d0d9c3f958a368fe5e41d8cd353b0f4a3f",
            ),
            *_fdu(
                "baby",
                "0d884186f3aef0e12dafac0a875887fe631de0df992b15158ab177763882bf57",
                "8763bb4b8bbf83b93b6aab03706719fc742fb7d89830a6bd95ea1c2490ea58f7",
                "f4f2be61dddc8165ba40d9fc90d51a21c0c9d1f4b6eaa20c93fd3f9d9a8c95e2",
            ),
            *_fdu(
                "books",
                "40c4c5971165b9e0a509a60472c3bf06c8e1430d4944833141eb3c34d986b65e",
                "b451ac03e48b599bf35dd1a450158389e1ac9018950e95c631053ac14a5b10ad",
                "5121a335a736523b5bd0dc47e05da2b085bf6f42aec2ca20ba7142d620241563",
            ),
            *_fdu(
                "camera_photo",
                "425bf93c303b2f38d2f53649508ea9e55d0114679ecb00fda5c2c15ebbe9e708",
                "3fdea0837d6c41f04720dce8d2e690bbdeb5019ecac749f8f38472ac1dcfa439",
                "d94c682441e8b8a57ff992e244ef0137e07528cd9f3631874f89e2d40aefca04",
            ),
            *_fdu(
                "dvd",
                "47334240d9cef76ac5f15a10f9082c3d2c6e7f9a9bb0478a3800ede2a0300771",
                "762e6e030892375eda4f211be58624a3bb6a07c966901c79b803837d21fca4b5",
                "5673c05efcefbf5d38a1ca7e1110cbf58a95e1b02a7a0c729c46f2ba21f223bf",
            ),
            *_fdu(
                "electronics",
                "bb2f28c4a20e3d075dd71ff049970bd445f4d47bcc8404a68eb03850413a8da7",
                "a4d2e7d2a5b8b501a6611e45e1b241aa0d601388b79265cfc94c203cb52f8b8c",
                "da24efbec0053b8b8383e530dab3e4a358e75ae2e65d09624c6843bad30f69a8",
            ),
            *_fdu(
                "health_personal_care",
                "384f1ec3d76a2f755844cac4bd7725b86bc79910dae60fc33f133e380f827b4a",
                "07f289177da7ebe71f1ac2ee3d5a25f190913e2a11116f0fb55862e01b60a331",
                "70bd1a5b004f2d0edc6bcf0ec6ff5c464f232a351bdcf4b88d4a655d97110355",
            ),
            *_fdu(
                "imdb",
                "16dd91ee7aebde130cfeb4d1c58bfe221ad87f1862fdb8ae694693eec3432caa",
                "dc708b7338157a6be56a1ded26abd97f82284d0e736876a6b833ad59e8a2cd53",
                "ea4e02252cf95661af402ef7b7b6b9addc0a0666a03d8d7b81eefb08af0b413d",
            ),
            *_fdu(
                "kitchen_housewares",
                "df5c9e8473b084a6b252dfbb5e074adcaacb9638a882fee3f20d62d747f45d6f",
                "86bcc015f7cfa773880951830ac6161dc2b8717e8a69773ca11a5bd6529b2020",
                "6255b3597385952d45920ce4451291a246ecd997ef75d964ff56fff9e31ad9e7",
            ),
            *_fdu(
                "magazines",
                "d4805a9f094c1c7befa64bc42ea846261b1290a2fd120c46f45c9e89faf782ae",
                "620ecd0ccd7b7f73483b8cdcef5ca07dff92e2d57c9cf4b6e9f7d669a681f6c3",
                "87de41f73d65b525d2918833a944427196cd4a0346d9d083086b4814333fd9bd",
            ),
            *_fdu(
                "MR",
                "a6f222085a50061dd560c3beafc968679abae74683e3d18a66b619c5e2d178dc",
                "82ec2a6d570978d173240dfd655c25e151761d7d0ace365725745a361e6fabea",
                "fa9dee0e94afe5a6d58f1670ac7db53c450e0f806f158dea78fb766f1ee053bb",
            ),
            *_fdu(
                "music",
                "f0b41243475c16391a02e91d87710ed87d68927d4d77f526a3d2369a98ac572e",
                "54a157c56930b9e587b6b955fe4b2e3258d2f70d0d58ccbbf40a4bfd846ee204",
                "3f2ee8a5becb232368d2bc599ab131778558e05009f8f6957ce2a10106a6ea9a",
            ),
            *_fdu(
                "software",
                "a050cb3ea22b94b21ce70acff3a23eabd1f39307bd862d6c0cc23170eb4830f4",
                "3b92617a5b3ad618b7aaab98546d49c2a69f46dedbceb4ec14dee1cbb4ff02d3",
                "a34c6f844ba0ac1a8d3325b396451c6b6f8928f219f22408192c417357497b80",
            ),
            *_fdu(
                "sports_outdoors",
                "062ac0e2fb04a81c1f06f15b219634810a323a2ee187750e2f479030ebad0326",
                "77394d7c91fbc69cc16bfaf79f1f945999fe2d8e0fc536f1f79d17089e611f49",
                "7742f40a8b02cd5701a647d6ccaf3746bb863af28cdd6fa0404b507b131b9ca4",
            ),
            *_fdu(
                "toys_games",
                "bb8404d3b48ab02bca2a75bb1e245297aac36b8143a81549f6485b4c2d24dd10",
                "6ee304a53f25697ee96bcb60fe07cc36d282ef343c3e0f8ae09df669ec39b116",
                "8808944481c5478a94f231f2fb9541036c5f882de225e2cb8357ab42fd59696d",
            ),
            *_fdu(
                "video",
                "2867b3e5fffc44132aa61ff49dd608eeacc503b2c9c2133680f0cb4a7a258f3e",
                "8de7a49ee3001409c9049b1f52949d78c7875cb92e031b43f5cef681dfd341e4",
                "0178424fe97c0203c0f3cabcb31e1370bf656895b76a189ecf1ecfd151abe3f2",
            ),
        ),
    ),
)
