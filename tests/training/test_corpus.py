import pytest

from training.corpus import HELD_OUT, is_heading, read_books, split_documents
from training.errors import TrainingError


@pytest.mark.parametrize("line", ["THE BRONZE RING", "XII. THE GOLDEN GOOSE", "ALI BABA"])
def test_capitals_on_one_short_line_are_a_heading(line):
    assert is_heading(line)


@pytest.mark.parametrize(
    "line", ["The bronze ring", "HELP!", "NO", "A LINE\nAND ANOTHER", "X" * 80, "1812"]
)
def test_other_lines_are_not_headings(line):
    assert not is_heading(line)


def test_a_book_is_cut_at_headings_and_short_sections_are_dropped():
    long_a, long_b = "a word. " * 100, "another word. " * 100
    text = f"CONTENTS\n\nThe Ring\n\nTHE RING\n\n{long_a}\n\n{long_a}\n\nTHE HEN\n\n{long_b}"
    assert split_documents(text) == (
        f"{long_a.strip()}\n\n{long_a.strip()}",
        long_b.strip(),
    )


def test_books_come_with_group_and_split(books):
    names = {b.name: b for b in books}
    assert names["fairy__Collection"].group == "fairy"
    assert len(names["fairy__Collection"].documents) == 2
    assert {b.name for b in books if b.held_out} == HELD_OUT


def test_an_absent_folder_is_a_sentence(tmp_path):
    with pytest.raises(TrainingError, match=r"does not exist\. Give a folder of books"):
        list(read_books(tmp_path / "nowhere"))


def test_an_empty_folder_is_a_sentence(tmp_path):
    with pytest.raises(TrainingError, match="holds no book"):
        list(read_books(tmp_path))
