"""Several processes that train one run, as torchrun starts them; forked, as torch is imported.

Not from a process that went backward through compiled code: autograd then has threads, which no
fork has, and refuses to go backward there. So tests of compiling have a process of their own.
"""

import os
import pickle
import socket
import sys
import traceback


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Ranks:
    """work(rank) in each of `size` processes, with the environment that torchrun gives them."""

    def __init__(self, size, work):
        torchrun = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        torchrun |= {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
        self.pids, self.pipes = [], []
        for rank in range(size):
            read, write = os.pipe()
            pid = os.fork()
            if not pid:
                own = torchrun | {"RANK": rank, "LOCAL_RANK": rank}
                os.environ.update({name: str(value) for name, value in own.items()})
                self._work(work, rank, write)
            os.close(write)
            self.pids.append(pid)
            self.pipes.append(read)

    @staticmethod
    def _work(work, rank, write):
        code = 99
        try:
            found = work(rank)
            with os.fdopen(write, "wb") as pipe:
                pickle.dump(found, pipe)
            code = found if isinstance(found, int) else 0
        except SystemExit as leaving:
            code = leaving.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def alive(self):
        """Do all of them still work? Who has ended stays to be asked for."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return not any(os.waitid(os.P_PID, pid, flags) for pid in self.pids)

    def ended(self):
        """[(exit code, what work returned or None)] by rank, when all have ended."""
        found = []
        for pid, read in zip(self.pids, self.pipes, strict=True):
            with os.fdopen(read, "rb") as pipe:
                content = pipe.read()
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            found.append((code, pickle.loads(content) if content else None))
        return found


def together(size, work):
    """What work(rank) returned in each process, by rank; all ended well."""
    ended = Ranks(size, work).ended()
    assert [code for code, _ in ended] == [0] * size
    return [found for _, found in ended]
