"""The protobuf classes of proto/*.proto, made by protoc when this is imported: `login`, `c2c`, `common`."""

import atexit
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[3]
FILES = ["proto/common.proto", "proto/login.proto", "proto/c2c.proto"]

_folder = tempfile.mkdtemp(prefix="parley-messages-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
subprocess.run(["protoc", f"--python_out={_folder}", f"-I{SOURCE}", *FILES], cwd=SOURCE, check=True)
sys.path.insert(0, _folder)

common = importlib.import_module("proto.common_pb2")
login = importlib.import_module("proto.login_pb2")
c2c = importlib.import_module("proto.c2c_pb2")
