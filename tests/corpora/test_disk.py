import shutil
import subprocess
import sys

import pytest

from hearfelt.corpora.disk import alone_in, require_space
from hearfelt.errors import DownloadError


def test_what_fits_is_let_through_and_what_does_not_is_refused_with_both_numbers(tmp_path):
    require_space(tmp_path, shutil.disk_usage(tmp_path).free // 2)
    with pytest.raises(DownloadError, match=r"1,000,000,000,000 MB are needed .*, [\d,]+ MB are free"):
        require_space(tmp_path, 10**18)


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
def test_a_folder_is_filled_by_one_process_and_is_free_when_that_is_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from hearfelt.corpora.disk import alone_in\n"
        "with alone_in(Path(sys.argv[1])):\n    print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(DownloadError, match="another hearfelt is filling this folder"), alone_in(tmp_path):
            pass
        other.kill()
    with alone_in(tmp_path):
        assert list(tmp_path.iterdir()) == []
