"""The same with doveadm's lists."""

# pylint: disable=unused-import
import pytest

from test_doveadm import (liar, old, target, test_list_json, test_list_selects,
                          test_list_tab, test_provider_list, test_show)

pytestmark = pytest.mark.usefixtures("each_server")
