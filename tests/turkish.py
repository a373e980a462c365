"""A small grammar of Turkish that writes treebanks: agglutinative, with vowel harmony, and the verb at the end.

Tags, features and relations are those of Universal Dependencies; no sentence is taken from a treebank. Suffixes are
written as grammars write them (such as Göksel and Kerslake 2005): `A` is e or a, `I` one of i, ı, u, ü, `D` is d or t,
and a consonant in brackets stands only after a vowel.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

VOWELS, FRONT, ROUND, VOICELESS = "aeıioöuü", "eiöü", "oöuü", "çfhkpsşt"

PEOPLE = ["öğretmen", "doktor", "komşu", "kedi", "kadın", "adam", "asker", "balıkçı", "yolcu", "postacı"]
THINGS = ["elma", "kalem", "defter", "masa", "gül", "araba", "halı", "lamba", "sandalye", "kapı"]
PLACES = ["ev", "okul", "göl", "deniz", "bahçe", "köprü", "köy", "yol", "orman", "otel"]
ADJECTIVES = ["büyük", "küçük", "eski", "yeni", "güzel", "kırmızı", "uzun", "yorgun", "sakin", "zengin"]
ADVERBS = ["bugün", "dün", "yavaşça", "hemen", "sonra", "sessizce"]
TRANSITIVE = ["gör", "al", "bul", "sev", "oku", "taşı", "sat", "unut", "bekle"]
INTRANSITIVE = ["gel", "dön", "uyu", "otur", "koş", "yürü", "dur", "bağır"]

CASES = {"Nom": "", "Acc": "(y)I", "Dat": "(y)A", "Loc": "DA", "Abl": "DAn", "Gen": "(n)In"}
PRONOUNS = {"1": "ben", "2": "sen"}
ENDINGS = {"Past": {"1": "m", "2": "n", "3": ""}, "Pres": {"1": "Im", "2": "sIn", "3": ""}}


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word and its relation to its head."""

    form: str
    lemma: str
    upos: str
    xpos: str
    feats: str = "_"
    relation: str


Phrase = list[Word]
"""Words of which the last is the head."""


def treebank(sentences: int, *, seed: int) -> str:
    """A treebank in CoNLL-U.

    Args:
        sentences: How many sentences it has.
        seed: What everything random comes from.
    """
    draw = random.Random(seed)
    return "".join(conllu(sentence(draw)) + "\n" for _ in range(sentences))


def conllu(phrases: Sequence[Phrase]) -> str:
    """The rows of a sentence: the heads of all phrases depend on that of the last, the verb; a full stop follows."""
    end = sum(map(len, phrases))
    ends = (sum(map(len, phrases[: i + 1])) for i in range(len(phrases)))
    placed = [
        (word, place if word is not phrase[-1] else 0 if place == end else end)
        for phrase, place in zip(phrases, ends, strict=True)
        for word in phrase
    ]
    placed[0] = (replace(placed[0][0], form=placed[0][0].form.capitalize()), placed[0][1])
    placed.append((Word(form=".", lemma=".", upos="PUNCT", xpos="Punc", relation="punct"), end))
    return "".join(_row(i, word, head, last=i == end) for i, (word, head) in enumerate(placed, start=1))


def _row(number: int, word: Word, head: int, *, last: bool) -> str:
    columns = [number, word.form, word.lemma, word.upos, word.xpos, word.feats, head, word.relation]
    return "\t".join([*map(str, columns), "_", "SpaceAfter=No" if last else "_"]) + "\n"


def sentence(draw: random.Random) -> list[Phrase]:
    """The phrases of a sentence: subject, adverb, place, object, verb; the first three may be missing."""
    person, transitive = draw.choice("12333"), draw.random() < 0.6
    phrases = [_subject(draw, person)]
    if draw.random() < 0.4:
        adverb = draw.choice(ADVERBS)
        phrases.append([Word(form=adverb, lemma=adverb, upos="ADV", xpos="Adverb", relation="advmod")])
    if not transitive or draw.random() < 0.4:
        phrases.append(_nominal(draw, PLACES, draw.choice(["Dat", "Loc", "Abl"]), "obl"))
    if transitive:
        phrases.append(_nominal(draw, THINGS, "Acc", "obj"))
    return [*filter(None, phrases), [_predicate(draw, person, TRANSITIVE if transitive else INTRANSITIVE)]]


