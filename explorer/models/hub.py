"""Models of the Hugging Face hub, fetched into its cache, so that all loading is from a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer.errors import InputError, ModelError, shown
from explorer.models.weights import INDEX, SINGLE, first_line

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)?")
LONGEST_ID = 96
TEXTS = ["*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken"]
WEIGHTS = [SINGLE, INDEX, "model-*-of-*.safetensors"]
# Folders inside a repository hold the same weights once more, for other programs.
ELSEWHERE = ["*/*"]


class NotOnHub(ModelError):
    """The hub knows no such model (or shows it to nobody without a token)."""


class HubUnreachable(ModelError):
    """The hub does not answer, and nothing of that name was fetched before."""


def fetch(
    model_id: str, revision: str | None, look: Callable[[Path, int | None], None]
) -> tuple[Path, str]:
    """A folder with the model's files, and the commit they are of.

    What was fetched before is not fetched again, and is used without a network. `look` sees the
    folder while it holds the configuration alone, and the bytes of the weight files if the hub
    told them: what it raises saves a long download.

    Raises:
        InputError: the id cannot be one.
        NotOnHub, HubUnreachable, ModelError: why there is no folder.
    """
    if len(model_id) > LONGEST_ID or not HUB_ID.fullmatch(model_id):
        raise InputError(
            f"{shown(model_id)} is no model: a bundled name, a local folder, or an id of the "
            "Hugging Face hub such as 'openai-community/gpt2'."
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError

    with _sentences(model_id, revision):
        folder = Path(
            snapshot_download(
                model_id, revision=revision, allow_patterns=TEXTS, ignore_patterns=ELSEWHERE
            )
        )
    commit = folder.name
    size = None
    with _sentences(model_id, revision):
        try:
            files = snapshot_download(
                model_id,
                revision=commit,
                allow_patterns=WEIGHTS,
                ignore_patterns=ELSEWHERE,
                dry_run=True,
            )
            size = sum(file.file_size or 0 for file in files if file.filename != INDEX)
        except DryRunError:
            pass  # without a network, sizes are unknown; what is in the cache is measured later
    look(folder, size)
    with _sentences(model_id, revision):
        snapshot_download(
            model_id, revision=commit, allow_patterns=WEIGHTS, ignore_patterns=ELSEWHERE
        )
    return folder, commit


@contextmanager
def _sentences(model_id: str, revision: str | None) -> Iterator[None]:
    """Turns what the hub's library raises into sentences."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise ModelError(
            f"{model_id} is gated: accept its terms at https://huggingface.co/{model_id} and set "
            "the environment variable HF_TOKEN to a token of that account."
        ) from None
    except errors.DisabledRepoError:
        raise ModelError(f"{model_id} has been disabled on the Hugging Face hub.") from None
    except errors.RevisionNotFoundError:
        raise ModelError(f"{model_id} has no revision {shown(revision)} on the hub.") from None
    except errors.RepositoryNotFoundError:
        raise NotOnHub(
            f"The Hugging Face hub has no model {shown(model_id)}, or shows it only to those who "
            "set HF_TOKEN: check the id."
        ) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise HubUnreachable(
            f"The Hugging Face hub cannot be reached, and {model_id} was not fetched before: "
            "connect to the network, or choose a bundled model or a local folder."
        ) from None
    except Exception as error:
        # Networks fail in too many ways to name: proxies, certificates, full disks, broken pipes.
        raise ModelError(
            f"{model_id} could not be fetched from the Hugging Face hub ({first_line(error)}): "
            "try again, or choose a bundled model or a local folder."
        ) from error
