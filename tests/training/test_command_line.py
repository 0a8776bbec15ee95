import pytest

from training.__main__ import main


@pytest.fixture
def work(tmp_path):
    return ["--work", str(tmp_path / "work"), "--threads", "1"]


@pytest.mark.parametrize("part", ["tokenizer", "tokens"])
def test_an_absent_text_folder_ends_with_a_sentence_and_status_2(part, work, tmp_path, capsys):
    if part == "tokens":  # the tokenizer is asked for first
        assert main(["--texts", str(tmp_path), *work, part]) == 2
        assert "python -m training tokenizer" in capsys.readouterr().err
    assert main(["--texts", str(tmp_path / "nowhere"), *work, "tokenizer"]) == 2
    error = capsys.readouterr().err
    assert "does not exist" in error
    assert "Traceback" not in error


def test_an_empty_text_folder_ends_with_a_sentence_and_status_2(work, tmp_path, capsys):
    assert main(["--texts", str(tmp_path), *work, "tokenizer"]) == 2
    assert "holds no book" in capsys.readouterr().err


def test_pretraining_without_tokens_ends_with_a_sentence(work, capsys):
    assert main([*work, "pretrain", "draft-interim"]) == 2
    assert "python -m training" in capsys.readouterr().err
