package contender

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"userorder/bench/process"
)

// Worker is a list of gunicorn's options. There is always one process, since several would not share the lists.
type Worker []string

// Workers lists the kinds of workers to try.
var Workers = []Worker{
	{"--worker-class", "sync"},
	{"--worker-class", "gthread", "--threads", "1", "--keep-alive", "75"},
	{"--worker-class", "gthread", "--threads", "4", "--keep-alive", "75"},
}

func (w Worker) String() string { return strings.Join(w, " ") }

// Flask is the Flask app under gunicorn.
type Flask struct {
	Worker   Worker
	Versions string

	gunicorn, app string
}

// NewFlask finds gunicorn and checks that it can load the app in the folder app. The error is ErrMissing if gunicorn or a
// Python package is not installed.
func NewFlask(ctx context.Context, app string) (*Flask, error) {
	gunicorn, err := exec.LookPath("gunicorn")
	if err != nil {
		return nil, fmt.Errorf("gunicorn: %w", ErrMissing)
	}
	f := &Flask{gunicorn: gunicorn, app: app}
	version, err := exec.CommandContext(ctx, gunicorn, "--version").Output() //nolint:gosec // found by LookPath
	if err != nil {
		return nil, fmt.Errorf("gunicorn --version: %w", err)
	}
	check := exec.CommandContext(ctx, gunicorn, "--check-config", "app:app") //nolint:gosec // found by LookPath
	check.Dir, check.Env = app, append(os.Environ(), "JWT_SECRET=none", "PYTHONDONTWRITEBYTECODE=1", "SAY_VERSIONS=1")
	out, err := check.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return nil, fmt.Errorf("Flask or flask_jwt_extended: %w: %s", ErrMissing, lines[len(lines)-1])
	}
	said := strings.NewReplacer("(version ", "", ")", "").Replace(strings.TrimSpace(string(version)))
	f.Versions = strings.TrimSpace(string(out)) + ", " + said
	return f, nil
}

// StartFlask starts the app with seeded orders, which belong to users in turn, and waits until it is healthy.
func (s Stage) StartFlask(ctx context.Context, f *Flask, orders, users int) (*Server, error) {
	port, err := s.Ports.Free(ctx)
	if err != nil {
		return nil, err
	}
	args := append([]string{
		"--workers", "1", "--bind", local(port), "--log-level", "warning", "--worker-tmp-dir", s.Dir,
	}, f.Worker...)
	p, err := s.Group.Start(ctx, process.Command{
		Name: "gunicorn", Path: f.gunicorn, Args: append(args, "app:app"), Dir: f.app,
		Env: append(os.Environ(), "JWT_SECRET="+s.Secret, "ORDERS="+strconv.Itoa(orders), "USERS="+strconv.Itoa(users),
			"PYTHONDONTWRITEBYTECODE=1"),
	})
	if err != nil {
		return nil, err
	}
	server := &Server{Address: local(port), Process: p}
	return server, p.Healthy(ctx, server.Address)
}
