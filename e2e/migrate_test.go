//go:build unix

package e2e

import (
	"database/sql"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// userorder starts the program with arguments.
func userorder(t *testing.T, dir string, args []string, settings ...string) *program {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	return launch(t, dir, exec.Command(binary, args...), settings...)
}

func TestAServiceMovesFromAFileToPostgres(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), databasetest.Postgres(t)
	p := start(t, dir)
	l := newLedger(login(t, p.url(t)))
	wait := l.writeAll(t, p.url(t), 4)
	time.Sleep(500 * time.Millisecond)
	args := []string{"migrate-data", "--from", "sqlite:data/app.db", "--to", url}
	running := userorder(t, dir, args)
	require.Equal(t, 1, running.exit(t), "it copies a file that is in use")
	require.Contains(t, said(t, running.stderr), "another process is using it")
	p.kill()
	wait()

	command := userorder(t, dir, args)
	require.Equal(t, 0, command.exit(t), said(t, command.stderr))
	require.Regexp(t, `(?s)users: 1 of 1 rows\n.*orders: \d+ of \d+ rows\n.*order_events: \d+ of \d+ rows\n.*order_events_begin: 1 of 1 rows\nAll rows of sqlite:data/app.db are in postgres://.*, and equal\. `,
		said(t, command.stdout))
	again := userorder(t, dir, args)
	require.Equal(t, 1, again.exit(t))
	require.Contains(t, said(t, again.stderr), "the target is not empty: users has rows")

	p = start(t, dir, "DATABASE_URL="+url)
	l.checkAll(t, p.url(t))
	require.Equal(t, "用户名已存在", send("POST", p.url(t)+"/user/register", "", testUser).Msg)
	require.True(t, send("POST", p.url(t)+"/user/login", "", testUser).ok())
	answer := create(p.url(t), l.token, "after the move")
	require.True(t, answer.ok())
	require.NotContains(t, l.orders, answer.Data.ID, "an id was used again")
}

func TestAKilledMoveStartsOver(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), databasetest.Postgres(t)
	p := start(t, dir)
	token := login(t, p.url(t))
	p.stop(t)
	db, err := sql.Open("sqlite", filepath.Join(dir, "data", "app.db"))
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO orders (user_id, product, price, status, created_at)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)
		SELECT 1, 'product ' || i, i, 'created', 0 FROM n`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	args := []string{"migrate-data", "--from", "sqlite:data/app.db", "--to", url}
	command := userorder(t, dir, args)
	require.Eventually(t, func() bool { return strings.Contains(said(t, command.stdout), "orders: ") },
		20*time.Second, time.Millisecond, "the copy does not begin")
	command.kill()
	require.NotContains(t, said(t, command.stdout), "All rows")
	refused := start(t, dir, "DATABASE_URL="+url)
	require.Equal(t, 1, refused.exit(t))
	require.Contains(t, said(t, refused.stderr), "it holds a copy that was not finished: run userorder migrate-data again")

	command = userorder(t, dir, args)
	require.Equal(t, 0, command.exit(t), said(t, command.stderr))
	p = start(t, dir, "DATABASE_URL="+url)
	require.Equal(t, "product 100000", send("GET", p.url(t)+"/order/query/100000", token, "").Data.Product)
}

func TestACommandMigratesWhereReplicasMayNot(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		settings := []string{"DATABASE_URL=" + url, "AUTO_MIGRATE=false"}
		p := start(t, dir, settings...)
		require.Equal(t, 1, p.exit(t))
		require.Contains(t, said(t, p.stderr), "run userorder migrate first")
		requireOneLine(t, said(t, p.stderr))

		command := userorder(t, dir, []string{"migrate"}, append(settings, "JWT_SECRET=")...)
		require.Equal(t, 0, command.exit(t), said(t, command.stderr))
		require.Contains(t, said(t, command.stdout), "The tables of order in ")
		p = start(t, dir, settings...)
		login(t, p.url(t))
	})
}

func TestHealthcheckAsksTheServiceOnThisMachine(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	port := strings.TrimPrefix(p.url(t), "http://127.0.0.1:")
	for _, host := range []string{"127.0.0.1", "0.0.0.0"} {
		command := userorder(t, t.TempDir(), []string{"healthcheck"}, "HOST="+host, "PORT="+port)
		require.Equal(t, 0, command.exit(t), said(t, command.stderr))
	}
	p.kill()
	command := userorder(t, t.TempDir(), []string{"healthcheck"}, "PORT="+port)
	require.Equal(t, 1, command.exit(t))
	requireOneLine(t, said(t, command.stderr))
}
