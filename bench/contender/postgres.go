package contender

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"userorder/bench/process"
)

// Postgres is a PostgreSQL server with a cluster of its own.
type Postgres struct {
	Version string
	Process *process.Process

	bin, dir string
	port     int
	owner    *syscall.Credential
}

// ErrMissing means that a contender is not installed.
var ErrMissing = errors.New("not installed")

// NewPostgres creates a cluster; Start starts its server. The error is ErrMissing if PostgreSQL is not installed.
func (s Stage) NewPostgres(ctx context.Context) (*Postgres, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, dir: filepath.Join(s.Dir, "postgres")}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	if p.owner, err = postgresUser(p.dir); err != nil {
		return nil, err
	}
	if p.port, err = s.Ports.Free(ctx); err != nil {
		return nil, err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", p.data(), //nolint:gosec // found by postgresBinaries
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: p.owner}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return p, nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// URL returns the URL of a database.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", p.port, database)
}

// ForSeeding are settings that make inserts fast and lose everything in a crash.
var ForSeeding = []string{
	"fsync=off", "full_page_writes=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0", "max_wal_size=16GB",
	"autovacuum=off", "maintenance_work_mem=512MB",
}

// Start starts the server and waits until it accepts connections. Apart from shared_buffers, max_connections (each service
// keeps a pool for its database, and machines with more cores have larger pools) and settings it uses PostgreSQL's defaults.
func (p *Postgres) Start(ctx context.Context, group *process.Group, settings ...string) (err error) {
	args := []string{"-D", p.data(), "-k", p.dir, "-p", strconv.Itoa(p.port)}
	for _, setting := range append([]string{"listen_addresses=127.0.0.1", "shared_buffers=512MB", "max_connections=500"}, settings...) {
		args = append(args, "-c", setting)
	}
	p.Process, err = group.Start(ctx, process.Command{
		Name: "PostgreSQL", Path: filepath.Join(p.bin, "postgres"), Args: args, Dir: p.dir, Credential: p.owner,
		Stop: syscall.SIGINT, // a fast shutdown, which writes everything
	})
	if err != nil {
		return err
	}
	const limit, pause = 30 * time.Second, 20 * time.Millisecond
	return p.Process.Wait(ctx, limit, pause, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err != nil {
			return err
		}
		return errors.Join(conn.QueryRow(ctx, "SHOW server_version").Scan(&p.Version), conn.Close(ctx))
	})
}

// postgresBinaries returns the folder of initdb, from PATH or else the newest in /usr/lib/postgresql, where Debian
// installs it.
func postgresBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL: %w", ErrMissing)
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// postgresUser returns a user for PostgreSQL, which refuses to run as root, and gives dir to that user. It returns nil
// unless this process runs as root.
func postgresUser(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}
