// Package process starts other programs, measures their CPU time and memory, and stops them.
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

// Command describes a program to start.
type Command struct {
	Name       string // used in errors
	Path       string
	Args       []string
	Dir        string
	Env        []string
	Stdout     io.Writer           // nil: discarded
	Credential *syscall.Credential // nil: the current user
	Stop       syscall.Signal      // requests shutdown; 0: SIGTERM
}

// Process is a started program.
type Process struct {
	command *exec.Cmd
	name    string
	stop    syscall.Signal
	stderr  *tail
	ended   chan struct{}
}

// Group keeps track of the processes that it starts, so that none is left behind.
type Group struct {
	mu        sync.Mutex
	processes []*Process
}

// Start starts a program in a process group of its own, so that an interrupt from the terminal does not reach it. If this
// process dies, the kernel sends the program its Stop signal. The context cancels only the start.
func (g *Group) Start(ctx context.Context, c Command) (*Process, error) {
	if c.Stop == 0 {
		c.Stop = syscall.SIGTERM
	}
	p := &Process{name: c.Name, stop: c.Stop, stderr: &tail{}, ended: make(chan struct{})}
	p.command = exec.Command(c.Path, c.Args...) //nolint:gosec,noctx // fixed commands, ended by Stop and not by a context
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

// Stop stops all running processes, the last one first.
func (g *Group) Stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := len(g.processes) - 1; i >= 0; i-- {
		_ = g.processes[i].Stop()
	}
}

// grace is how long a process may take to stop before it is killed.
const grace = 20 * time.Second

// Stop sends the process its Stop signal and waits for its end. After 20 seconds it kills the process with all its
// descendants and returns an error. It may be called again.
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

// Err returns nil while the process runs, and afterwards an error with its status and the end of its standard error.
func (p *Process) Err() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended (%s): %s", p.name, p.command.ProcessState, p.stderr)
	default:
		return nil
	}
}

// Wait calls ready, with a pause between calls, until it returns nil. It fails if the process ends, ctx ends or limit
// passes.
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

// tail keeps the last 2 KiB that are written to it.
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
