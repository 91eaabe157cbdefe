//go:build unix

package e2e

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABackupIsRestoredByPuttingItInPlace(t *testing.T) {
	t.Parallel()
	binary, err := build()
	require.NoError(t, err)
	dir := t.TempDir()
	p := start(t, dir)
	l := newLedger(login(t, p.url(t)))
	wait := l.writeAll(t, p.url(t), 4)
	time.Sleep(300 * time.Millisecond)
	before := l.copy()
	command := launch(t, dir, exec.Command(binary, "backup", "backup.db"))
	require.Equal(t, 0, command.exit(t), said(t, command.stderr))
	require.Equal(t, "backup.db is a copy of sqlite:data/app.db, checked and on the disk.\n", said(t, command.stdout))
	p.kill() // leaves a write-ahead log that does not belong to the copy
	wait()
	requireWhole(t, filepath.Join(dir, "backup.db"))

	// What userorder restore does, by hand.
	for _, suffix := range []string{"-wal", "-shm"} {
		err := os.Remove(filepath.Join(dir, "data", "app.db"+suffix))
		require.True(t, err == nil || errors.Is(err, os.ErrNotExist), "%v", err)
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "backup.db"), filepath.Join(dir, "data", "app.db")))

	p = start(t, dir)
	for id := range l.cancelled { // some may have been cancelled between copy and the backup
		if _, known := before.orders[id]; known && !before.cancelled[id] {
			before.cancelled[id] = false
		}
	}
	require.NotEmpty(t, before.orders)
	before.checkAll(t, p.url(t))
	require.True(t, create(p.url(t), l.token, "after the restore").ok())
}

// copy returns what is acknowledged so far.
func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{token: l.token, orders: maps.Clone(l.orders), cancelled: maps.Clone(l.cancelled)}
}
