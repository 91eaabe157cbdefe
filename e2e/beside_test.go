//go:build unix

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
)

// TestShortWritesOfAnotherProcessDisturbNoRequest writes from this process to the file of a service under load.
func TestShortWritesOfAnotherProcessDisturbNoRequest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "data", "app.db")
	p := start(t, dir)
	base := p.url(t)
	l, over := newLedger(login(t, base)), make(chan struct{})
	wait := l.writeOn(t, base, 8, over)
	db, err := database.Open(t.Context(), "sqlite:"+file, database.Options{Beside: true})
	require.NoError(t, err)
	var longest time.Duration
	for n := range 200 {
		began := time.Now()
		_, err := db.Exec(t.Context(), `INSERT INTO orders (user_id, product, price, status, created_at)
			VALUES (4711, $1, 1, 'created', 1)`, fmt.Sprint("beside ", n))
		require.NoError(t, err)
		longest = max(longest, time.Since(began))
	}
	close(over)
	wait()
	t.Logf("beside %d orders; the longest write took %s", l.count(), longest)
	require.Zero(t, l.unknown+l.unavailable, "a request failed")
	l.checkAll(t, base)
	p.stop(t)
	require.NoFileExists(t, file+"-wal")
	require.NotContains(t, said(t, p.stdout), "level=ERROR")
	var beside int
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM orders WHERE user_id = 4711").Scan(&beside))
	require.Equal(t, 200, beside)
	require.NoError(t, db.Close())
	requireWhole(t, file)
}
