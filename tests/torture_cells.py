"""Cells that ask much of a kernel, each with what it is about; and notebooks made of them.

papermill's own kernel passes on what subprocesses write some time later: those cells wait a moment for it.
"""

from __future__ import annotations

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
WIDGET = "{'_model_name': 'IntSliderModel', '_model_module': '@jupyter-widgets/controls', 'value': 3}"
OUTPUT = "{'_model_name': 'OutputModel', '_model_module': '@jupyter-widgets/output', 'msg_id': '', 'outputs': []}"

CELLS = {
    "a result": "import os, sys, time, signal, subprocess, threading\nx = 1\nx + 1",
    "both streams": "print('out')\nprint('err', file=sys.stderr)\nprint('more')",
    "threads": (
        "def work(n):\n    print('thread', n)\n    display(n)\n"
        "for n in range(3):\n    one = threading.Thread(target=work, args=(n,))\n    one.start()\n    one.join()"
    ),
    "a subprocess": "_ = subprocess.run(['echo', 'from a subprocess'])\ntime.sleep(0.3)",
    "a shell": "_ = os.system('echo shell')\ntime.sleep(0.3)",
    "a line magic and a cell magic": "!echo line\nget_ipython().run_cell_magic('bash', '', 'echo cell')",
    "bytes past Python": "_ = os.write(1, 'naïve ✓\\n'.encode())\ntime.sleep(0.3)",
    "bytes past Python's errors": "_ = os.write(2, b'to stderr\\n')\ntime.sleep(0.3)",
    "top-level await": "import asyncio\nprint(await asyncio.sleep(0.01, 'slept'))",
    "a task that goes on": (
        "async def later():\n    await asyncio.sleep(0.05)\n    return 'done meanwhile'\n"
        "task = asyncio.create_task(later())"
    ),
    "its end": "await task",
    "asyncio.gather": "await asyncio.gather(*(asyncio.sleep(0.01, n) for n in range(3)))",
    "a display": "from IPython.display import HTML, clear_output, display, update_display\n_ = display('first', display_id='d')",
    "its update": "update_display('second', display_id='d')\ndisplay(HTML('<b>bold</b>'))",
    "clearing": "print('gone')\nclear_output()\nprint('kept')",
    "clearing later": "print('gone')\nclear_output(wait=True)\nprint('kept')",
    "a plotly figure": "import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a'], y=[1]))",
    "a frame": "import pandas as pd\npd.DataFrame({'a': [1.5, None]})",
    "BLAS": "import numpy as np\nfloat((np.ones((300, 300)) @ np.ones((300, 300))).sum())",
    "ten megabytes": "for _ in range(131_072):\n    print('x' * 79)",
    "a message to nobody": "from comm import create_comm\none = create_comm(target_name='nobody', data={'a': 1})\none.send({'b': 2})\none.close()",
    "a widget": f"create_comm(target_name='jupyter.widget', comm_id='w', data={{'state': {WIDGET}, 'buffer_paths': []}}, buffers=[])\nprint('made')",
    "an output widget": (
        f"area = create_comm(target_name='jupyter.widget', comm_id='o', data={{'state': {OUTPUT}, 'buffer_paths': []}})\n"
        "def catch(where):\n    sys.stdout.flush()\n    area.send({'method': 'update', 'state': {'msg_id': where}, 'buffer_paths': []})\n"
        "catch(get_ipython().parent_header['header']['msg_id'])\nprint('inside')\ncatch('')\nprint('outside')"
    ),
    "a signal": (
        "_ = signal.signal(signal.SIGUSR1, lambda *_: print('got it'))\nos.kill(os.getpid(), signal.SIGUSR1)\ntime.sleep(0.01)"
    ),
    "an interrupt": "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(5)\nexcept KeyboardInterrupt:\n    print('interrupted')",
    "a fork": (
        "process = os.fork()\nif not process:\n    print('in the child', flush=True)\n    time.sleep(0.3)\n    os._exit(3)\n"
        "os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])"
    ),
    "a file that Arrow reads, and a fork": (
        "import pathlib\npathlib.Path('a.csv').write_text('a\\n1\\n')\nframe = pd.read_csv('a.csv', engine='pyarrow')\n"
        "process = os.fork()\nif not process:\n    os._exit(0)\nos.waitpid(process, 0)[1], frame.shape"
    ),
    "processes": "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool:\n    print(pool.map(abs, [-1, -2]))",
    "standard input": "sys.stdin.read()",
    "a password": "import getpass\ntry:\n    getpass.getpass()\nexcept Exception as error:\n    print(type(error).__name__, error)",
    "warnings": "import warnings, logging\nwarnings.warn('careful')\nlogging.warning('logged')",
    "an error that is expected": "def fails():\n    return 1 / 0\nfails()",
    "bad syntax that is expected": "this is no Python",
    "a chain of errors, expected": "try:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('beta') from error",
    "an error with a bad text, expected": "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError('no text')\nraise Odd",
    "history": "_, __, sorted(Out)[:3], In[1][:9]",
    "nobody's name": "__name__, sys.modules['__main__'].__dict__ is globals(), type(get_ipython()).__name__",
    "where it is": "os.path.basename(sys.argv[0]), len(sys.argv), sys.path.index(''), os.getcwd()",
    "its group": "os.getpgid(0) == os.getpid() == os.getsid(0)",
    "its environment": "[os.environ.get(name) for name in ('TERM', 'MPLBACKEND', 'FORCE_COLOR', 'PAGER')]",
    "its signals": "signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD)",
    "a context variable": "import contextvars\nvariable = contextvars.ContextVar('variable')\n_ = variable.set(1)",
    "its value later": "variable.get('lost')",
    "a class that is sent away": "import pickle\nclass Sent:\n    pass\ntype(pickle.loads(pickle.dumps(Sent()))).__qualname__",
    "matplotlib, if there is one": (
        "import importlib.util\nif importlib.util.find_spec('matplotlib'):\n    import matplotlib.pyplot as plt\n    plt.plot([1, 2])\n    plt.show()"
    ),
    "a mutable result": "class Shown:\n    def _repr_mimebundle_(self, **_):\n        return {'text/plain': 'p', 'application/json': {'a': [1, None]}}\nShown()",
    "an odd number": "display({'application/json': {'n': float('inf')}, 'text/plain': 'inf'}, raw=True)",
    "lone surrogates": "print('a\\udc80b')",
    "carriage returns": "print('1%\\r2%\\rdone')",
    "a semicolon": "x;",
    "nothing": "   ",
    "questions": "len?",
    "the last": "print('the end')",
}  # fmt: skip
SKIPPED_TAG = new_code_cell("print('never')", metadata={"tags": ["skip-execution"]})


def torture_notebook():
    """Return a notebook of all cells; those whose name says so may fail."""
    cells = []
    for name, source in CELLS.items():
        tags = ["raises-exception"] if "expected" in name else []
        cells += [new_markdown_cell(f"## {name}"), new_code_cell(source, metadata={"tags": tags})]
    return notebook_of(*cells, SKIPPED_TAG)


def notebook_of(*cells, parameters=None):
    """Return a notebook of cells; a text is a cell of code."""
    made = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    if parameters is not None:
        made.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    return new_notebook(cells=made, metadata={"kernelspec": KERNELSPEC})
