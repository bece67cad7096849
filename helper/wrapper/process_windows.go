package wrapper

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Signal is unused on Windows: no command ends by a signal.
type Signal = syscall.Signal

// process is the running command. It is in a job together with the processes that it starts. The
// job ends when this process ends. If the command ends by itself, the processes that it started
// keep running.
type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	job windows.Handle // 0 for none
}

func start(path string, c Command) (*process, error) {
	cmd := c.command(path)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	if job, err := newJob(); err == nil {
		if assign(job, cmd.Process.Pid) == nil {
			p.job = job
		} else {
			_ = windows.CloseHandle(job)
		}
	}
	return p, nil
}

// newJob returns a job whose processes end when its last handle is closed. The system closes the
// handle when this process ends.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	// A process that asks for it may leave the job, as services do.
	err = limit(job, windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE|windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK)
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, err
	}
	return job, nil
}

func limit(job windows.Handle, flags uint32) error {
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = flags
	_, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	return err
}

func assign(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(process)
	return windows.AssignProcessToJobObject(job, process)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) wait() Status {
	err := p.cmd.Wait()
	p.mu.Lock()
	if p.job != 0 {
		_ = limit(p.job, 0)
		_ = windows.CloseHandle(p.job)
		p.job = 0
	}
	p.mu.Unlock()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return Status{Code: 255}
	}
	return Status{Code: p.cmd.ProcessState.ExitCode()}
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }
func (p *process) terminate()         { p.kill() } // there is no gentler way that works for every console program

// kill also ends the processes that the command has started: the command may be a launcher, which
// starts the program and waits for it.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.job == 0 || windows.TerminateJobObject(p.job, 1) != nil {
		_ = p.cmd.Process.Kill()
	}
}

// catcher catches the console's Ctrl-C. The command gets it as well, and reacts to it.
type catcher struct{ forward, drop chan os.Signal }

func catch() *catcher {
	c := &catcher{make(chan os.Signal), make(chan os.Signal, 1)}
	signal.Notify(c.drop, os.Interrupt)
	return c
}

func (c *catcher) stop() { signal.Stop(c.drop) }

// Die does nothing on Windows, where no process ends by a signal.
func Die(Signal) {}
