// Package process starts other programs, reads what they have cost, and ends them.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Command is a program to be started.
type Command struct {
	Name       string // in errors
	Path       string
	Args       []string
	Dir        string
	Env        []string
	Stdout     io.Writer           // nil: dropped
	Credential *syscall.Credential // nil: as who starts it
	Stop       syscall.Signal      // asks it to end; 0: SIGTERM
}

// Process is a program that was started.
type Process struct {
	command *exec.Cmd
	name    string
	stop    syscall.Signal
	stderr  *tail
	ended   chan struct{}
}

// Group is all processes that were started, so that none is left behind.
type Group struct {
	mu        sync.Mutex
	processes []*Process
}

// Start starts a program in a process group of its own, which an interrupt at the keyboard does not reach. If this
// process dies without a word, the kernel asks the other to end.
func (g *Group) Start(ctx context.Context, c Command) (*Process, error) {
	if c.Stop == 0 {
		c.Stop = syscall.SIGTERM
	}
	p := &Process{name: c.Name, stop: c.Stop, stderr: &tail{}, ended: make(chan struct{})}
	p.command = exec.Command(c.Path, c.Args...) //nolint:gosec,noctx // the commands are ours; Stop ends them, not a context
	p.command.Dir, p.command.Env, p.command.Stdout, p.command.Stderr = c.Dir, c.Env, c.Stdout, p.stderr
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: c.Stop, Credential: c.Credential}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.processes = append(g.processes, p)
	return p, nil
}

// Stop ends all that still run, the last one first.
func (g *Group) Stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := len(g.processes) - 1; i >= 0; i-- {
		_ = g.processes[i].Stop()
	}
}

// grace is how long a process may take to end before it is killed.
const grace = 20 * time.Second

// Stop asks the process to end, waits, and kills it with all its children if that takes too long. It may be called again.
func (p *Process) Stop() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	children := descendants(p.command.Process.Pid)
	if err := p.command.Process.Signal(p.stop); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(grace):
	}
	for _, pid := range append(children, p.command.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.ended
	return fmt.Errorf("%s did not end and was killed", p.name)
}

// Err says how a process that should still run has ended, or returns nil.
func (p *Process) Err() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended (%s): %s", p.name, p.command.ProcessState, p.stderr)
	default:
		return nil
	}
}

// Wait calls ready until it returns no error. It gives up when the process ends, when ctx does, or after limit.
func (p *Process) Wait(ctx context.Context, limit, pause time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", p.name, errors.Join(ctx.Err(), err))
		case <-time.After(pause):
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const kept = 2 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-kept):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
