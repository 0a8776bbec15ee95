"""Models of the hub: fetched once and then at hand, or refused with a sentence that says why."""

import shutil

import pytest
from makers import sentence

from explorer.errors import ModelError, UnknownName
from explorer.models.loading import load_model


def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_the_hub_cannot_be_reached(monkeypatch, bundle):
    offline(monkeypatch)
    assert "cannot be reached" in sentence("nobody-at-all/nothing")


def test_a_mistyped_bundled_name_without_a_network(monkeypatch, bundle, sound):
    shutil.copytree(sound, bundle / "target")
    offline(monkeypatch)
    said = sentence("tagret")
    assert "did you mean 'target'" in said
    assert "cannot be reached" in said


def hub_error(name, status):
    import httpx2
    from huggingface_hub import errors

    request = httpx2.Request("GET", "https://example.invalid")
    return getattr(errors, name)(
        "lines\nof details", response=httpx2.Response(status, request=request)
    )


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("RepositoryNotFoundError", 401, "has no model"),
        ("GatedRepoError", 403, "is gated"),
        ("DisabledRepoError", 403, "disabled"),
        ("RevisionNotFoundError", 404, "no revision"),
        ("HfHubHTTPError", 500, "could not be fetched"),
    ],
)
def test_what_the_hub_refuses(monkeypatch, bundle, name, status, said):
    def refuse(*args, **options):
        raise hub_error(name, status)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    assert said in sentence("some/model", revision="v1")


@pytest.mark.parametrize("error", [ConnectionError(), OSError(28, "No space left"), TimeoutError()])
def test_what_happens_on_the_way(monkeypatch, bundle, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    assert "could not be fetched" in sentence("some/model")


def test_a_bare_word_that_the_hub_does_not_know(monkeypatch, bundle, sound):
    shutil.copytree(sound, bundle / "target")

    def refuse(*args, **options):
        raise hub_error("RepositoryNotFoundError", 401)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    assert "did you mean 'target'" in sentence("targt", UnknownName)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def fetched(tmp_path, sound, monkeypatch):
    """The hub's cache as it is after a model was fetched once; the network is gone."""
    place = tmp_path / "hub" / "models--some--model"
    shutil.copytree(sound, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    offline(monkeypatch)


def test_what_was_fetched_before_needs_no_network(fetched, bundle):
    model = load_model("some/model")
    assert model.model_id == "some/model"
    assert model.revision == COMMIT
    assert load_model("some/model", revision=COMMIT).revision == COMMIT


def test_a_revision_may_be_written_behind_an_id(fetched, bundle):
    model = load_model(f"some/model@{COMMIT}")
    assert (model.model_id, model.revision) == ("some/model", COMMIT)
    with pytest.raises(ModelError):
        load_model("some/model@another")


class Listed:
    """A file of the hub as a dry run lists it."""

    def __init__(self, filename, file_size):
        self.filename, self.file_size = filename, file_size


def test_too_large_a_model_is_not_even_fetched(tmp_path, monkeypatch, bundle, sound):
    """Only the configuration is there when the memory is asked."""
    shutil.copytree(sound, tmp_path / COMMIT, ignore=shutil.ignore_patterns("*.safetensors"))
    asked = []

    def download(model_id, *, allow_patterns, dry_run=False, **options):
        asked.append((allow_patterns[0], dry_run))
        return [Listed("model.safetensors", 10**15)] if dry_run else str(tmp_path / COMMIT)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert "needs about" in sentence("some/model")
    assert asked == [("*.json", False), ("model.safetensors", True)]
