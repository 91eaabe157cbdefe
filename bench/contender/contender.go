// Package contender starts the servers that are measured: the service, the Flask app, PocketBase, PostgreSQL,
// and the servers of package limits.
package contender

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"userorder/bench/process"
)

// Server is a running HTTP server.
type Server struct {
	Address string
	Process *process.Process   // its memory is measured
	Behind  []*process.Process // their CPU time counts as well
}

// Processes returns the processes whose CPU time counts.
func (s *Server) Processes() []*process.Process {
	return append([]*process.Process{s.Process}, s.Behind...)
}

// Stage starts contenders.
type Stage struct {
	Group   *process.Group
	Ports   *process.Ports
	Dir     string // folder for their files
	Service string // path of the built service
	Self    string // path of this program, which runs the limits
	Secret  string // signs the tokens of all contenders, so that they accept each other's
}

// Start starts the service on a database and waits until it is healthy. It has no rate limits and logs only warnings;
// settings override these.
func (s Stage) Start(ctx context.Context, database string, settings ...string) (*Server, error) {
	server, err := s.launch(ctx, database, settings...)
	if err != nil {
		return nil, err
	}
	return server, server.Process.Healthy(ctx, server.Address)
}

func (s Stage) launch(ctx context.Context, database string, settings ...string) (*Server, error) {
	port, err := s.Ports.Free(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, "service.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has a copy
	p, err := s.Group.Start(ctx, process.Command{
		Name: "the service", Path: s.Service, Dir: s.Dir, Stdout: log,
		Env: append([]string{
			"HOST=127.0.0.1", "PORT=" + strconv.Itoa(port), "DATABASE_URL=" + database, "JWT_SECRET=" + s.Secret,
			"RATE_LIMIT=off", "LOG_LEVEL=warn", "DRAIN_DELAY=0s",
		}, settings...),
	})
	if err != nil {
		return nil, err
	}
	return &Server{Address: local(port), Process: p}, nil
}

// Limit starts a server of package limits, bare or gin, or the receiver of webhooks, and waits until it is healthy.
func (s Stage) Limit(ctx context.Context, name string) (*Server, error) {
	port, err := s.Ports.Free(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Group.Start(ctx, process.Command{
		Name: name, Path: s.Self, Args: []string{name, "-port", strconv.Itoa(port)}, Env: []string{"JWT_SECRET=" + s.Secret},
	})
	if err != nil {
		return nil, err
	}
	server := &Server{Address: local(port), Process: p}
	return server, p.Healthy(ctx, server.Address)
}

func local(port int) string { return fmt.Sprint("127.0.0.1:", port) }
