"""Chains as text and as data, and what is written about each filter."""

import random
import re

import pytest
from filter_rows import random_rule
from pydantic import BaseModel, ConfigDict, ValidationError

from explorer.sampling import (
    DRY,
    FILTERS,
    XTC,
    FilterChain,
    Temperature,
    TopP,
    chain_text,
    parse_chain,
)
from explorer.sampling.chain import example

# ---------------------------------------------------------------- the text form


class Settings(BaseModel):
    model_config = ConfigDict(validate_default=True)
    filters: FilterChain = ()


def test_a_chain_is_read_from_text_from_dicts_and_from_filters():
    expected = (Temperature(t=0.7), TopP(p=0.9))
    dicts = [{"name": "temperature", "t": 0.7}, {"name": "top_p", "p": 0.9}]
    for value in (
        " temperature = 0.7 , top_p=0.9 ",
        dicts,
        expected,
        ["temperature=0.7", dicts[1]],
    ):
        assert parse_chain(value) == expected
        assert Settings(filters=value).filters == expected


@pytest.mark.parametrize("empty", ["", "none", "  ", [], ()])
def test_nothing_is_the_empty_chain(empty):
    assert Settings(filters=empty).filters == ()


def test_text_and_json_read_back_as_the_same_chain():
    draw = random.Random(7)
    for _ in range(200):
        chain = tuple(random_rule(draw) for _ in range(draw.randint(0, 5)))
        assert parse_chain(chain_text(chain)) == chain
        settings = Settings(filters=chain)
        assert Settings.model_validate_json(settings.model_dump_json()) == settings
        assert Settings.model_validate(settings.model_dump()) == settings
    assert chain_text(()) == "none"
    assert chain_text(parse_chain("temperature=2.0,top_k=50")) == "temperature=2,top_k=50"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("topp=0.9", "There is no filter 'topp' (did you mean top_p?); the filters are temp"),
        ("zzz=1", "There is no filter 'zzz'; the filters are temperature, edt, dynatemp, top_k, "),
        ("top_p=1.5", "top_p=1.5 is not allowed: p must be a number, at least 0 and at most 1."),
        ("top_k=2.5", "top_k=2.5 is not allowed: k must be a whole number, at least 1."),
        (
            "xtc=0.5 threshold=2",
            "xtc threshold=2 is not allowed: threshold must be a number, ",
        ),
        (
            "dry=0.8 bass=2",
            "dry has no parameter 'bass'; its parameters are multiplier, base, ",
        ),
        (
            "dry",
            "dry needs a value for multiplier, for instance dry=0.8 base=1.75 ",
        ),
        ("top_p=0.9 0.8", "'top_p=0.9 0.8' cannot be read; write it like 'top_p=0.9'."),
        ("top_k=0", "top_k=0 is not allowed: k must be a whole number, at least 1."),
        ("top_p=nan", "top_p=nan is not allowed: p must be a number, at least 0 and at most 1."),
        ("top_p=warm", "top_p=warm is not allowed: p must be a number, at least 0 and at most 1."),
        ("typical=0", "typical=0 is not allowed: mass must be a number, above 0 and at most 1."),
        ("temperature=-1", "temperature=-1 is not allowed: t must be a number, at least 0 and at"),
        ("temperature=1e-9", "temperature=1e-9 is not allowed: t must be 0 (the argmax) or a num"),
        ("top_p", "top_p needs a value for p, for instance top_p=0.9; p must be a number, "),
        ("top_k=3,,top_p=1", "A filter needs a name, but '' has none; the filters are temperatu"),
        ([{"p": 1}], "A filter needs a name, but {'p': 1} has none; the filters are temperature,"),
        ([{"name": "top_p"}], "top_p needs a value for p, for instance top_p=0.9; p must be"),
        ([{"name": "top_p", "p": 0.5, "q": 1}], "top_p has no parameter 'q'; its one parameter"),
        ([3], "A filter is a text such as 'top_p=0.9', but this is 3."),
        (3, "A filter chain is a text such as 'temperature=0.7,top_p=0.9' or a list of filters,"),
    ],
)
def test_a_wrong_chain_is_answered_with_one_sentence(value, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence)) as direct:
        parse_chain(value)
    assert str(direct.value).endswith(".")
    assert "\n" not in str(direct.value)
    with pytest.raises(ValidationError) as inside:
        Settings(filters=value)
    assert [error["msg"] for error in inside.value.errors()] == [str(direct.value)]


# --------------------------------------------------------------- what is written


@pytest.mark.parametrize("kind", FILTERS.values(), ids=FILTERS)
def test_every_filter_says_its_formula_its_source_and_its_parameters(kind):
    doc = kind.__doc__
    assert doc.split("\n")[0].endswith(".")
    assert "Formula: " in doc
    assert any(str(year) in doc.split("Source: ")[1] for year in range(1985, 2027))
    for parameter in kind.parameters():
        field = kind.model_fields[parameter]
        assert field.title
        assert field.description
        assert field.examples
        assert field.metadata, "a parameter needs bounds"
    (rule,) = parse_chain(example(kind))
    assert isinstance(rule, kind)


def test_a_parameter_is_written_where_it_differs_from_its_default():
    chain = parse_chain("dry = 0.8 base=1.75  window = 9, xtc=0.5")
    assert chain == (DRY(multiplier=0.8, window=9), XTC(probability=0.5))
    assert chain_text(chain) == "dry=0.8 window=9,xtc=0.5"


def test_the_schema_of_a_chain_names_every_filter():
    schema = str(Settings.model_json_schema())
    assert all(f"'const': '{name}'" in schema for name in FILTERS)
