//go:build unix

package e2e

import (
	"archive/zip"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// previous is the tag or commit of the release before this one, here the last commit before v1.0.0. Set it to the new
// tag in the first commit after a release.
const previous = "af6ff67665713f1b443254eb21167a0862c101a2"

// withoutEvents is the last commit whose orders have no events. Unlike the previous release, which is older, it starts on
// a newer schema that is compatible with it.
const withoutEvents = "ba023b65e11d6d3857c071a9b62075e21387e60a"

// built has the programs that buildCommit has built, by commit.
var built = struct {
	sync.Mutex
	binaries map[string]string
}{binaries: map[string]string{}}

// buildCommit builds the program of a commit from the history of this repository, once. It skips the test if the commit is
// missing, as in a shallow clone or a tarball.
func buildCommit(t *testing.T, commit, name string) (binary string) {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if binary := built.binaries[commit]; binary != "" {
		return binary
	}
	source := filepath.Join(t.TempDir(), "source")
	archive := source + ".zip"
	git := exec.Command("git", "archive", "--format=zip", "--output="+archive, commit)
	git.Dir = ".."
	if out, err := git.CombinedOutput(); err != nil { // no tool that could be installed: a tarball has no history
		t.Skipf("needs a history that has the commit: git archive: %v: %s", err, out)
	}
	files, err := zip.OpenReader(archive)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(source, files))
	require.NoError(t, files.Close())
	binary, err = compile(source, name)
	require.NoError(t, err)
	built.binaries[commit] = binary
	return binary
}

func TestUpgradeFromThePreviousRelease(t *testing.T) {
	t.Parallel()
	binary := buildCommit(t, previous, "previous")
	t.Run("replicas of both releases serve one database under load", func(t *testing.T) {
		t.Parallel()
		upgradeReplicas(t, binary)
	})
	t.Run("a file of the previous release is opened with all its rows", func(t *testing.T) {
		t.Parallel()
		upgradeFile(t, binary)
	})
	t.Run("a file goes back and forth between the releases", func(t *testing.T) {
		t.Parallel()
		upgradeAndReturn(t, binary)
	})
	t.Run("orders of both releases move to PostgreSQL and back", func(t *testing.T) {
		t.Parallel()
		moveThereAndBack(t, binary)
	})
}

// upgradeReplicas starts this release beside the previous one, as a rolling update does, and then stops the previous
// one.
func upgradeReplicas(t *testing.T, binary string) {
	url := databasetest.Postgres(t)
	replica := launch(t, t.TempDir(), exec.Command(binary), "DATABASE_URL="+url)
	before := replica.url(t)
	accounts := registerAccounts(t, before, "old")
	byOld := newLedger(login(t, before))
	over := make(chan struct{})
	waitOld := byOld.writeOn(t, before, 2, over)
	byOld.await(t, 50)

	after := start(t, t.TempDir(), "DATABASE_URL="+url).url(t) // migrates while the other serves
	staff := clerk(t, after, url)
	follower := &follower{token: staff}
	waitReader := follower.follow(t, after, over)
	byNew := newLedger(login(t, after))
	waitNew := byNew.writeOn(t, after, 2, over)
	accounts = append(accounts, registerAccounts(t, after, "new")...)
	requireOneService(t, before, after)
	requireOneService(t, after, before)
	registered := atOnce(20, func(n int) reply {
		return send("POST", []string{before, after}[n%2]+"/user/register", "", registration("both", "both@example.com"))
	})
	require.Equal(t, map[string]int{"200 注册成功": 1, "200 用户名已存在": 19}, registered)
	byOld.await(t, byOld.count()+200)
	byNew.await(t, byNew.count()+200)
	close(over)
	waitOld()
	waitNew()
	waitReader()

	for _, l := range []*ledger{byOld, byNew} {
		require.Zero(t, l.unknown+l.unavailable, "a request failed")
		l.checkAll(t, before)
		l.checkAll(t, after)
	}
	for _, base := range []string{before, after} {
		requireAccounts(t, base, accounts)
		readyWithin(t, base, time.Second, 200)
	}
	const others = 2 * 2 // orders of requireOneService, half of them cancelled
	follower.catchUp(t, after)
	require.Equal(t, requireEventsSince(t, after, staff, others, byOld, byNew), follower.events, "a reader sees what was there when it began")
	requireRows(t, "pgx", url, len(accounts)+3, byOld.count()+byNew.count()+others, byOld.cancellations()+byNew.cancellations()+others/2)
	replica.stop(t)
	require.True(t, create(after, byOld.token, "after the upgrade").ok())
}

