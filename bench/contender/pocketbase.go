package contender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"userorder/bench/process"
)

// PocketBase is a built PocketBase and a data folder with orders.
type PocketBase struct {
	Version string
	Tokens  []string // of its users

	path, data string
}

// NewPocketBase builds the module in folder and creates a data folder. The error is ErrMissing if the modules that it
// needs are not in the module cache and cannot be downloaded, or need a newer Go.
func (s Stage) NewPocketBase(ctx context.Context, folder string) (*PocketBase, error) {
	p := &PocketBase{path: filepath.Join(s.Dir, "pocketbase"), data: filepath.Join(s.Dir, "pocketbase-data")}
	const patience = 3 * time.Minute // of a network that drops packets
	download, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := inModule(download, folder, "list", "-deps", "-f", `{{with .Module}}{{if eq .Path "github.com/pocketbase/pocketbase"}}{{.Version}}{{end}}{{end}}`, ".")
	if err != nil {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("PocketBase: %w: %w", ErrMissing, err))
	}
	version, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte{'\n'})
	p.Version = string(version)
	if _, err := inModule(ctx, folder, "build", "-trimpath", "-ldflags", "-s -w", "-o", p.path, "."); err != nil {
		return nil, fmt.Errorf("build PocketBase: %w", err)
	}
	seed := exec.CommandContext(ctx, p.path, "seed", "--dir", p.data) //nolint:gosec // built above
	var complaint bytes.Buffer
	seed.Stderr = &complaint
	if out, err = seed.Output(); err != nil {
		return nil, fmt.Errorf("seed PocketBase: %w: %s", err, lastLine(complaint.Bytes()))
	}
	return p, json.Unmarshal(out, &p.Tokens)
}

// inModule runs the go command in the folder of a module and returns what it prints. Like PocketBase's releases, programs
// are built without cgo.
func inModule(ctx context.Context, folder string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // ours
	var complaint bytes.Buffer
	command.Dir, command.Env, command.Stderr = folder, append(os.Environ(), "CGO_ENABLED=0"), &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, lastLine(complaint.Bytes()))
	}
	return out, nil
}

func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

// StartPocketBase starts PocketBase on a copy of its data folder and waits until it is healthy.
func (s Stage) StartPocketBase(ctx context.Context, p *PocketBase, name string, settings ...string) (*Server, error) {
	port, err := s.Ports.Free(ctx)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.Dir, name)
	if err := os.CopyFS(data, os.DirFS(p.data)); err != nil {
		return nil, err
	}
	process, err := s.Group.Start(ctx, process.Command{
		Name: "PocketBase", Path: p.path, Args: []string{"serve", "--dir", data, "--http", local(port)},
		Dir: s.Dir, Env: append(os.Environ(), settings...),
	})
	if err != nil {
		return nil, err
	}
	server := &Server{Address: local(port), Process: process}
	return server, process.Responds(ctx, server.Address, "/api/health")
}
