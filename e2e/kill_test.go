//go:build unix

package e2e

import (
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"userorder/database"
	"userorder/database/databasetest"
)

// requireWhole checks a database file with PRAGMA integrity_check.
func requireWhole(t *testing.T, path string) {
	t.Helper()
	requireWholeBy(t, path, "mode=ro")
}

// requireWholeBackup checks a file that has no log, and makes none beside it.
func requireWholeBackup(t *testing.T, path string) {
	t.Helper()
	require.NoFileExists(t, path+"-wal")
	requireWholeBy(t, path, "immutable=1")
}

func requireWholeBy(t *testing.T, path, options string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?"+options)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var verdict string
	require.NoError(t, db.QueryRow("PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
}

// TestNoAcknowledgedWriteIsLostWhenTheProgramIsKilled kills the program, not the machine. What a crash of the machine
// would lose is the subject of TestAResponseIsSentAfterTheFlush.
func TestNoAcknowledgedWriteIsLostWhenTheProgramIsKilled(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		p := start(t, dir, "DATABASE_URL="+url, smallPool)
		l := newLedger(login(t, p.url(t)))
		for range rounds(3, 50) {
			before := len(l.orders)
			wait := l.writeAll(t, p.url(t), 8)
			time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
			p.kill()
			wait()
			require.Greater(t, len(l.orders), before, "nothing was written in this round")

			p = start(t, dir, "DATABASE_URL="+url, smallPool)
			l.checkFresh(t, p.url(t))
		}
		l.checkAll(t, p.url(t))
		if path, ok := database.SQLitePath(url); ok {
			p.kill()
			requireWhole(t, path)
		}
	})
}