func upgradeFile(t *testing.T, binary string) {
	dir := t.TempDir()
	p := launch(t, dir, exec.Command(binary), "JWT_SECRET=") // creates its secret beside the file
	accounts := registerAccounts(t, p.url(t), "old")
	l := newLedger(login(t, p.url(t)))
	over := make(chan struct{})
	wait := l.writeOn(t, p.url(t), 4, over)
	l.await(t, 200)
	close(over)
	wait()
	p.kill() // leaves a write-ahead log

	p = start(t, dir, "JWT_SECRET=")
	base := p.url(t)
	require.Contains(t, said(t, p.stdout), " database=existing ")
	l.checkAll(t, base)
	requireAccounts(t, base, accounts)
	staff := clerk(t, base, "sqlite:"+filepath.Join(dir, "data", "app.db"))
	requireEventsSince(t, base, staff, 0, l)
	answer := create(base, l.token, "after the upgrade")
	require.True(t, answer.ok(), answer.body)
	require.NotContains(t, l.orders, answer.Data.ID, "an id was used again")
	p.stop(t)
	file := filepath.Join(dir, "data", "app.db")
	requireWhole(t, file)
	requireRows(t, "sqlite", "file:"+file+"?mode=ro", len(accounts)+2, l.count()+1, l.cancellations())
}

// account is a registered account.
type account struct{ id, name, email string }

func registration(name, email string) string {
	return fmt.Sprintf(`{"username":%q,"password":"test123","email":%q}`, name, email)
}

// registerAccounts registers accounts whose names begin with prefix.
func registerAccounts(t *testing.T, base, prefix string) (accounts []account) {
	t.Helper()
	for _, name := range []string{"Alice", "王小明", "ΟΔΥΣΣΕΥΣ"} {
		a := account{name: prefix + name, email: prefix + "@example.com"}
		answer := send("POST", base+"/user/register", "", registration(a.name, a.email))
		require.True(t, answer.ok(), answer.body)
		a.id = answer.Data.UserID
		accounts = append(accounts, a)
	}
	return accounts
}

// requireAccounts checks that base logs accounts in, returns their data, and reports their names as taken.
func requireAccounts(t *testing.T, base string, accounts []account) {
	t.Helper()
	for _, a := range accounts {
		answer := send("POST", base+"/user/login", "", registration(a.name, a.email))
		require.True(t, answer.ok(), answer.body)
		answer = send("GET", base+"/user/info", answer.Data.Token, "")
		got := account{answer.Data.UserID, answer.Data.Username, answer.Data.Email}
		require.Equal(t, a, got)
		require.Equal(t, "用户名已存在", send("POST", base+"/user/register", "", registration(a.name, a.email)).Msg)
	}
}

// requireOneService checks that there accepts the token of here, knows its user, and reads and cancels its orders. It
// creates two orders and cancels one of them.
func requireOneService(t *testing.T, here, there string) {
	t.Helper()
	token := login(t, here)
	require.True(t, send("GET", there+"/user/info", token, "").ok(), "the other release rejects the token")
	require.Equal(t, "用户名已存在", send("POST", there+"/user/register", "", testUser).Msg)
	kept, cancelled := create(here, token, "read there"), create(here, token, "cancelled there")
	require.True(t, kept.ok() && cancelled.ok())
	require.Equal(t, kept.Data, send("GET", there+"/order/query/"+kept.Data.ID, token, "").Data)
	require.True(t, send("DELETE", there+"/order/cancel/"+cancelled.Data.ID, token, "").ok())
	require.Equal(t, "订单不存在", send("GET", here+"/order/query/"+cancelled.Data.ID, token, "").Msg)
}

// requireRows checks how many rows a database has.
func requireRows(t *testing.T, driver, source string, users, orders, cancelled int) {
	t.Helper()
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var got [3]int
	require.NoError(t, db.QueryRow(`SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM orders),
		(SELECT count(*) FROM orders WHERE status = 'cancelled')`).Scan(&got[0], &got[1], &got[2]))
	require.Equal(t, [3]int{users, orders, cancelled}, got, "users, orders, cancelled orders")
}
