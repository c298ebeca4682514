"""The plugin's tables in PostgreSQL and MariaDB: the same tests as with
SQLite."""

# pylint: disable=unused-import
import pytest

from same_databases import each_server
from test_control import (liar, make, moving, old, tap, test_delete_in_the_middle,
                          test_finish, test_many, test_pause_and_resume,
                          test_paused_by_another_node)
from test_many import test_ten_logins_of_one_user
from test_notes import test_many_notes, test_notes, worker
from test_probe import make_old, test_asked_once

pytestmark = pytest.mark.usefixtures("each_server")
