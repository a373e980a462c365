"""The tests of spaCy's that fail with a cascade in the place of its own pipes: where, and why that is right."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """A test that fails, at this statement and at no other: what stands before it has passed."""

    at: str
    why: str


TENSORS = "get_loss and predict work on the outputs of a whole graph, not on one array of a thinc model"
FIXED = "an initialized model takes no new label, and says so: the widths of its layers follow from its labels"
MOVES = "asks for the moves of spaCy's transition system"
LAYERS = "asks for a layer or a setting inside of spaCy's own model"
NEGATIVE = "gold that says what a label is not"
POSITIVE = "positive_label concerns spaCy's scorer alone and is a setting of its textcat"

EXPECTED: dict[str, Failure] = {
    # Tags, morphology, sentences, lemmas
    "pipeline.test_tagger::test_label_smoothing": Failure("tagger_no_ls.get_loss(train_examples, tag_scores)", TENSORS),
    "pipeline.test_tagger::test_overfitting_IO": Failure('assert doc3[0].tag_ != "N"', NEGATIVE),
    "pipeline.test_morphologizer::test_label_smoothing": Failure(
        "morph_no_ls.get_loss(train_examples, tag_scores)", TENSORS
    ),
    "pipeline.test_morphologizer::test_overfitting_IO": Failure(
        "assert [t.pos_ for t in doc] == gold_pos_tags",
        "POS that is missing beside features that are not is a class of spaCy's joint label; here it is no gold",
    ),
    "pipeline.test_senter::test_overfitting_IO": Failure(
        'assert "senter" not in nlp.pipe_labels', "a pipe shows the labels of all of its tasks, I and S among them"
    ),
    "pipeline.test_edit_tree_lemmatizer::test_initialize_from_labels": Failure(
        "assert lemmatizer2.tree2label ==", "asks for the numbers of the trees; here a tree is written out as its label"
    ),
    "pipeline.test_edit_tree_lemmatizer::test_incomplete_data": Failure(
        "lemmatizer.get_loss(train_examples, scores)", TENSORS
    ),
    "pipeline.test_edit_tree_lemmatizer::test_lemmatizer_label_data": Failure(
        "assert lemmatizer.trees.to_bytes()", "asks for the store of the trees; here a tree is written out as its label"
    ),
    # Text classification
    "pipeline.test_textcat::test_issue5551": Failure("ops.to_numpy(results[0])", TENSORS),
    "pipeline.test_textcat::test_issue9904": Failure("textcat.get_loss(examples, scores)", TENSORS),
    "pipeline.test_textcat::test_textcat_loss": Failure(
        "assert isinstance(textcat, TextCategorizer)", "asks for the class"
    ),
    "pipeline.test_textcat::test_resize": Failure('textcat.add_label("NEUTRAL")', FIXED),
    "pipeline.test_textcat::test_resize_same_results": Failure('textcat.add_label("NEUTRAL")', FIXED),
    "pipeline.test_textcat::test_positive_class": Failure('positive_label="POS"', POSITIVE),
    "pipeline.test_textcat::test_positive_class_not_present": Failure('positive_label="POS"', POSITIVE),
    "pipeline.test_textcat::test_positive_class_not_binary": Failure('positive_label="POS"', POSITIVE),
    # Entities
    "parser.test_ner::test_issue1967": Failure("ner.moves.get_actions", MOVES),
    "parser.test_ner::test_issue2179": Failure('model.attrs["resize_output"]', MOVES),
    "parser.test_ner::test_issue3209": Failure("assert ner.move_names == move_names", MOVES),
    "parser.test_ner::test_labels_from_BILUO": Failure("assert ner.move_names == move_names", MOVES),
    "parser.test_ner::test_accept_blocked_token": Failure("ner1.moves.add_action", MOVES),
    "parser.test_ner::test_train_negative_deprecated": Failure("with pytest.raises(ValueError)", NEGATIVE),
    "parser.test_ner::test_overwrite_token": Failure(
        "nlp.initialize()", "initializes without any label, which a classifier cannot do"
    ),
    "parser.test_ner::test_overfitting_IO": Failure('ner2.model.attrs["has_upper"]', LAYERS),
    "parser.test_ner::test_ner_warns_no_lookups": Failure(
        "nlp.initialize()", "initializes without any label; no encoder of ours reads norms, so that none can be missed"
    ),
    # Saving
    "serialize.test_serialize_pipeline::test_issue4042_bug2": Failure('ner1.add_label("MY_ORG")', FIXED),
    "serialize.test_serialize_pipeline::test_issue4725_1": Failure("update_with_oracle_cut_size", MOVES),
    "serialize.test_serialize_config::test_serialize_nlp": Failure('.model.get_ref("tok2vec")', LAYERS),
    "serialize.test_serialize_config::test_serialize_custom_nlp": Failure(
        "nlp.initialize()", "initializes without any label, which a classifier cannot do"
    ),
    "serialize.test_serialize_config::test_serialize_parser": Failure('model.get_ref("tok2vec")', LAYERS),
    # Pipelines and training
    "pipeline.test_pipe_methods::test_pipe_label_data_no_labels[senter]": Failure(
        'getattr(pipe, "label_data", None) is None', "label_data is by task, and empty where there is none"
    ),
    "training.test_rehearse::test_rehearse[ner]": Failure("ner.add_label(ent[2])", FIXED),
    "training.test_rehearse::test_rehearse[parser]": Failure("parser.add_label(dep)", FIXED),
    "test_cli::test_cli_find_threshold": Failure(
        "assert res[1.0] == 0.0", "the threshold of a saved model is part of its graph, which its folder keeps"
    ),
}
