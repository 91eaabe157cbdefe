//go:build unix

package databasetest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// supervise runs the server until standard input is closed, which happens however the test process ends, and then
// removes its folder.
const supervise = `
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
	-c full_page_writes=off -c max_connections=300 >"$2/log" 2>&1 &
cat >/dev/null
kill -QUIT $!
wait
rm -rf "$2"
`

// startPostgres creates a cluster in a temporary folder and starts its server on a Unix socket there, so that test
// binaries do not share ports. The cluster need not survive a crash, so nothing is synced.
func startPostgres() (server, error) {
	bin, err := PostgresBinaries()
	if err != nil {
		return server{}, err
	}
	dir, err := os.MkdirTemp("", "userorder-postgres-")
	if err != nil {
		return server{}, err
	}
	owner, err := PostgresUser(dir)
	if err != nil {
		return server{}, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"),
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, owner
	if out, err := initdb.CombinedOutput(); err != nil {
		return server{}, fmt.Errorf("initdb: %w: %s", err, out)
	}
	postgres := exec.Command("sh", "-c", supervise, "sh", filepath.Join(bin, "postgres"), dir)
	postgres.Dir, postgres.SysProcAttr = dir, owner
	lifeline, err := postgres.StdinPipe()
	if err != nil {
		return server{}, err
	}
	if err := postgres.Start(); err != nil {
		return server{}, err
	}
	url := "postgres://postgres@/postgres?" + url.Values{"host": {dir}}.Encode()
	return server{url: url, lifeline: lifeline}, waitFor(url, filepath.Join(dir, "log"))
}

// PostgresBinaries returns the folder that holds initdb and postgres. It searches PATH, then the newest version under
// /usr/lib/postgresql, where Debian installs them.
func PostgresBinaries() (string, error) {
	_ = os.Getenv("TEST_TOOLS") // make lists there what it finds: go test caches no result across a change of it
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("no initdb on PATH or under /usr/lib/postgresql, and TEST_DATABASE_URL is not set")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// PostgresUser returns the attributes for a command to run as a user other than root, which PostgreSQL refuses, and makes
// that user the owner of dir.
func PostgresUser(dir string) (*syscall.SysProcAttr, error) {
	// In a process group of its own, so that Ctrl-C does not end the server before the tests.
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}

// waitFor returns once the server answers. After 30 seconds it returns an error with the server's log.
func waitFor(url, log string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = db.Ping(); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			out, _ := os.ReadFile(log)
			return fmt.Errorf("PostgreSQL did not start: %w: %s", err, out)
		}
	}
}
