"""No call in either package makes code, or objects of any kind, of bytes that it reads.

It reads the syntax, so that it holds for lines that no test runs. What may be loaded is JSON, TOML, safetensors, .npy
without objects, Parquet and text. Apart from it stands what the processes of one run send each other through pipes of
`multiprocessing` (and of Ray): they are ours, and nobody else can write into them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for package in ("search", "sentiment") for path in (ROOT / package).rglob("*.py"))

MODULES = frozenset(
    {
        *(
            "pickle",
            "_pickle",
            "cPickle",
            "cloudpickle",
            "dill",
            "joblib",
            "shelve",
            "marshal",
            "pickletools",
            "copyreg",
        ),
        *("yaml", "ruamel", "jsonpickle", "klepto", "hickle", "sklearn.externals", "code", "codeop", "xmlrpc", "imp"),
    }
)
"""That turn bytes into objects or code, or wrap one that does."""
NAMES = frozenset({"eval", "exec", "compile", "__import__", "execfile", "input"})
"""Built in, that run what they are given."""
METHODS = frozenset({"torch.load", "torch.jit.load", "torch.package", "torch.hub", "torch.export", "torch.compile"})
METHODS |= {"np.fromregex", "numpy.fromregex", "pd.read_pickle", "pandas.read_pickle", "pandas.eval", "os.system"}
METHODS |= {"os.popen", "joblib.load", "subprocess.getoutput", "subprocess.getstatusoutput", "importlib.util"}
WITH_FLAG = {"load": ("np", "numpy"), "save": ("np", "numpy"), "savez": ("np", "numpy")}
"""Functions of numpy that unpickle or pickle unless they are told not to."""
UNPICKLES = frozenset({"Unpickler", "loads_pickle", "read_pickle", "unpickle", "load_pickle"})


def doors(source: str) -> Iterator[str]:
    """What in a module could turn bytes into objects or code."""
    for node in ast.walk(ast.parse(source)):
        where = f"line {getattr(node, 'lineno', 0)}: "
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for alias in node.names:
                # What another module calls `code`, as `sentiment.foreign` does, is not Python's module of that name.
                names = {module, f"{module}.{alias.name}".strip(".")}
                if any(name == closed or name.startswith(f"{closed}.") for name in names for closed in MODULES):
                    yield f"{where}imports {module or alias.name}"
                if {f"{module}.{alias.name}"} & METHODS or alias.name in UNPICKLES:
                    yield f"{where}imports {alias.name} of {module}"
        if isinstance(node, ast.keyword):
            value = node.value.value if isinstance(node.value, ast.Constant) else ...
            if node.arg in ("trust_remote_code", "allow_pickle", "weights_only", "shell") and value is not False:
                yield f"{where}{node.arg} is not False"
            if node.arg in ("use_safetensors",) and value is not True:
                yield f"{where}{node.arg} is not True"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        last = called.rsplit(".", 1)[-1]
        if called in NAMES or (called.startswith("builtins.") and last in NAMES):
            yield f"{where}{called}()"
        if any(called == closed or called.startswith(f"{closed}.") for closed in METHODS) or last in UNPICKLES:
            yield f"{where}{called}()"
        if called.split(".")[0] in WITH_FLAG.get(last, ()) and not _told(node, "allow_pickle", value=False):
            yield f"{where}{called}() without allow_pickle=False"
        if last == "from_pretrained" and not (_is_nothing(node.args[0]) if node.args else False):
            yield f"{where}{called}() of a name: it would choose the files, and which code reads them, itself"


def _told(call: ast.Call, name: str, *, value: object) -> bool:
    return any(
        word.arg == name and isinstance(word.value, ast.Constant) and word.value.value is value
        for word in call.keywords
    )


def _is_nothing(argument: ast.expr) -> bool:
    return isinstance(argument, ast.Constant) and argument.value is None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_unpickles_or_runs_what_it_reads(path: Path) -> None:
    assert list(doors(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        *("import pickle", "from pickle import loads", "import joblib", "from yaml import load", "import marshal as m"),
        *("import cloudpickle", "from sklearn.externals import joblib", "import shelve", "from torch import load"),
        *(
            "torch.load(path)",
            "torch.load(path, weights_only=True)",
            "np.load(path)",
            "numpy.load(path, mmap_mode='r')",
        ),
        *("np.load(path, allow_pickle=True)", "np.load(path, allow_pickle=flag)", "np.save(path, x)", "eval('1')"),
        *("exec(text)", "compile(text, 'x', 'exec')", "__import__(name)", "pd.read_pickle(path)", "os.system(text)"),
        *("AutoModel.from_pretrained(name)", "f(trust_remote_code=True)", "f(trust_remote_code=asked)"),
        *("f(use_safetensors=False)", "subprocess.run(text, shell=True)", "builtins.exec(text)", "Unpickler(file)"),
    ],
)
def test_a_line_that_opens_such_a_door_is_seen(line: str) -> None:
    assert list(doors(f"def f():\n    {line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        *("np.load(path, allow_pickle=False)", "json.loads(text)", "safetensors.torch.load(content)", "re.compile(x)"),
        *("model.eval()", "tomllib.loads(text)", "f(None, config=config).from_pretrained(None, config=config)"),
    ],
)
def test_a_line_that_opens_none_is_left_alone(line: str) -> None:
    assert list(doors(f"def f():\n    {line}\n")) == []
