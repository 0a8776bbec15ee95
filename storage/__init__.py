"""Where runs are kept: one `Store`, on SQLite or another database.

>>> from storage import Shared, open_store
>>> store = open_store()
>>> me = store.owner_of(token)                      # from the browser
>>> store.create_run(header, me)                    # the worker's side
>>> store.append(header.run_id, 0, events)
>>> store.finish(header.run_id)
>>> store.trace(header.run_id, me)                  # the page's side
>>> link = store.share_run(header.run_id, me)
>>> store.trace(header.run_id, Shared(link))        # somebody else's
"""

from storage.access import Owner, Reader, Shared
from storage.errors import NotThere, StoreError
from storage.library import RunPage, SessionInfo
from storage.reading import NewEvents, RunInfo
from storage.rows import ENDED, GOING, Status
from storage.sharing import ShareInfo
from storage.store import Store, open_store
from storage.transfer import Imported

__all__ = [
    "ENDED",
    "GOING",
    "Imported",
    "NewEvents",
    "NotThere",
    "Owner",
    "Reader",
    "RunInfo",
    "RunPage",
    "SessionInfo",
    "ShareInfo",
    "Shared",
    "Status",
    "Store",
    "StoreError",
    "open_store",
]
