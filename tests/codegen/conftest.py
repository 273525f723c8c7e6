"""Code generator tests: an own kernel cache for the session, unless SYMDL_CACHE_DIR already names one."""

import os
import tempfile

os.environ.setdefault("SYMDL_CACHE_DIR", tempfile.mkdtemp(prefix="symdl-test-cache-"))