def _subject(draw: random.Random, person: str) -> Phrase:
    """A noun in the third person, else a pronoun, which is left out half of the time."""
    if person not in PRONOUNS:
        return _nominal(draw, PEOPLE, "Nom", "nsubj")
    form, feats = PRONOUNS[person], f"Case=Nom|Number=Sing|Person={person}"
    spoken = Word(form=form, lemma=form, upos="PRON", xpos="Pers", feats=feats, relation="nsubj")
    return [spoken] if draw.random() < 0.5 else []


def _nominal(draw: random.Random, stems: Sequence[str], case: str, relation: str) -> Phrase:
    """A noun; before it an owner or a demonstrative, and an adjective, if there are any."""
    words: Phrase = []
    owned, plural = draw.random() < 0.25, draw.random() < 0.25
    if owned:
        words.append(_noun(draw.choice(PEOPLE), "Gen", "nmod:poss"))
    elif draw.random() < 0.3:
        words.append(Word(form="bu", lemma="bu", upos="DET", xpos="Det", relation="det"))
    if draw.random() < 0.4:
        adjective = draw.choice(ADJECTIVES)
        words.append(Word(form=adjective, lemma=adjective, upos="ADJ", xpos="Adj", relation="amod"))
    return [*words, _noun(draw.choice(stems), case, relation, plural=plural, owned=owned)]


def _noun(stem: str, case: str, relation: str, *, plural: bool = False, owned: bool = False) -> Word:
    feats = ["Case=" + case, "Number=Plur" if plural else "Number=Sing", "Person=3"]
    if owned:
        feats[2:] = ["Number[psor]=Sing", "Person=3", "Person[psor]=3"]
    form = noun(stem, case, plural=plural, owned=owned)
    return Word(form=form, lemma=stem, upos="NOUN", xpos="Noun", feats="|".join(feats), relation=relation)


def _predicate(draw: random.Random, person: str, stems: Sequence[str]) -> Word:
    stem, tense, negative = draw.choice(stems), draw.choice(["Past", "Pres"]), draw.random() < 0.25
    aspect, polarity = "Perf" if tense == "Past" else "Prog", "Neg" if negative else "Pos"
    feats = f"Aspect={aspect}|Mood=Ind|Number=Sing|Person={person}|Polarity={polarity}|Tense={tense}"
    form = verb(stem, tense, person, negative=negative)
    return Word(form=form, lemma=stem, upos="VERB", xpos="Verb", feats=feats, relation="root")


def noun(stem: str, case: str, *, plural: bool = False, owned: bool = False) -> str:
    """A form of a noun, which may be that of a third person; an `n` then stands before the case."""
    word = suffixed(stem, "lAr") if plural else stem
    if not owned:
        return suffixed(word, CASES[case])
    ending = CASES[case].replace("(y)", "").replace("(n)", "")
    return suffixed(suffixed(word, "(s)I"), "n" + ending if ending else "")


def verb(stem: str, tense: str, person: str, *, negative: bool) -> str:
    """A form of a verb: the past in -DI, or the present in -Iyor, before which a vowel is dropped."""
    base = suffixed(stem, "mA") if negative else stem
    if tense == "Pres" and base[-1] in VOWELS:
        base = base[:-1]
    return suffixed(suffixed(base, {"Past": "DI", "Pres": "Iyor"}[tense]), ENDINGS[tense][person])


def suffixed(stem: str, suffix: str) -> str:
    """A stem with a suffix: `suffixed("köprü", "(y)A")` is köprüye."""
    letters = suffix[1] + suffix[3:] if suffix.startswith("(") and stem[-1] in VOWELS else suffix.split(")")[-1]
    word = stem
    for letter in letters:
        word += _settled(letter, word)
    return word


def _settled(letter: str, before: str) -> str:
    """What a letter of a suffix becomes after a word; vowels follow the last one."""
    if letter == "D":
        return "t" if before[-1] in VOICELESS else "d"
    if letter not in "AI":
        return letter
    last = next(other for other in reversed(before) if other in VOWELS)
    if letter == "A":
        return "e" if last in FRONT else "a"
    return ("ü" if last in ROUND else "i") if last in FRONT else ("u" if last in ROUND else "ı")


def rows(text: str) -> Iterator[list[list[str]]]:
    """The columns of every sentence of a treebank."""
    for block in text.strip().split("\n\n"):
        yield [line.split("\t") for line in block.splitlines()]
