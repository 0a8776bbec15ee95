"""What a machine or a deployment may set, by environment variables that begin with EXPLORER_."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from explorer.errors import InputError, validation_sentence

DtypeName = Literal["auto", "float32", "float64", "bfloat16", "float16"]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
BUNDLED = Path(__file__).parents[1] / "assets" / "models"


class Settings(BaseSettings):
    """Every setting, its default and its bounds."""

    model_config = SettingsConfigDict(env_prefix="EXPLORER_", frozen=True)

    data_folder: Annotated[
        Folder, Field(description="Where runs and sessions are kept.", validate_default=True)
    ] = Path("~/.decoding-explorer")
    database_url: Annotated[
        SecretStr | None,
        Field(description="Where runs are kept instead: postgresql+psycopg://user:…@host/name."),
    ] = None
    undo_seconds: Annotated[
        float, Field(ge=0, le=30 * 86_400, description="How long a deletion can be undone.")
    ] = 600.0
    models_folder: Annotated[Folder, Field(description="Folder of the bundled models.")] = BUNDLED
    device: Annotated[
        str, Field(description="Where models compute: auto, cpu, cuda, cuda:1, mps.")
    ] = "auto"
    dtype: Annotated[DtypeName, Field(description="Number format of the weights.")] = "auto"
    threads: Annotated[
        int | None,
        Field(ge=1, le=1024, description="CPU threads; if unset 1 for small models, else torch's."),
    ] = None
    max_model_bytes: Annotated[
        int | None,
        Field(ge=0, description="Bytes of weights kept loaded; half the memory if unset."),
    ] = None
    max_prompt_characters: Annotated[
        int, Field(ge=1, description="Longest prompt that is taken, in characters.")
    ] = 20_000
    max_new_tokens: Annotated[
        int, Field(ge=1, description="Most new tokens that a run may ask for.")
    ] = 1024
    max_nodes: Annotated[int, Field(ge=1, description="Most nodes that a run may ask for.")] = (
        1_000_000
    )
    max_seconds: Annotated[
        float, Field(gt=0, description="Most seconds that a run may ask for.")
    ] = 86_400
    max_run_bytes: Annotated[
        int, Field(ge=2**16, description="Bytes of events at which a run in the app is ended.")
    ] = 32 * 2**20
    recorded_law_bytes: Annotated[
        int, Field(ge=0, description="Bytes of whole laws that a run keeps, for moving filters.")
    ] = 2 * 2**20
    max_queue: Annotated[int, Field(ge=0, description="Runs that may wait in the app.")] = 32
    worker_devices: Annotated[
        str, Field(description="Devices with a process each, by commas; `device` alone if empty.")
    ] = ""
    preload: Annotated[
        str, Field(description="Models that the app loads at its start, by commas.")
    ] = "target,draft"
    local_folders: Annotated[
        bool,
        Field(description="Whether the app's page may use models from this machine's folders."),
    ] = False
    max_trace_bytes: Annotated[
        int, Field(ge=1, description="Largest file of runs that is imported, in bytes.")
    ] = 64 * 2**20

    def as_environment(self) -> dict[str, str]:
        """The variables that give another process these settings, but for the secret one."""
        values = self.model_dump(mode="json", exclude_none=True, exclude={"database_url"})
        prefix = self.model_config["env_prefix"]
        return {f"{prefix}{name}".upper(): str(value) for name, value in values.items()}


@cache
def settings() -> Settings:
    """The settings of this process, read once; `settings.cache_clear()` reads them anew.

    Raises:
        InputError: an EXPLORER_ variable holds a value that is not allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise InputError(validation_sentence(error, "EXPLORER_ environment")) from None
